"""The alarm: a timer of the kernel that wakes the runtime on the loop."""

from __future__ import annotations

import asyncio
import time
from contextlib import closing
from typing import Any, cast

from vipd.agent.alarm import TimerAlarm
from vipd.agent.runtime import Runtime
from vipd.core.units import MILLISECOND, SECOND

PATIENCE_S = 5.0


class Ringing:
    """Notes when it is woken, as a runtime would be."""

    def __init__(self) -> None:
        self.rung: list[int] = []
        self.woken = asyncio.Event()

    def ring(self) -> None:
        self.rung.append(time.monotonic_ns())
        self.woken.set()


async def _woken(*waits: int) -> tuple[int, list[int]]:
    """Set an alarm to so many nanoseconds from now, one after the other; when it went off."""
    with closing(TimerAlarm(asyncio.get_running_loop())) as alarm:
        ringing = Ringing()
        alarm.runtime = cast("Runtime", cast("Any", ringing))
        began = time.monotonic_ns()
        for wait in waits:
            alarm.set(began + wait)
        await asyncio.wait_for(ringing.woken.wait(), PATIENCE_S)
        return began, ringing.rung


def test_it_goes_off_once_and_never_early() -> None:
    began, rung = asyncio.run(_woken(3 * MILLISECOND))
    assert len(rung) == 1
    assert rung[0] >= began + 3 * MILLISECOND


def test_the_last_word_counts() -> None:
    began, rung = asyncio.run(_woken(3600 * SECOND, MILLISECOND))
    assert len(rung) == 1
    assert rung[0] - began < PATIENCE_S * SECOND


def test_a_moment_that_is_over_wakes_at_once() -> None:
    _, rung = asyncio.run(_woken(-time.monotonic_ns()))
    assert len(rung) == 1
