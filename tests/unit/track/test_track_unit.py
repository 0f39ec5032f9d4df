"""systemd units by their control groups, with files as the kernel would show them."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest
from tracked import tracker_config, tracking

from vipd.core.units import MILLISECOND, SECOND
from vipd.track.outcome import Outcome
from vipd.track.unit import UnitTracker


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "cgroup.procs").touch()
    (tmp_path / "system.slice").mkdir()
    return tmp_path


def populate(group: Path, *pids: int) -> None:
    """What the kernel shows of a group with these processes."""
    group.mkdir(parents=True, exist_ok=True)
    (group / "cgroup.procs").write_text("".join(f"{pid}\n" for pid in pids))
    (group / "cgroup.events.new").write_text(f"populated {int(bool(pids))}\nfrozen 0\n")
    (group / "cgroup.events.new").rename(group / "cgroup.events")


def tracker(root: Path, unit: str, minimum: int = 1) -> UnitTracker:
    interval = 60 * SECOND if minimum == 1 else 20 * MILLISECOND
    config = tracker_config("process", interval=interval, unit=unit, minimum=minimum)
    return UnitTracker(config, root)


@pytest.mark.parametrize(
    ("unit", "place"),
    [
        ("nginx.service", "system.slice/nginx.service"),
        ("nginx", "system.slice/nginx.service"),
        ("pg-main@15.service", "system.slice/system-pg\\x2dmain.slice/pg-main@15.service"),
    ],
)
def test_a_unit_starts_crashes_and_starts_again(root: Path, unit: str, place: str) -> None:
    group = root / place
    name = group.name

    async def play() -> None:
        async with tracking(tracker(root, unit)) as reports:
            assert await reports.next() == Outcome(ok=False, text=f"{name} is not active")
            populate(group, 1234, 1235)
            assert await reports.next() == Outcome(ok=True, text="runs, pid 1234")
            populate(group)
            assert await reports.next() == Outcome(ok=False, text=f"{name} has no process left")
            shutil.rmtree(group)
            assert (await reports.next()).text == f"{name} is not active"
            populate(group, 77)
            assert (await reports.next()).text == "runs, pid 77"

    asyncio.run(play())


def test_a_unit_in_a_slice_of_its_own(root: Path) -> None:
    group = root / "shop.slice" / "shop-web.slice" / "nginx.service"
    populate(group, 5)

    async def play() -> None:
        async with tracking(tracker(root, "nginx")) as reports:
            assert (await reports.next()).text == "runs, pid 5"
            populate(group)
            assert not (await reports.next()).ok

    asyncio.run(play())


def test_a_minimum_is_counted(root: Path) -> None:
    group = root / "system.slice" / "nginx.service"
    populate(group, 5, 6)

    async def play() -> None:
        async with tracking(tracker(root, "nginx", minimum=2)) as reports:
            assert (await reports.next()).ok
            (group / "cgroup.procs").write_text("6\n")
            down = await reports.until(lambda outcome: not outcome.ok)
            assert down.text == "nginx.service: 1 run, 2 are wanted"

    asyncio.run(play())


def test_processes_that_are_all_in_groups_below(root: Path) -> None:
    group = root / "system.slice" / "box.service"
    populate(group, 9)
    (group / "cgroup.procs").write_text("")

    async def play() -> Outcome:
        async with tracking(tracker(root, "box")) as reports:
            return await reports.next()

    assert asyncio.run(play()) == Outcome(ok=True, text="runs")


def test_a_host_without_control_groups_of_version_2(tmp_path: Path) -> None:
    async def play() -> Outcome:
        async with tracking(tracker(tmp_path, "nginx")) as reports:
            return await reports.next()

    found = asyncio.run(play())
    assert not found.ok
    assert found.text == f"no control groups of version 2 at {tmp_path}: use `executable`"
