"""The alarm: a timer of the kernel that wakes the runtime on the loop."""

from __future__ import annotations

import asyncio
import socket
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


async def _awake(wait: int, then: int | None = None) -> tuple[int, list[int], int]:
    """Stay awake for so long, or be told otherwise meanwhile; how often a descriptor was served."""
    loop, served = asyncio.get_running_loop(), 0
    one, other = socket.socketpair()

    def serve() -> None:
        nonlocal served
        served += 1
        one.recv(1)
        other.send(b"x")
        if then is not None and served == 3:
            alarm.set(began + then)

    with one, other, closing(TimerAlarm(loop)) as alarm:
        ringing = Ringing()
        alarm.runtime = cast("Runtime", cast("Any", ringing))
        loop.add_reader(one, serve)
        other.send(b"x")
        began = time.monotonic_ns()
        alarm.set(began + 3600 * SECOND, awake=True)
        alarm.set(began + wait, awake=True)
        try:
            await asyncio.wait_for(ringing.woken.wait(), PATIENCE_S)
            await asyncio.sleep(0)
        finally:
            loop.remove_reader(one)
        return began, ringing.rung, served


def test_who_stays_awake_is_woken_once_and_never_early() -> None:
    began, rung, _ = asyncio.run(_awake(3 * MILLISECOND))
    assert len(rung) == 1
    assert 3 * MILLISECOND <= rung[0] - began < PATIENCE_S * SECOND


def test_who_stays_awake_serves_its_descriptors() -> None:
    _, _, served = asyncio.run(_awake(20 * MILLISECOND))
    assert served >= 3


def test_who_stays_awake_may_be_told_to_sleep() -> None:
    began, rung, served = asyncio.run(_awake(3600 * SECOND, 5 * MILLISECOND))
    assert served >= 3
    assert len(rung) == 1
    assert 5 * MILLISECOND <= rung[0] - began < PATIENCE_S * SECOND


def test_an_alarm_that_is_closed_keeps_nobody_awake() -> None:
    async def closed() -> list[int]:
        alarm, ringing = TimerAlarm(asyncio.get_running_loop()), Ringing()
        alarm.runtime = cast("Runtime", cast("Any", ringing))
        alarm.set(0, awake=True)
        alarm.close()
        await asyncio.sleep(0)
        return ringing.rung

    assert asyncio.run(closed()) == []
