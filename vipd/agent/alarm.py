"""The alarm: what wakes the runtime on the loop, to the microsecond.

The loop's own timers are rounded up to milliseconds, because epoll counts in those; a timerfd is a
descriptor that becomes readable when a high-resolution timer of the kernel goes off. Python has it
since 3.13; until then it is asked of the C library. Sources: timerfd_create(2), epoll_wait(2).

A processor that has slept takes 0.1 ms to do anything. Where nobody is to sleep there is no timer:
the loop turns without a pause, which serves the descriptors as ever, and looks at the clock.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import time
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
        self._awake_until: Instant | None = None
        self._turn: asyncio.Handle | None = None
        self.runtime: Runtime | None = None
        loop.add_reader(self._descriptor, self._go_off)

    def close(self) -> None:
        """Go off no more."""
        self._awake_until = None
        self._loop.remove_reader(self._descriptor)
        os.close(self._descriptor)

    def set(self, at: Instant, *, awake: bool = False) -> None:
        """Wake the runtime at this moment instead of any moment set before.

        Awake is for a few milliseconds, in which the loop has the processor to itself.

        Why at least 1: a timer that is set to 0 is off.
        """
        self._awake_until = at if awake else None
        self._set_timer(0 if awake else max(at, 1))
        if awake and self._turn is None:
            self._turn = self._loop.call_soon(self._stay_awake)

    def _set_timer(self, at: Instant) -> None:
        self._time.seconds, self._time.nanoseconds = divmod(at, SECOND)
        if self._libc.timerfd_settime(self._descriptor, _ABSOLUTE, self._place, None):
            raise OSError(ctypes.get_errno(), "the kernel refused to set a timer")

    def _stay_awake(self) -> None:
        """Let the loop turn once more without a pause, until the moment has come."""
        self._turn = None
        if self._awake_until is None:
            return
        if time.monotonic_ns() < self._awake_until:
            self._turn = self._loop.call_soon(self._stay_awake)
        else:
            self._awake_until = None
            self._ring()

    def _go_off(self) -> None:
        try:
            os.read(self._descriptor, _COUNT_BYTES)
        except BlockingIOError:  # It was set anew after the loop had seen it.
            return
        self._ring()

    def _ring(self) -> None:
        assert self.runtime is not None, "the alarm is set by the runtime that it wakes"
        self.runtime.ring()
