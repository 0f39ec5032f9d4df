"""The parts of the simulated world by themselves: clocks, kernels, networks, shrinking."""

from __future__ import annotations

from ipaddress import ip_address
from random import Random

import pytest

from vipd.core.actions import Action, RenewAddresses
from vipd.core.config import TakeoverProbe
from vipd.core.events import Event
from vipd.core.machine import Machine
from vipd.core.units import MILLISECOND, SECOND, Instant
from vipd.sim.client import Client
from vipd.sim.clock import Clock, Dial
from vipd.sim.cluster import live
from vipd.sim.drawing import draw
from vipd.sim.fault import Fault, FaultKind
from vipd.sim.kernel import Kernel
from vipd.sim.literal import literal
from vipd.sim.network import Storm
from vipd.sim.packet import Announced
from vipd.sim.rule import Broken
from vipd.sim.scenario import VIPS, Host, Scenario
from vipd.sim.shrinking import broken_rule, shrink

VIP = VIPS[4]


def test_the_clock_runs_plans_in_order_of_time_then_of_planning() -> None:
    clock = Clock()
    seen: list[str] = []
    clock.plan(20, lambda: seen.append("later"))
    clock.plan(10, lambda: seen.append("first"))
    clock.plan(10, lambda: seen.append("second"))
    clock.plan(10, lambda: clock.plan(15, lambda: seen.append("planned meanwhile")))
    clock.plan(31, lambda: seen.append("too late"))
    clock.run_until(30)
    assert seen == ["first", "second", "planned meanwhile", "later"]
    assert clock.now == 30


@pytest.mark.parametrize(("drift", "shown"), [(0, 1_000), (1000, 1_001), (-1000, 999)])
def test_a_dial_is_a_little_fast_or_slow(drift: int, shown: int) -> None:
    clock = Clock()
    dial = Dial(clock, origin=5_000, drift=drift)
    clock.run_until(1_000 * SECOND)
    assert dial.now == 5_000 + shown * SECOND


@pytest.mark.parametrize("drift", [0, 1000, -1000])
def test_a_dial_shows_a_moment_when_it_says_so_and_not_before(drift: int) -> None:
    clock = Clock()
    dial = Dial(clock, origin=77, drift=drift)
    for wanted in (77 + 1, 77 + SECOND, 77 + 12_345_678_901):
        moment = dial.when(wanted)
        clock.run_until(moment - 1)
        assert dial.now < wanted
        clock.run_until(moment)
        assert dial.now >= wanted


class TestKernel:
    def setup_method(self) -> None:
        self.clock = Clock()
        self.lapses: list[Instant] = []
        self.changes: list[Instant] = []
        self.kernel = Kernel(
            self.clock,
            Dial(self.clock, origin=0, drift=0),
            Random(1),
            on_change=lambda: self.changes.append(self.clock.now),
            on_lapse=lambda: self.lapses.append(self.clock.now),
        )

    def has_it(self) -> bool:
        """Whether the kernel has the address. Why: a call, which mypy does not take as lasting."""
        return self.kernel.held == (VIP,)

    def test_an_address_that_nobody_renews_leaves_by_itself(self) -> None:
        assert self.kernel.claim((VIP,), SECOND)
        self.clock.run_until(SECOND - 1)
        assert self.has_it()
        self.clock.run_until(1_070 * MILLISECOND)
        assert not self.has_it()
        assert len(self.lapses) == 1
        assert SECOND <= self.lapses[0] <= 1_070 * MILLISECOND

    def test_renewal_lets_the_lease_begin_anew(self) -> None:
        assert self.kernel.claim((VIP,), SECOND)
        for nth in range(1, 20):
            self.clock.run_until(nth * 900 * MILLISECOND)
            assert self.kernel.renew(SECOND)
        assert self.lapses == []
        self.clock.run_until(60 * SECOND)
        assert 18_100 * MILLISECOND <= self.lapses[0] <= 18_170 * MILLISECOND

    def test_a_lease_of_nothing_has_no_end(self) -> None:
        assert self.kernel.claim((VIP,), SECOND)
        assert self.kernel.claim((VIP,), 0)
        self.clock.run_until(100 * SECOND)
        assert self.has_it()

    def test_of_a_refused_claim_nothing_is_left(self) -> None:
        assert self.kernel.claim((VIP,), SECOND)
        self.kernel.refuses = True
        assert not self.kernel.renew(SECOND)
        assert self.has_it()
        assert not self.kernel.claim((VIP,), SECOND)
        assert not self.has_it()


def test_a_client_believes_the_last_announcement() -> None:
    client, address = Client(), ip_address("192.0.2.100")
    assert client.asks(address) is None
    for mac in (b"\x02\0\0\0\0\1", b"\x02\0\0\0\0\2"):
        client.hear(Announced(addresses=(address,), mac=mac))
    assert client.asks(address) == b"\x02\0\0\0\0\2"


class NeverRenews(Machine):
    def step(self, event: Event, now: Instant) -> tuple[Action, ...]:
        actions = super().step(event, now)
        return tuple(action for action in actions if not isinstance(action, RenewAddresses))


def test_shrinking_leaves_what_the_broken_rule_needs() -> None:
    scenario = next(one for one in map(draw, range(50)) if broken_rule(one, NeverRenews))
    rule = broken_rule(scenario, NeverRenews)
    short = shrink(scenario, machine=NeverRenews)
    assert broken_rule(short, NeverRenews) == rule == "lets its lease run out"
    assert short.faults == ()
    assert len(short.hosts) == 1
    assert short.storm == Storm()


def test_what_is_written_is_what_was_drawn() -> None:
    names = {
        "Fault": Fault,
        "FaultKind": FaultKind,
        "Host": Host,
        "MILLISECOND": MILLISECOND,
        "SECOND": SECOND,
        "Scenario": Scenario,
        "Storm": Storm,
        "TakeoverProbe": TakeoverProbe,
    }
    for scenario in map(draw, range(50)):
        assert eval(literal(scenario), {**names}) == scenario


def test_a_broken_rule_says_who_and_what_and_when() -> None:
    with pytest.raises(Broken, match="a lets its lease run out"):
        live(Scenario(hosts=(Host(),), healed=10 * SECOND), machine=NeverRenews)
