"""Files that come, go, are renamed into place or rewritten, as inotify tells it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from tracked import tracker_config, tracking

from vipd.core.units import SECOND
from vipd.track.outcome import Outcome, Tracker
from vipd.track.registry import make


def tracker_of(path: Path, *, present: str = "up", number: bool = False) -> Tracker:
    """Its interval is long: what is seen sooner was told by the kernel."""
    return make(
        tracker_config("file", interval=60 * SECOND, path=str(path), present=present, number=number)
    )


def test_a_drain_is_seen_when_it_comes_and_when_it_goes(tmp_path: Path) -> None:
    drain = tmp_path / "drain"

    async def play() -> None:
        async with tracking(tracker_of(drain, present="down")) as reports:
            assert await reports.next() == Outcome(ok=True, text=f"{drain} does not exist")
            for _ in range(3):
                drain.touch()
                assert await reports.next() == Outcome(ok=False, text=f"{drain} exists")
                drain.unlink()
                assert (await reports.next()).ok

    asyncio.run(play())


def test_a_file_that_is_renamed_into_place_and_away(tmp_path: Path) -> None:
    flag, other = tmp_path / "flag", tmp_path / "other"
    other.touch()

    async def play() -> None:
        async with tracking(tracker_of(flag)) as reports:
            assert not (await reports.next()).ok
            other.rename(flag)
            assert (await reports.next()).ok
            flag.rename(other)
            assert not (await reports.next()).ok

    asyncio.run(play())


def test_a_directory_that_comes_later_goes_and_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "run" / "vipd" / "flag"

    async def play() -> None:
        async with tracking(tracker_of(path)) as reports:
            assert not (await reports.next()).ok
            for _ in range(3):
                path.parent.mkdir(parents=True)
                path.touch()
                assert (await reports.next()).ok
                path.parent.parent.rename(tmp_path / "away")
                path.parent.parent.mkdir()
                path.parent.parent.rmdir()
                assert not (await reports.next()).ok
                (tmp_path / "away").rename(path.parent.parent)
                assert (await reports.next()).ok
                path.unlink()
                path.parent.rmdir()
                path.parent.parent.rmdir()
                assert not (await reports.next()).ok

    asyncio.run(play())


def test_a_link_is_what_it_points_to(tmp_path: Path) -> None:
    flag, target = tmp_path / "flag", tmp_path / "target"
    flag.symlink_to(target)

    async def play() -> None:
        async with tracking(tracker_of(flag)) as reports:
            assert not (await reports.next()).ok
            target.touch()
            assert (await reports.next()).ok

    asyncio.run(play())


@pytest.mark.parametrize(
    ("content", "outcome"),
    [
        ("-20\n", Outcome(ok=True, text="weight -20", weight=-20)),
        (" +253 ", Outcome(ok=True, text="weight 253", weight=253)),
        ("0", Outcome(ok=True, text="weight 0", weight=0)),
        ("254", "says '254', not within -253..253"),
        ("", "has no number in it, but ''"),
        ("ten", "has no number in it, but 'ten'"),
        (b"\xff\x00\n", "has no number in it, but '\ufffd\\x00'"),
        ("1" * 5000, "not within -253..253"),
    ],
)
def test_a_number_is_the_weight(
    tmp_path: Path, content: str | bytes, outcome: Outcome | str
) -> None:
    path = tmp_path / "weight"
    path.write_text("7")

    async def play() -> Outcome:
        async with tracking(tracker_of(path, number=True)) as reports:
            assert (await reports.next()).weight == 7
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
            return await reports.next()

    found = asyncio.run(play())
    if isinstance(outcome, Outcome):
        assert found == outcome
    else:
        assert (found.ok, found.weight) == (False, None)
        assert outcome in found.text
        assert len(found.text) < 250


@pytest.mark.parametrize(("present", "ok"), [("up", False), ("down", True)])
def test_a_number_that_is_not_there_is_an_absent_file(
    tmp_path: Path, present: str, ok: bool
) -> None:
    async def play() -> Outcome:
        tracker = tracker_of(tmp_path / "none", present=present, number=True)
        async with tracking(tracker) as reports:
            return await reports.next()

    found = asyncio.run(play())
    assert (found.ok, found.weight) == (ok, None)


def test_what_is_no_regular_file_does_not_hold_anything_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    async def play() -> list[str]:
        texts = []
        for path in (tmp_path / "pipe", tmp_path):
            async with tracking(tracker_of(path, number=True)) as reports:
                texts.append((await reports.next()).text)
        return texts

    assert asyncio.run(play()) == [
        f"{tmp_path}/pipe is no regular file",
        f"{tmp_path} is no regular file",
    ]


def test_a_busy_directory_reports_nothing(tmp_path: Path) -> None:
    async def play() -> int:
        async with tracking(tracker_of(tmp_path / "flag")) as reports:
            await reports.next()
            for n in range(2000):
                (tmp_path / f"other-{n % 10}").touch()
                (tmp_path / f"other-{n % 10}").unlink()
            (tmp_path / "flag").touch()
            assert (await reports.next()).ok
            return reports.count

    assert asyncio.run(play()) == 2
