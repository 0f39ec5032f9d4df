"""What the interop tests have in common: who is to serve, and how soon and how long.

Order: the tests of one file with one peer share a bench; they stand in the order that needs the
fewest elections; any order works.
"""

from __future__ import annotations

from collections.abc import Callable

from interop_bench import Bench, Cells, Range, View, both_serve, max_interval
from interop_mode import Mode, Role, Setup

from vipd.core.units import MILLISECOND, Duration

HIGH, LOW = 200, 100
VIPD_FIRST = Setup(vipd=Role(priority=HIGH), peer=Role(priority=LOW))
PEER_FIRST = Setup(vipd=Role(priority=LOW), peer=Role(priority=HIGH))
EQUAL = Setup(vipd=Role(priority=LOW), peer=Role(priority=LOW), apart=True)

EARLY = 30 * MILLISECOND
"""FRR cuts its skew to whole hundredths of a second, and nobody's clock is ours."""

LATE = 500 * MILLISECOND
"""For a busy machine, and for a peer that brings up a device before it speaks."""

ENOUGH = 5
"""Adverts after which a BACKUP that does not believe them has long taken over."""


def vipd_is_master(view: View, mode: Mode) -> bool:
    """vipd serves, whatever the peer does."""
    return view.vipd_serves(mode)


def peer_is_master(view: View, mode: Mode) -> bool:
    """The peer serves, whatever vipd does."""
    return view.peer_serves(mode)


def expect_word(bench: Bench, cells: Cells, *, of_vipd: bool) -> None:
    """Wait until the wire has an advert of the MASTER, that it has become or has been."""
    cells.expect(
        "vipd speaks" if of_vipd else "the peer speaks",
        lambda _, mode: bench.reigns(mode, vipd=of_vipd),
        max_interval(cells.modes),
    )


def check_takeover(bench: Bench, cells: Cells, *, of_vipd: bool, resigned: bool) -> None:
    """Judge how long nobody spoke, between the last word of one side and the first of the other."""

    def judge(mode: Mode) -> str | None:
        reign, successor = bench.last_words(mode, of_vipd=of_vipd)
        if not reign or successor is None:
            return "the wiretap has not seen the address change hands"
        if (reign[-1].priority == 0) is not resigned:
            return f"the last advert had priority {reign[-1].priority}"
        limit = mode.skew(LOW) if resigned else mode.down_after(LOW)
        late = bench.peer.is_late_with(mode) if of_vipd else 0
        if late:
            cells.note(mode, f"{bench.peer.version} is silent for its first interval over IPv6")
        allowed = Range(least=limit - EARLY, most=limit + late + LATE, what="the takeover")
        return allowed.judge(successor.time_ns - reign[-1].time_ns)

    cells.check(judge)


def longest(cells: Cells) -> Duration:
    """The longest that any mode of this row may take to replace a silent MASTER."""
    return max(mode.down_after(LOW) for mode in cells.modes)


def has_heard_enough(view: View, mode: Mode) -> bool:
    """Whether vipd has heard some adverts since it was started."""
    return view.vipd[mode.name].counters.adverts_received >= ENOUGH


def says_enough(bench: Bench) -> Callable[[View, Mode], bool]:
    """Whether vipd has sent some adverts more than it had when this was asked for."""
    before = {name: one.counters.adverts_sent for name, one in bench.look().vipd.items()}
    return lambda view, mode: (
        view.vipd[mode.name].counters.adverts_sent >= before[mode.name] + ENOUGH
    )


def has_said_enough(view: View, mode: Mode) -> bool:
    """Whether vipd has sent some adverts since it was started."""
    return view.vipd[mode.name].counters.adverts_sent >= ENOUGH


def note_refusal(bench: Bench, cells: Cells) -> None:
    """Say in the table why there are two MASTERs, where the peer refuses what it hears."""
    view = bench.look()
    for mode in cells.alive:
        if both_serve(view, mode):
            said = bench.peer.said(mode).replace(f"({mode.name}) ", "")
            cells.note(mode, f"two MASTERs, {bench.peer.version} refuses: {said}")
