"""The peer has the greater priority: it serves, ends, returns, and vipd fills the gaps."""

from __future__ import annotations

from dataclasses import replace

from interop_bench import Bench, Row, View, max_interval, only_peer_serves, only_vipd_serves
from interop_expect import (
    ENOUGH,
    HIGH,
    PEER_FIRST,
    check_takeover,
    expect_word,
    longest,
    says_enough,
    vipd_is_master,
)
from interop_mode import Mode, Role

from vipd.core.units import SECOND


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
