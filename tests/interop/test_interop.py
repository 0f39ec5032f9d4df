"""vipd with the daemons that others run: who serves, who takes over, and who is believed.

Each test is one scenario, in every mode that the peer has; a table of all is printed at the end.
The order in the file is the one that needs the fewest elections; any order works.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace

import pytest
from interop_bench import (
    Bench,
    Cells,
    Range,
    View,
    both_serve,
    max_interval,
    only_peer_serves,
    only_vipd_serves,
)
from interop_mode import MODES, Mode, Role, Setup
from wiretap import verdicts

from vipd.core.units import MILLISECOND, SECOND, Duration

Row = Callable[..., AbstractContextManager[Cells]]

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

QUICK_OVER_IPV4 = [mode for mode in MODES if mode.interval_ms == 100 and mode.family == 4]


def vipd_is_master(view: View, mode: Mode) -> bool:
    return view.vipd_serves(mode)


def peer_is_master(view: View, mode: Mode) -> bool:
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


# -- vipd has the greater priority ------------------------------------------------------------


def test_vipd_is_master_and_the_peer_waits(bench: Bench, row: Row) -> None:
    with row("vipd MASTER, peer BACKUP") as cells:
        cells.arrange(VIPD_FIRST, only_vipd_serves)
        expect_word(bench, cells, of_vipd=True)


def test_vipd_resigns_and_the_peer_takes_over_after_its_skew(bench: Bench, row: Row) -> None:
    with row("vipd stops") as cells:
        cells.arrange(VIPD_FIRST, only_vipd_serves)
        expect_word(bench, cells, of_vipd=True)
        bench.stop_vipd()
        cells.expect("after vipd's end", peer_is_master, SECOND)
        expect_word(bench, cells, of_vipd=False)
        cells.expect("vipd has let go", lambda view, mode: mode.vip.ip not in view.at_vipd, 0)
        check_takeover(bench, cells, of_vipd=True, resigned=True)


def test_vipd_returns_and_preempts(bench: Bench, row: Row) -> None:
    with row("vipd returns: preempts") as cells:
        cells.arrange(VIPD_FIRST, peer_is_master, vipd=False)
        bench.start_vipd()
        cells.expect("after vipd's return", only_vipd_serves, longest(cells))


def test_vipd_dies_in_silence_and_the_peer_takes_over(bench: Bench, row: Row) -> None:
    with row("vipd killed") as cells:
        cells.arrange(VIPD_FIRST, only_vipd_serves)
        expect_word(bench, cells, of_vipd=True)
        bench.kill_vipd()
        cells.expect("after vipd's death", peer_is_master, longest(cells))
        expect_word(bench, cells, of_vipd=False)
        check_takeover(bench, cells, of_vipd=True, resigned=False)


def test_vipd_returns_and_waits_when_it_must_not_preempt(bench: Bench, row: Row) -> None:
    with row("vipd returns, preempt off") as cells:
        patient = replace(VIPD_FIRST, vipd=Role(priority=HIGH, preempt=False))
        cells.arrange(patient, peer_is_master, vipd=False)
        bench.start_vipd()
        cells.expect("after vipd's return", only_peer_serves, longest(cells))
        cells.expect("some adverts later", has_heard_enough, ENOUGH * max_interval(cells.modes))
        cells.expect("vipd still waits", only_peer_serves, 0)


# -- the peer has the greater priority --------------------------------------------------------


def test_the_peer_is_master_and_vipd_waits(row: Row) -> None:
    with row("peer MASTER, vipd BACKUP") as cells:
        cells.arrange(PEER_FIRST, only_peer_serves)
        cells.expect("vipd knows its MASTER", knows_the_peer, 0)


def knows_the_peer(view: View, mode: Mode) -> bool:
    """What vipd tells of its MASTER, and that it has dropped nothing of it."""
    one = view.vipd[mode.name]
    return one.master is not None and one.master.priority == HIGH and not one.counters.dropped


def test_the_peer_resigns_and_vipd_takes_over_after_its_skew(bench: Bench, row: Row) -> None:
    with row("peer stops") as cells:
        cells.arrange(PEER_FIRST, only_peer_serves)
        expect_word(bench, cells, of_vipd=False)
        bench.stop_peer()
        cells.expect("after the peer's end", vipd_is_master, SECOND)
        expect_word(bench, cells, of_vipd=True)
        check_takeover(bench, cells, of_vipd=False, resigned=True)


def test_the_peer_returns_and_preempts(bench: Bench, row: Row) -> None:
    with row("peer returns: preempts") as cells:
        cells.arrange(PEER_FIRST, vipd_is_master, peer=False)
        bench.start_peer()
        cells.expect("after the peer's return", only_peer_serves, longest(cells))


def test_the_peer_dies_in_silence_and_vipd_takes_over(bench: Bench, row: Row) -> None:
    with row("peer killed") as cells:
        cells.arrange(PEER_FIRST, only_peer_serves)
        expect_word(bench, cells, of_vipd=False)
        bench.kill_peer()
        cells.expect("after the peer's death", vipd_is_master, longest(cells))
        expect_word(bench, cells, of_vipd=True)
        check_takeover(bench, cells, of_vipd=False, resigned=False)


def test_the_peer_returns_and_waits_when_it_must_not_preempt(bench: Bench, row: Row) -> None:
    with row("peer returns, preempt off") as cells:
        patient = replace(PEER_FIRST, peer=Role(priority=HIGH, preempt=False))
        cells.arrange(patient, vipd_is_master, peer=False)
        bench.start_peer()
        cells.expect("after the peer's return", only_vipd_serves, longest(cells))
        cells.expect("some adverts later", says_enough(bench), ENOUGH * max_interval(cells.modes))
        cells.expect("the peer still waits", only_vipd_serves, 0)


# -- neither is better ------------------------------------------------------------------------


def test_of_equals_the_greater_address_stays_when_it_is_the_peers(bench: Bench, row: Row) -> None:
    with row("equal, peer's address greater") as cells:
        cells.arrange(EQUAL, both_serve)
        bench.reunite()
        cells.expect("after the reunion", only_peer_serves, max_interval(cells.modes))


def test_of_equals_the_greater_address_stays_when_it_is_vipds(bench: Bench, row: Row) -> None:
    with row("equal, vipd's address greater") as cells:
        cells.arrange(replace(EQUAL, vipd_above=True), both_serve)
        bench.reunite()
        cells.expect("after the reunion", only_vipd_serves, max_interval(cells.modes))


# -- the two are not set up alike -------------------------------------------------------------


def test_another_interval_is_dropped_in_v2_and_learned_in_v3(row: Row) -> None:
    with row("vipd's interval twice the peer's") as cells:
        slower = replace(PEER_FIRST, vipd=Role(priority=LOW, slower=2))
        cells.arrange(slower, lambda view, mode: view.peer_serves(mode) and mode.name in view.vipd)
        cells.expect("of the other interval", judged_by_version, max_interval(cells.modes))
        for mode in cells.modes:
            cells.note(mode, "v2: dropped, counted" if mode.version == 2 else "v3: learned")


def judged_by_version(view: View, mode: Mode) -> bool:
    one = view.vipd[mode.name]
    dropped = one.counters.dropped.get("interval_mismatch", 0)
    if mode.version == 2:
        return dropped > 0 and one.master is None
    learned = abs(one.master_down_interval_s - mode.down_after(LOW) / SECOND) < 0.001
    return not dropped and view.vipd_waits(mode) and learned


def test_a_master_with_more_addresses_is_still_the_master(row: Row) -> None:
    with row("peer advertises one more") as cells:
        richer = replace(PEER_FIRST, peer=Role(priority=HIGH, more_addresses=True))
        cells.arrange(richer, only_peer_serves)
        cells.expect("some adverts later", has_heard_enough, ENOUGH * max_interval(cells.modes))
        cells.expect("vipd still waits", only_peer_serves, 0)


def has_heard_enough(view: View, mode: Mode) -> bool:
    return view.vipd[mode.name].counters.adverts_received >= ENOUGH


def test_vipd_with_more_addresses_stays_master_whatever_the_peer_thinks(
    bench: Bench, row: Row
) -> None:
    with row("vipd advertises one more") as cells:
        richer = replace(VIPD_FIRST, vipd=Role(priority=HIGH, more_addresses=True))
        expected = both_serve if bench.peer.refuses_other_addresses else only_vipd_serves
        cells.arrange(richer, expected)
        cells.expect("some adverts later", has_said_enough, ENOUGH * max_interval(cells.modes))
        cells.expect("still", expected, 0)
        note_refusal(bench, cells)


def says_enough(bench: Bench) -> Callable[[View, Mode], bool]:
    """Whether vipd has sent some adverts more than it had when this was asked for."""
    before = {name: one.counters.adverts_sent for name, one in bench.look().vipd.items()}
    return lambda view, mode: (
        view.vipd[mode.name].counters.adverts_sent >= before[mode.name] + ENOUGH
    )


def has_said_enough(view: View, mode: Mode) -> bool:
    return view.vipd[mode.name].counters.adverts_sent >= ENOUGH


def note_refusal(bench: Bench, cells: Cells) -> None:
    """Say in the table why there are two MASTERs, where the peer refuses what it hears."""
    view = bench.look()
    for mode in cells.alive:
        if both_serve(view, mode):
            said = bench.peer.said(mode).replace(f"({mode.name}) ", "")
            cells.note(mode, f"two MASTERs, {bench.peer.version} refuses: {said}")


# -- the two forms of the checksum ------------------------------------------------------------


def test_auto_follows_the_form_that_the_peer_uses(bench: Bench, row: Row) -> None:
    with row("checksum auto", QUICK_OVER_IPV4) as cells:
        cells.arrange(PEER_FIRST, only_peer_serves)
        expect_word(bench, cells, of_vipd=False)
        bench.stop_peer()
        cells.expect("after the peer's end", vipd_is_master, SECOND)
        cells.check(lambda mode: form_on_the_wire(bench, mode, message=mode.message_checksum))


@pytest.mark.parametrize("form", ["rfc5798", "rfc9568"])
def test_a_pinned_form_is_sent_whatever_the_peer_uses(bench: Bench, row: Row, form: str) -> None:
    with row(f"checksum {form}", QUICK_OVER_IPV4) as cells:
        pinned = Role(priority=HIGH, checksum="rfc9568" if form == "rfc9568" else "rfc5798")
        cells.arrange(replace(VIPD_FIRST, vipd=pinned), vipd_is_master)
        cells.expect("some adverts later", has_said_enough, SECOND)
        cells.expect("the peer has judged", the_peer_judges(form), 0)
        cells.check(lambda mode: form_on_the_wire(bench, mode, message=form == "rfc9568"))
        note_refusal(bench, cells)


def the_peer_judges(form: str) -> Callable[[View, Mode], bool]:
    """A daemon that only knows the form of RFC 5798 does not hear the other."""

    def judged(view: View, mode: Mode) -> bool:
        deaf = form == "rfc9568" and not mode.message_checksum
        return both_serve(view, mode) if deaf else only_vipd_serves(view, mode)

    return judged


def form_on_the_wire(bench: Bench, mode: Mode, *, message: bool) -> str | None:
    """Whether vipd's last advert in this mode has the checksum in this form, as tshark sees it."""
    judged = verdicts(bench.wire.file, bench.vipd_macs, message_checksum=message)
    last = next(one for one in reversed(judged) if one.vrid == mode.vrid)
    return None if last.checksum_good else f"packet {last.number} has the other checksum"


# -- the wire ---------------------------------------------------------------------------------


def test_tshark_finds_no_fault_in_what_vipd_has_sent(bench: Bench, row: Row) -> None:
    with row("tshark: every packet of vipd") as cells:
        cells.arrange(VIPD_FIRST, only_vipd_serves)
        expect_word(bench, cells, of_vipd=True)
        rfc5798, rfc9568 = (
            verdicts(bench.wire.file, bench.vipd_macs, message_checksum=message)
            for message in (False, True)
        )
        either = {mode.vrid for mode in QUICK_OVER_IPV4}
        faults: dict[int, str] = {}
        for one, other in zip(rfc5798, rfc9568, strict=False):
            good = one.checksum_good or (one.vrid in either and other.checksum_good)
            if one.complaints or not good:
                faults[one.vrid] = one.complaints or f"packet {one.number}: bad checksum"
        cells.check(lambda mode: faults.get(mode.vrid))
        assert {one.vrid for one in rfc5798} == {mode.vrid for mode in cells.modes}
