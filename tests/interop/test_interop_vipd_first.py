"""vipd has the greater priority: it serves, ends, returns, and the peer fills the gaps."""

from __future__ import annotations

from dataclasses import replace

from interop_bench import Bench, Row, max_interval, only_peer_serves, only_vipd_serves
from interop_expect import (
    ENOUGH,
    HIGH,
    VIPD_FIRST,
    check_takeover,
    expect_word,
    has_heard_enough,
    longest,
    peer_is_master,
)
from interop_mode import Role

from vipd.core.units import SECOND


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
