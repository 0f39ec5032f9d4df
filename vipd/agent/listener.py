"""The listener: wakes the runtime when adverts have arrived, but not for each of them.

A MASTER of hundreds of instances speaks in bursts, and a flood never ends. The first packet is read
at once; what follows within a moment is read together, by one wake-up. Nothing that is due waits
for that: the runtime reads all packets before it lets the time pass.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

REST_S = 0.001
"""Units: seconds. Shorter than anything that a reaction to an advert is measured by: the shortest
interval is 10 ms. RFC: 9568 §5.2.7."""


class Listener:
    """Watches one descriptor on the loop."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, descriptor: int, wake: Callable[[], None]
    ) -> None:
        self._loop = loop
        self._descriptor = descriptor
        self._wake = wake
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
        self._rest = self._loop.call_later(REST_S, self._listen)
        self._wake()
