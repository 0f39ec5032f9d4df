"""Trackers under test: what they are told, what they report, and that they leave nothing behind."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from operator import le
from pathlib import Path

from vipd.core.config import TrackerConfig
from vipd.core.units import MILLISECOND, SECOND, Duration
from vipd.track.outcome import Outcome, Tracker

DEADLINE_S = 10.0


def tracker_config(
    kind: str,
    *,
    interval: Duration = 50 * MILLISECOND,
    timeout: Duration = 5 * SECOND,
    name: str = "it",
    **options: object,
) -> TrackerConfig:
    """The configuration of one tracker; what is not named here is an option of its kind."""
    return TrackerConfig(name=name, kind=kind, interval=interval, timeout=timeout, options=options)


class Reports:
    """What a tracker reports, in order."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Outcome] = asyncio.Queue()
        self.count = 0

    def __call__(self, outcome: Outcome) -> None:
        self.count += 1
        self._queue.put_nowait(outcome)

    async def next(self) -> Outcome:
        """The next outcome."""
        return await asyncio.wait_for(self._queue.get(), DEADLINE_S)

    async def until(self, wanted: Callable[[Outcome], bool]) -> Outcome:
        """The next outcome that is as wanted."""
        while not wanted(outcome := await self.next()):
            pass
        return outcome


@asynccontextmanager
async def tracking(tracker: Tracker) -> AsyncIterator[Reports]:
    """Start a tracker, stop it twice, and see that nothing of it is left."""
    before = belongings()
    reports = Reports()
    tracker.start(reports)
    try:
        yield reports
    finally:
        tracker.stop()
        tracker.stop()
        # What was there before, a thread that was just ending, may be gone by now.
        await eventually(lambda: all(map(le, belongings(), before)))
        told = reports.count
        await asyncio.sleep(0)
        assert reports.count == told


async def eventually(condition: Callable[[], bool]) -> None:
    """Let the loop run until a condition holds."""
    loop = asyncio.get_running_loop()
    until = loop.time() + DEADLINE_S
    while not condition():
        assert loop.time() < until, f"not in time: {belongings()}"
        turn = asyncio.Event()
        loop.call_later(0.005, turn.set)
        await turn.wait()


def belongings() -> tuple[int, int, int]:
    """How many descriptors, threads and children this process has."""
    descriptors = sum(1 for _ in Path("/proc/self/fd").iterdir())
    children = threads = 0
    for task in Path("/proc/self/task").iterdir():
        with suppress(OSError):  # The thread has just ended.
            children += len((task / "children").read_text().split())
            threads += 1
    return descriptors, threads, children


@contextmanager
def running(*argv: str | Path) -> Iterator[subprocess.Popen[bytes]]:
    """A program that runs; it is killed and reaped at the end of the block."""
    with subprocess.Popen(argv) as process:
        try:
            yield process
        finally:
            process.kill()


def run_of(program: str) -> tuple[str, ...]:
    """How to run a line of shell."""
    return ("/bin/sh", "-c", program)
