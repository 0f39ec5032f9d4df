"""The two are not set up alike: intervals and lists of addresses that differ."""

from __future__ import annotations

from dataclasses import replace

from interop_bench import (
    Bench,
    Row,
    View,
    both_serve,
    max_interval,
    only_peer_serves,
    only_vipd_serves,
)
from interop_expect import (
    ENOUGH,
    HIGH,
    LOW,
    PEER_FIRST,
    VIPD_FIRST,
    has_heard_enough,
    has_said_enough,
    note_refusal,
)
from interop_mode import Mode, Role

from vipd.core.units import SECOND


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
