"""The alarm: what wakes the runtime on the loop, to the microsecond.

The loop's own timers are rounded up to milliseconds, because epoll counts in those; a timerfd is a
descriptor that becomes readable when a high-resolution timer of the kernel goes off. Python has it
since 3.13; until then it is asked of the C library. Sources: timerfd_create(2), epoll_wait(2).
"""

from __future__ import annotations

import asyncio
import ctypes
import os
from typing import Final

from vipd.agent.runtime import Runtime
from vipd.core.units import SECOND, Instant

_CLOCK_MONOTONIC: Final = 1
_ABSOLUTE: Final = 1
"""TFD_TIMER_ABSTIME (linux/timerfd.h)."""

_COUNT_BYTES: Final = 8


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    """Goes off at `value`, and then every `interval`, which is 0 here: once."""

    _fields_ = (("interval", _Timespec), ("value", _Timespec))


class TimerAlarm:
    """An alarm that goes off on the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._libc = ctypes.CDLL(None, use_errno=True)
        flags = os.O_NONBLOCK | os.O_CLOEXEC
        self._descriptor: int = self._libc.timerfd_create(_CLOCK_MONOTONIC, flags)
        if self._descriptor < 0:
            raise OSError(ctypes.get_errno(), "cannot have a timer of the kernel")
        self._spec = _Itimerspec()
        self._time, self._place = self._spec.value, ctypes.byref(self._spec)
        self.runtime: Runtime | None = None
        loop.add_reader(self._descriptor, self._ring)

    def close(self) -> None:
        """Go off no more."""
        self._loop.remove_reader(self._descriptor)
        os.close(self._descriptor)

    def set(self, at: Instant) -> None:
        """Wake the runtime at this moment instead of any moment set before.

        Why at least 1: a timer that is set to 0 is off.
        """
        self._time.seconds, self._time.nanoseconds = divmod(max(at, 1), SECOND)
        if self._libc.timerfd_settime(self._descriptor, _ABSOLUTE, self._place, None):
            raise OSError(ctypes.get_errno(), "the kernel refused to set a timer")

    def _ring(self) -> None:
        try:
            os.read(self._descriptor, _COUNT_BYTES)
        except BlockingIOError:  # It was set anew after the loop had seen it.
            return
        assert self.runtime is not None, "the alarm is set by the runtime that it wakes"
        self.runtime.ring()
