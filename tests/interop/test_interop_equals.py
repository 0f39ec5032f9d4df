"""Neither is better: the greater address stays when both have served."""

from __future__ import annotations

from dataclasses import replace

from interop_bench import Bench, Row, both_serve, max_interval, only_peer_serves, only_vipd_serves
from interop_expect import EQUAL


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
