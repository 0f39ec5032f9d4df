"""A link that carries adverts between nodes, as badly as it is told to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import TypeAlias

from vipd.core.units import Duration, Instant
from vipd.sim.clock import Clock
from vipd.wire.vrrp import Datagram

Path: TypeAlias = tuple[int, int]
"""The way from one node to another, by their indexes; the way back is another path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Storm:
    """What befalls every packet until the storm is over; unequal delays reorder packets.

    A packet that is still under way arrives when the storm ends.
    """

    loss: float
    duplication: float
    delay: Duration
    end: Instant


class Network:
    """One broadcast domain."""

    def __init__(
        self, clock: Clock, rng: Random, *, latency: dict[Path, Duration], storm: Storm
    ) -> None:
        self._clock = clock
        self._rng = rng
        self._latency = latency
        self._storm = storm
        self._cut: Counter[Path] = Counter()
        self._receivers: Sequence[Callable[[Datagram], None]] = ()

    def attach(self, receivers: Iterable[Callable[[Datagram], None]]) -> None:
        """Say who listens, in the order of the nodes' indexes."""
        self._receivers = tuple(receivers)

    def cut(self, paths: Iterable[Path]) -> None:
        """Lose whatever is sent along these paths; cuts may overlap."""
        self._cut.update(paths)

    def mend(self, paths: Iterable[Path]) -> None:
        """Undo one `cut`."""
        self._cut.subtract(paths)

    def send(self, sender: int, datagram: Datagram) -> None:
        """Carry a datagram to every other node, or not."""
        stormy = self._clock.now < self._storm.end
        for index, receive in enumerate(self._receivers):
            path = (sender, index)
            if index == sender or self._cut[path] > 0:
                continue
            for delay in self._fate() if stormy else (0,):
                latency = int(self._rng.random() * self._latency[path])
                self._clock.plan(self._clock.now + latency + delay, partial(receive, datagram))

    def _fate(self) -> tuple[Duration, ...]:
        """The delays of the copies that arrive of one packet in the storm."""
        storm, chance = self._storm, self._rng.random
        if chance() < storm.loss:
            return ()
        copies = 2 if chance() < storm.duplication else 1
        rest = storm.end - self._clock.now
        return tuple([min(int(chance() * storm.delay), rest) for _ in range(copies)])
