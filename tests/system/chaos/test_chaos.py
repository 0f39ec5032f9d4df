"""What no scenario may do to the address, seen from outside: a miniature of `python -m chaos`.

vipd alone, few repetitions, and bounds with room for whatever else runs on the machine. The
figures are printed at the end of the run. Order: what takes longest begins first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from chaos import scenario
from chaos.bound import GENEROUS
from chaos.play import HOLD, NFT, Play
from chaos.scenario import Scenario
from chaos.seen import Row
from chaos.table import judged, told

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.alone]


def play(what: Scenario, *rows: str, every_ms: int, times: int) -> Play:
    return Play(scenario=what, rows=rows, interval_ms=every_ms, times=times)


PLAYS: Sequence[Play] = (
    play(scenario.frozen_four_seconds, scenario.FROZEN_4S, every_ms=1000, times=2),
    play(scenario.frozen_four_seconds, scenario.FROZEN_4S, every_ms=100, times=3),
    play(scenario.restarted, scenario.RESTARTED, every_ms=1000, times=2),
    play(scenario.killed, scenario.KILLED, every_ms=1000, times=1),
    play(
        scenario.stopped_and_returned, scenario.STOPPED, scenario.RETURNED, every_ms=1000, times=1
    ),
    play(scenario.recreated, scenario.RECREATED, every_ms=100, times=8),
    play(scenario.frozen_and_thawed, scenario.FROZEN, every_ms=100, times=2),
    play(scenario.killed, scenario.KILLED, every_ms=100, times=2),
    play(scenario.stopped_and_returned, scenario.STOPPED, scenario.RETURNED, every_ms=100, times=3),
    play(scenario.cut, scenario.CUT, every_ms=100, times=2),
    replace(play(scenario.deleted, scenario.DELETED, every_ms=1000, times=10), instances=2),
    replace(play(scenario.deleted, scenario.DELETED, every_ms=100, times=10), instances=2),
    replace(play(scenario.firewall_in, scenario.FIREWALL_IN, every_ms=100, times=1), needs=NFT),
    replace(play(scenario.firewall_out, scenario.FIREWALL_OUT, every_ms=100, times=1), needs=NFT),
    replace(play(scenario.hold_in, scenario.HOLD_IN, every_ms=100, times=1), more=HOLD, needs=NFT),
    replace(
        play(scenario.hold_out, scenario.HOLD_OUT, every_ms=100, times=1), more=HOLD, needs=NFT
    ),
)


@pytest.mark.parametrize("play", PLAYS, ids=str)
def test_the_address_survives(
    play: Play,
    perform: Callable[[Play], tuple[Row, ...]],
    record_property: Callable[[str, object], None],
) -> None:
    rows = perform(play)
    for row in rows:
        record_property("figure", f"chaos: {told(row)}")
    missed = {row.scenario: judged(row, rows, GENEROUS) for row in rows}
    assert {name: said for name, said in missed.items() if said} == {}
