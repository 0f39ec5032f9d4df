"""Where a scenario is played: two hosts with a daemon each, a client, and the witnesses.

`a` is the better host: it is MASTER whenever a repetition begins. A `Take` is one repetition: from
`begin` on, the client and the kernels are watched, until the block ends. What is waited for in
vain within a take is noted, not raised: how bad it was shall be measured all the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from math import inf

from interop_mode import INTERFACE, Mode, address

from chaos.daemon import Daemon, Part
from chaos.seen import MISLED_ONCE_HEALED, TWO_ONCE_HEALED, TWO_UNTIL_HEALED, Seen
from chaos.timeline import Moment, Timeline
from chaos.watch import Watch
from vipd.core.model import State
from vipd.core.units import SECOND
from vipd.errors import VipdError
from vipd.lab.client import Probe
from vipd.lab.lab import Host, Lab

BETTER, WORSE = 150, 100
PROBE_INTERVAL_MS = 1.0
PATIENCE_S = 4.0
"""How much longer than the protocol allows something is waited for, on a busy machine."""

DECIDED_S = 0.4
"""Longer than a probe waits for an answer: after it every request of a take is decided."""

FIRST_VRID = 51


class Stage:
    """Two hosts, a client, and the modes (virtual routers) that both daemons are in."""

    def __init__(
        self,
        lab: Lab,
        kind: type[Daemon],
        interval_ms: int,
        *,
        instances: int = 1,
        more: Sequence[str] = (),
    ) -> None:
        self.lab = lab
        first, second, self.client = (
            lab.add_host(name, addresses=[str(address(4, number))])
            for name, number in (("a", 11), ("b", 12), ("client", 13))
        )
        self.modes = [
            Mode(name=f"vr{vrid}", vrid=vrid, version=3, interval_ms=interval_ms)
            for vrid in range(FIRST_VRID, FIRST_VRID + instances)
        ]
        self.watch = Watch(lab, (first, second), self.client)
        self.a = kind(lab, first, Part(modes=self.modes, priority=BETTER, more=more))
        self.b = kind(lab, second, Part(modes=self.modes, priority=WORSE, more=more))

    @property
    def mode(self) -> Mode:
        """The mode that a scenario with one address is about."""
        return self.modes[0]

    @property
    def down_s(self) -> float:
        """The silence after which b takes over."""
        return self.mode.down_after(WORSE) / SECOND

    @property
    def interval_s(self) -> float:
        """The time between adverts."""
        return self.mode.interval / SECOND

    def holders(self, mode: Mode | None = None) -> frozenset[str]:
        """Which hosts have the address now."""
        return self.watch.holders(vip(mode or self.mode))

    def only(self, host: Host, mode: Mode | None = None) -> bool:
        """Whether this host has the address, and no other."""
        return self.holders(mode) == {host.name}

    def start(self) -> None:
        """Start what does not run."""
        for daemon in (self.a, self.b):
            if not daemon.pids():
                daemon.start()

    def settle(self) -> None:
        """Have a serve, b wait and the client know nothing. Raises: VipdError when it fails."""
        self.start()
        self.lab.wait_until(self.settled, 3 * self.down_s + 3 * PATIENCE_S, "a serves, b waits")
        self.client.ip(f"neigh flush dev {INTERFACE}")

    def settled(self) -> bool:
        """Whether a serves in every mode, and b waits."""
        masters, backups = self.a.states(), self.b.states()
        return all(
            self.only(self.a.host, mode)
            and masters.get(mode.name) is State.MASTER
            and backups.get(mode.name) is State.BACKUP
            for mode in self.modes
        )

    @contextmanager
    def take(self, mode: Mode | None = None, served_by: Daemon | None = None) -> Iterator[Take]:
        """Watch one repetition, once the client is served, by `a` if nothing else is said."""
        mode = mode or self.mode
        with Probe(self.lab, self.client, vip(mode), PROBE_INTERVAL_MS) as probe:
            probe.wait_owner((served_by or self.a).host.name, PATIENCE_S)
            take = Take(self, probe, mode)
            take.begin()
            yield take
            take.end(self.watch)


class Take:
    """One repetition. Everything that `seen` tells is of the time from `begin` to the end."""

    def __init__(self, stage: Stage, probe: Probe, mode: Mode) -> None:
        self.seen: Seen
        self.also: dict[str, float] = {}
        self._stage = stage
        self._probe = probe
        self._mode = mode
        self._healed_ns: int | None = None
        self._unmet: list[str] = []

    def begin(self) -> None:
        """From now on it counts; said again, what was before does not."""
        self._changes = {one.host.name: one.transitions() for one in self._daemons}
        self._start_ns = time.monotonic_ns()

    def healed(self) -> None:
        """What was done is undone by now; what is so from here on is also told by itself."""
        self._healed_ns = time.monotonic_ns()

    @property
    def since_ms(self) -> float:
        """How long ago it began."""
        return (time.monotonic_ns() - self._start_ns) / 1_000_000

    def expect(self, condition: Callable[[], bool], timeout_s: float, what: str) -> bool:
        """Wait until it is so; note it when it is not in time."""
        with suppress(VipdError):
            self._stage.lab.wait_until(condition, timeout_s, what)
            return True
        self._unmet.append(what)
        return False

    def expect_served(self, by: Daemon, within_s: float) -> bool:
        """Wait until a host has the address and the client is served by it."""
        name = by.host.name

        def served() -> bool:
            return name in self._stage.holders(self._mode) and self._probe.owner() == name

        return self.expect(served, within_s + PATIENCE_S, f"{name} serves")

    def watch_for(self, seconds: float) -> None:
        """Let so much time pass since the beginning."""
        left = seconds - self.since_ms / 1000
        if left > 0:
            self._stage.lab.pause(left)

    def end(self, watch: Watch) -> None:
        """Take down what was seen."""
        self._stage.lab.pause(DECIDED_S)
        known = watch.timeline(self._probe.address)
        timeline = known.between(self._start_ns, known.end_ns)
        record = self._probe.record().since(self._start_ns)
        longest, total = record.longest_outage_ms(), record.total_outage_ms()
        around = self._around_the_healing(timeline)
        self.seen = Seen(
            outage=inf if longest is None else longest,
            outages=inf if total is None else total,
            lost=record.lost,
            two=timeline.total_ms(double),
            none=timeline.total_ms(lambda now: not now.holders),
            for_ever=timeline.lasts(double) or around.get(TWO_UNTIL_HEALED) == inf,
            misled=timeline.longest_ms(lambda now: now.misled),
            transitions={
                one.host.name: one.transitions() - self._changes[one.host.name]
                for one in self._daemons
            },
            also={**self.also, **around},
            unmet=tuple(self._unmet),
        )

    def _around_the_healing(self, timeline: Timeline) -> dict[str, float]:
        """What was so before and after; infinite is what nothing else has ended."""
        if self._healed_ns is None:
            return {}
        before = timeline.between(self._start_ns, self._healed_ns)
        after = timeline.between(self._healed_ns, timeline.end_ns)
        return {
            TWO_UNTIL_HEALED: inf if before.lasts(double) else before.total_ms(double),
            TWO_ONCE_HEALED: after.total_ms(double),
            MISLED_ONCE_HEALED: after.longest_ms(lambda now: now.misled),
        }

    @property
    def _daemons(self) -> tuple[Daemon, Daemon]:
        return self._stage.a, self._stage.b


def double(now: Moment) -> bool:
    """Whether two hosts have the address."""
    return now.double


def vip(mode: Mode) -> str:
    """The virtual IP of a mode, without its prefix length."""
    return str(mode.vip.ip)
