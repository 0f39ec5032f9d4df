"""The alarm: what wakes the runtime on the loop."""

from __future__ import annotations

import asyncio
import time

from vipd.agent.runtime import Runtime
from vipd.core.units import SECOND, Instant


class LoopAlarm:
    """An alarm that goes off on the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._handle: asyncio.TimerHandle | None = None
        self.runtime: Runtime | None = None

    def set(self, at: Instant) -> None:
        """Wake the runtime at this moment instead of any moment set before."""
        if self._handle:
            self._handle.cancel()
        self._handle = self._loop.call_later((at - time.monotonic_ns()) / SECOND, self._ring)

    def _ring(self) -> None:
        assert self.runtime is not None, "the alarm is set by the runtime that it wakes"
        self.runtime.ring()
