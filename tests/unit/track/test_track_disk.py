"""Room on a file system, and file systems that do not answer."""

from __future__ import annotations

import asyncio
import os
import shutil
import threading

import pytest
from tracked import belongings, eventually, tracker_config, tracking

from vipd.core.units import MILLISECOND
from vipd.track.disk import DiskCheck, Room, ask_file_system, format_bytes
from vipd.track.outcome import Outcome
from vipd.track.polling import Polling
from vipd.track.registry import make

HALF = Room(free=1_500_000_000, percent=50, read_only=False)
SEALED = Room(free=0, percent=0, read_only=True)


def looked(room: Room | OSError, **options: object) -> Outcome:
    def ask(path: str) -> Room:
        assert path == "/data"
        if isinstance(room, OSError):
            raise room
        return room

    async def play() -> Outcome:
        config = tracker_config("disk", path="/data", **options)  # type: ignore[arg-type]
        async with tracking(Polling(config, DiskCheck(config, ask))) as reports:
            return await reports.next()

    return asyncio.run(play())


@pytest.mark.parametrize(
    ("room", "options", "ok", "text"),
    [
        (HALF, {}, True, "1.5 GB (50.0 %) free"),
        (HALF, {"free_min": 1_500_000_000, "free_percent_min": 50.0}, True, "1.5 GB (50.0 %) free"),
        (HALF, {"free_min": 2 * 10**12}, False, "less than 2 TB free (1.5 GB (50.0 %) free)"),
        (HALF, {"free_percent_min": 50.5}, False, "less than 50.5 % free (1.5 GB (50.0 %) free)"),
        (HALF, {"writable": True}, True, "1.5 GB (50.0 %) free"),
        (SEALED, {"writable": False}, True, "0 B (0.0 %) free"),
        (
            SEALED,
            {"writable": True, "free_min": 1000},
            False,
            "the file system of /data is read-only, less than 1 kB free (0 B (0.0 %) free)",
        ),
        (OSError(5, "Input/output error"), {}, False, "/data: Input/output error"),
    ],
)
def test_judgements(room: Room | OSError, options: dict[str, object], ok: bool, text: str) -> None:
    outcome = looked(room, **options)
    assert (outcome.ok, outcome.text) == (ok, text)


def test_a_file_system_that_hangs_takes_one_thread_and_no_more() -> None:
    back = threading.Event()
    asked = []

    def ask(path: str) -> Room:
        asked.append(path)
        assert back.wait(10)
        return HALF

    async def play() -> list[Outcome]:
        config = tracker_config(
            "disk", path="/data", interval=20 * MILLISECOND, timeout=10 * MILLISECOND
        )
        async with tracking(Polling(config, DiskCheck(config, ask))) as reports:
            poor = [await reports.next() for _ in range(5)]
            assert len(asked) == 1
            back.set()
            return [*poor, await reports.until(lambda outcome: outcome.ok)]

    *poor, good = asyncio.run(play())
    assert {outcome.text for outcome in poor} == {"the file system of /data does not answer"}
    assert good.text == "1.5 GB (50.0 %) free"


def test_a_stop_does_not_wait_for_the_thread_and_the_loop_may_end() -> None:
    before = belongings()
    back = threading.Event()

    def ask(_: str) -> Room:
        assert back.wait(10)
        return HALF

    async def play() -> None:
        config = tracker_config("disk", path="/data", interval=MILLISECOND)
        tracker = Polling(config, DiskCheck(config, ask))
        tracker.start(lambda _: None)
        started = belongings()
        await eventually(lambda: belongings() != started)
        tracker.stop()

    asyncio.run(play())
    back.set()
    asyncio.run(eventually_gone(before))


async def eventually_gone(before: tuple[int, int, int]) -> None:
    own = belongings()[0] - before[0]  # The loop that waits has descriptors of its own.
    await eventually(lambda: belongings() == (before[0] + own, *before[1:]))


def test_a_real_file_system_and_a_path_that_is_not_there() -> None:
    async def play(path: str) -> Outcome:
        async with tracking(make(tracker_config("disk", path=path, writable=True))) as reports:
            return await reports.next()

    assert asyncio.run(play("/proc")).ok
    missing = asyncio.run(play("/no/such/place"))
    assert (missing.ok, missing.text) == (False, "/no/such/place: No such file or directory")


def test_what_is_free_is_what_df_says(tmp_path: os.PathLike[str]) -> None:
    """Within a percent: others write meanwhile."""
    room = ask_file_system(str(tmp_path))
    usage = shutil.disk_usage(tmp_path)
    assert room.free == pytest.approx(usage.free, rel=0.01)
    assert room.percent == pytest.approx(100 * usage.free / (usage.used + usage.free), rel=0.01)
    assert not room.read_only


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (2e9, "2 GB"), (12.3456e12, "12.35 TB")],
)
def test_sizes_for_people(count: float, text: str) -> None:
    assert format_bytes(count) == text
