"""Process trackers on what this kernel really tells: events, their absence, control groups."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tracked import eventually, running, tracker_config, tracking

from vipd.core.units import SECOND
from vipd.lab.pause import wait_until
from vipd.track.procevent import ProcessEvents, subscribe
from vipd.track.proctable import Process
from vipd.track.registry import make
from vipd.track.unit import CONTROL_GROUPS, UnitTracker


class Ear:
    """Counts what it is told."""

    def __init__(self) -> None:
        self.began: set[int] = set()
        self.endings: dict[int, int] = {}

    def runs(self, process: Process) -> None:
        pass

    def forked(self, parent: int, child: int) -> None:
        if parent == os.getpid():
            self.began.add(child)

    def ended(self, pid: int, status: int) -> None:
        self.endings[pid] = status

    def lost(self) -> None:
        pytest.fail("events were lost")


def require_events() -> None:
    async def listen() -> None:
        ProcessEvents(asyncio.get_running_loop()).close()

    try:
        asyncio.run(listen())
    except OSError as error:
        pytest.skip(f"no process events: {error}")


def test_every_begin_and_end_is_told_to_every_listener() -> None:
    require_events()

    async def play() -> None:
        ears = [Ear(), Ear()]
        unsubscribe = [subscribe(ear) for ear in ears]
        processes = [
            await asyncio.create_subprocess_exec("/bin/sh", "-c", f"exit {n}") for n in range(5)
        ]
        for process in processes:
            await process.wait()
        pids = {process.pid for process in processes}
        await eventually(lambda: all(ear.endings.keys() >= pids for ear in ears))
        for ear in ears:
            codes = [os.waitstatus_to_exitcode(ear.endings[p.pid]) for p in processes]
            assert codes == [0, 1, 2, 3, 4]
            assert ear.began >= pids
        for end in unsubscribe:
            end()
            end()

    asyncio.run(play())


def test_how_a_program_has_ended_is_said(tmp_path: Path) -> None:
    require_events()
    program = tmp_path / "server"
    shutil.copy("/bin/sleep", program)

    async def play() -> float:
        tracker = make(tracker_config("process", executable=str(program), interval=60 * SECOND))
        async with tracking(tracker) as reports:
            assert not (await reports.next()).ok
            with running(program, "60") as process:
                assert (await reports.next()).ok
                began = time.perf_counter()
                process.send_signal(signal.SIGSEGV)
                gone = await reports.next()
                took = time.perf_counter() - began
                reason = f"pid {process.pid}: ended by SIGSEGV"
                assert gone.text == f"{program} does not run: {reason}"
                return took

    assert asyncio.run(play()) < 1


def test_without_events_an_end_is_seen_as_soon_and_a_begin_within_the_interval() -> None:
    """In a network namespace the kernel tells nothing: the tests of the unit, once more there."""
    tests = Path(__file__).parents[1] / "unit/track/test_track_process.py"
    argv = [
        "unshare",
        "--net",
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        str(tests),
    ]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout


@pytest.fixture
def group() -> Iterator[Path]:
    """A control group of version 2, as a unit would have one."""
    for root in CONTROL_GROUPS:
        if (root / "cgroup.procs").exists() and os.access(root, os.W_OK):
            group = root / "system.slice" / f"vipd-test-{os.getpid()}.service"
            try:
                group.mkdir(parents=True)
            except OSError as error:
                pytest.skip(f"no control group: {error}")
            yield group
            group.rmdir()
            if not any(place.is_dir() for place in group.parent.iterdir()):
                group.parent.rmdir()
            return
    pytest.skip("no control groups of version 2 to write to")


def test_a_real_control_group(group: Path) -> None:
    root = group.parents[1]
    config = tracker_config("process", interval=60 * SECOND, unit=group.name)

    async def play() -> None:
        async with tracking(UnitTracker(config, root)) as reports:
            assert (await reports.next()).text == f"{group.name} has no process left"
            with running("/bin/sleep", "60") as process:
                (group / "cgroup.procs").write_text(str(process.pid))
                assert (await reports.next()).text == f"runs, pid {process.pid}"
                process.kill()
                assert (await reports.next()).text == f"{group.name} has no process left"

    asyncio.run(play())
    wait_until(lambda: "populated 0" in (group / "cgroup.events").read_text(), 5, "it is empty")


def test_a_read_only_file_system_is_seen(tmp_path: Path) -> None:
    """A mount of our own namespace: a read-only mount of a file system that is not is none."""
    script = f"""
mount -t tmpfs none {tmp_path} && mkdir {tmp_path}/sealed {tmp_path}/bound
mount -t tmpfs none {tmp_path}/sealed && mount -o remount,ro {tmp_path}/sealed
mount --bind {tmp_path} {tmp_path}/bound && mount -o remount,bind,ro {tmp_path}/bound
exec {sys.executable} -c 'from vipd.track.disk import ask_file_system as ask
print([ask(p).read_only for p in ("{tmp_path}", "{tmp_path}/sealed", "{tmp_path}/bound")])'
"""
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-e", "-c", script],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "[False, True, False]\n", done.stderr
