"""How long after the protocol's limit a BACKUP speaks, measured on the wire by a bystander.

The figures are printed at the end of the run; what decides is only a generous bound, because
other programs run on the same machine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

import pytest

from vipd.core.model import State
from vipd.core.units import MILLISECOND, SECOND
from vipd.lab.agent import Agent
from vipd.lab.bystander import Bystander, Passed
from vipd.lab.lab import Lab

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.alone]

TAKEOVERS = 10
GENEROUS = 100 * MILLISECOND
LIMIT = {
    # 3 * interval + (256 - 100) / 256 * interval, in nanoseconds.
    "1s": 3_609_375_000,
    "100ms": 360_937_500,
    "10ms": 36_093_750,
}
PAIRS = {"1s": 5, "100ms": 1, "10ms": 1}
"""So many hear each other and wait at the same time. Why: at 1 s a takeover is five seconds of
waiting; at shorter intervals they would take the processors from each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two agents with a virtual router of their own."""

    vrid: int
    better: Agent
    heir: Agent


def start(lab: Lab, number: int, interval: str) -> Pair:
    vrid = 51 + number
    agents = []
    for name, priority in (("better", 150), ("heir", 100)):
        own = f"192.0.2.{priority + number}/24"
        host = lab.add_host(f"{name}{number}", addresses=(own,))
        config = (
            f'[instance.web]\ninterface = "eth0"\nvrid = {vrid}\n'
            f'addresses = ["192.0.2.{vrid}/24"]\n'
            f'priority = {priority}\nadvert_interval = "{interval}"\n'
        )
        agents.append(Agent(lab, host, config))
        agents[-1].start()
    return Pair(vrid=vrid, better=agents[0], heir=agents[1])


def wait_at_rest(pair: Pair) -> None:
    pair.better.wait_state(State.MASTER)
    pair.heir.wait_state(State.BACKUP)


def hear_one_more(lab: Lab, bystander: Bystander, pair: Pair) -> None:
    """So that pairs fall silent each at its own moment, and not before they have spoken."""

    def heard() -> int:
        return len(of(pair, bystander.adverts()))

    before = heard()
    lab.wait_until(lambda: heard() > before, 10, "an advert")


def of(pair: Pair, adverts: list[Passed]) -> list[Passed]:
    return [one for one in adverts if one.vrid == pair.vrid]


def excesses(adverts: list[Passed], limit: int) -> list[int]:
    """How much longer than the limit the silence was, each time that the address changed hands."""
    return [
        after.time_ns - before.time_ns - limit
        for before, after in pairwise(adverts)
        if (before.host[:-1], after.host[:-1]) == ("better", "heir")
        and after.time_ns - before.time_ns > limit // 2
    ]


@pytest.mark.parametrize("interval", LIMIT)
def test_a_silent_master_is_replaced_at_the_limit(
    lab: Lab, interval: str, record_property: Callable[[str, object], None]
) -> None:
    pairs = [start(lab, number, interval) for number in range(PAIRS[interval])]
    bystander = Bystander(lab, lab.add_host("eyes"))
    for pair in pairs:
        wait_at_rest(pair)
    for _ in range(TAKEOVERS // len(pairs)):
        for pair in pairs:
            hear_one_more(lab, bystander, pair)
            pair.better.freeze()
        for pair in pairs:
            pair.heir.wait_state(State.MASTER)
            pair.better.thaw()
        for pair in pairs:
            wait_at_rest(pair)
    adverts = bystander.adverts()
    late = [one for pair in pairs for one in excesses(of(pair, adverts), LIMIT[interval])]
    assert len(late) == TAKEOVERS
    figures = [f"{one / MILLISECOND:.2f}" for one in sorted(late)]
    text = f"median {median(late) / MILLISECOND:.2f} ms of {', '.join(figures)}"
    record_property("figure", f"takeover, excess over the limit at {interval}: {text}")
    assert min(late) > -MILLISECOND
    assert median(late) < GENEROUS
    assert LIMIT["1s"] == 3 * SECOND + 156 * SECOND // 256
