"""The listener: wakes the runtime when adverts have arrived, but not for each of them.

A MASTER of hundreds of instances speaks in bursts, and a flood never ends. The first packet is read
at once; what follows within a moment is read together, by one wake-up. That moment is short beside
the intervals of the adverts. And nothing that is due waits for its end: the runtime reads all
packets before it lets the time pass.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from vipd.core.units import MILLISECOND, SECOND, Duration

REST_SHARE = 32
"""One part in so many of the shortest interval passes between two looks."""

REST_LEAST: Duration = MILLISECOND
REST_MOST: Duration = 4 * MILLISECOND
"""Longer, and more would wait to be read than is read at once."""


def rest(interval: Duration) -> Duration:
    """For how long what follows an advert may wait, where this is the shortest interval."""
    return min(max(interval // REST_SHARE, REST_LEAST), REST_MOST)


class Listening(Protocol):
    """Whoever wakes: the runtime."""

    shortest_interval: Duration

    def wake(self) -> None:
        """Take in all that has arrived."""


class Listener:
    """Watches one descriptor on the loop, and wakes who listens there."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, descriptor: int, listening: Listening
    ) -> None:
        self._loop = loop
        self._descriptor = descriptor
        self._listening = listening
        self._rest: asyncio.TimerHandle | None = None
        self._listen()

    def close(self) -> None:
        """Listen no more."""
        if self._rest:
            self._rest.cancel()
        self._loop.remove_reader(self._descriptor)

    def _listen(self) -> None:
        self._rest = None
        self._loop.add_reader(self._descriptor, self._hear)

    def _hear(self) -> None:
        self._loop.remove_reader(self._descriptor)
        self._rest = self._loop.call_later(
            rest(self._listening.shortest_interval) / SECOND, self._listen
        )
        self._listening.wake()
