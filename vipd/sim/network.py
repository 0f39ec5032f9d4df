"""A link that carries packets between nodes, as badly as it is told to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import TypeAlias

from vipd.core.units import Duration, Instant
from vipd.sim.clock import Clock
from vipd.sim.packet import Announced, Packet, Spoken

Path: TypeAlias = tuple[int, int]
"""The way from one node to another, by their indexes; the way back is another path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Storm:
    """What befalls every packet until the storm is over; unequal delays reorder packets.

    A packet that is still under way arrives when the storm ends.
    """

    loss: float = 0.0
    duplication: float = 0.0
    delay: Duration = 0
    end: Instant = 0

    @property
    def harmless(self) -> bool:
        """Whether every packet arrives, and in time."""
        return not self.end or not (self.loss or self.delay)


NO_STORM = Storm()


class Network:
    """One broadcast domain: the nodes, and a client that loses nothing."""

    def __init__(self, clock: Clock, rng: Random, *, latency: Duration, storm: Storm) -> None:
        self._clock = clock
        self._rng = rng
        self._latency = latency
        self._storm = storm
        self._cut: Counter[Path] = Counter()
        self._filtered: Counter[Path] = Counter()
        self._receivers: Sequence[Callable[[Packet], None]] = ()
        self._client: Callable[[Announced], None] = lambda _: None

    def attach(
        self, receivers: Iterable[Callable[[Packet], None]], client: Callable[[Announced], None]
    ) -> None:
        """Say who listens: the nodes, in the order of their indexes, and the client."""
        self._receivers, self._client = tuple(receivers), client

    def cut(self, paths: Iterable[Path]) -> None:
        """Lose whatever is sent along these paths; cuts may overlap."""
        self._cut.update(paths)

    def mend(self, paths: Iterable[Path]) -> None:
        """Undo one `cut`."""
        self._cut.subtract(paths)

    def filter(self, paths: Iterable[Path]) -> None:
        """Lose the adverts that are sent along these paths, as a firewall does."""
        self._filtered.update(paths)

    def unfilter(self, paths: Iterable[Path]) -> None:
        """Undo one `filter`."""
        self._filtered.subtract(paths)

    def send(self, sender: int, packet: Packet) -> None:
        """Carry a packet to every other node, or not."""
        for index in range(len(self._receivers)):
            if index != sender:
                self.send_to(sender, index, packet)

    def send_to(self, sender: int, receiver: int, packet: Packet) -> None:
        """Carry a packet to one node, or not."""
        path = (sender, receiver)
        if self._cut[path] > 0 or (self._filtered[path] > 0 and isinstance(packet, Spoken)):
            return
        receive = self._receivers[receiver]
        for delay in self._fate() if self._clock.now < self._storm.end else (0,):
            self._clock.plan(self._arrival + delay, partial(receive, packet))

    def announce(self, sender: int, packet: Announced) -> None:
        """Carry an announcement to every other node, or not, and to the client."""
        self.send(sender, packet)
        self._clock.plan(self._arrival, partial(self._client, packet))

    @property
    def _arrival(self) -> Instant:
        return self._clock.now + int(self._rng.random() * self._latency)

    def _fate(self) -> tuple[Duration, ...]:
        """The delays of the copies that arrive of one packet in the storm."""
        storm, chance = self._storm, self._rng.random
        if chance() < storm.loss:
            return ()
        copies = 2 if chance() < storm.duplication else 1
        rest = storm.end - self._clock.now
        return tuple([min(int(chance() * storm.delay), rest) for _ in range(copies)])
