"""Programs that begin, end and are replaced; the same with process events and without them."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tracked import run_of, running, tracker_config, tracking

from vipd.core.units import MILLISECOND
from vipd.lab.pause import wait_until
from vipd.track.outcome import Outcome
from vipd.track.proctable import Process, Program, read_process
from vipd.track.registry import make


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A program that nobody else runs; its name is as long as the kernel's short names are not."""
    path = tmp_path / f"vipd-server-{os.getpid()}-{tmp_path.name[-6:]}"
    shutil.copy("/bin/sleep", path)
    return path


def end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


@pytest.mark.parametrize("by", ["path", "base name"])
def test_a_program_begins_is_killed_and_begins_again(program: Path, by: str) -> None:
    name = str(program) if by == "path" else program.name

    async def play() -> None:
        tracker = make(tracker_config("process", executable=name, interval=20 * MILLISECOND))
        async with tracking(tracker) as reports:
            assert await reports.next() == Outcome(ok=False, text=f"{name} does not run")
            for _ in range(2):
                with running(program, "60") as process:
                    assert await reports.next() == Outcome(ok=True, text=f"runs, pid {process.pid}")
                    process.kill()
                    gone = await reports.next()
                    assert not gone.ok
                    assert gone.text.startswith(f"{name} does not run: pid {process.pid}")

    asyncio.run(play())


def test_what_runs_already_is_found_and_a_zombie_does_not_run(program: Path) -> None:
    async def play() -> None:
        with running(program, "60") as process:
            async with tracking(
                make(tracker_config("process", executable=str(program)))
            ) as reports:
                assert (await reports.next()).text == f"runs, pid {process.pid}"
                process.kill()
                assert not (await reports.next()).ok
            process.kill()
            async with tracking(
                make(tracker_config("process", executable=str(program)))
            ) as reports:
                assert not (await reports.next()).ok

    asyncio.run(play())


def test_a_minimum_is_met_and_missed(program: Path) -> None:
    config = tracker_config(
        "process", executable=str(program), minimum=2, interval=20 * MILLISECOND
    )

    async def play() -> None:
        async with tracking(make(config)) as reports:
            assert not (await reports.next()).ok
            with running(program, "60") as first, running(program, "60") as second:
                up = await reports.until(lambda outcome: outcome.ok)
                assert up.text in (f"runs, pid {first.pid}", f"runs, pid {second.pid}")
                end(second)
                down = await reports.until(lambda outcome: not outcome.ok)
                assert down.text.startswith(f"{program} 1 run, 2 are wanted: pid {second.pid}")

    asyncio.run(play())


def test_a_process_that_becomes_the_program_counts(program: Path) -> None:
    fifo = program.with_name("go")
    os.mkfifo(fifo)
    config = tracker_config("process", executable=str(program), interval=20 * MILLISECOND)

    async def play() -> None:
        async with tracking(make(config)) as reports:
            assert not (await reports.next()).ok
            with running(*run_of(f"read go < {fifo}; exec {program} 60")) as process:
                fifo.write_text("go\n")
                assert (await reports.next()).text == f"runs, pid {process.pid}"

    asyncio.run(play())


def test_a_daemon_that_forks_goes_on_running(program: Path) -> None:
    """Its child is what it is, and stays when it ends."""
    shell = program.with_name(program.name + "-sh")
    shutil.copy("/bin/dash" if Path("/bin/dash").exists() else "/bin/sh", shell)
    config = tracker_config("process", executable=str(shell), interval=20 * MILLISECOND)

    async def play() -> None:
        pid_file = program.with_name("pid")
        async with tracking(make(config)) as reports:
            assert not (await reports.next()).ok
            script = f"(read forever < {fifo}) & echo $! > {pid_file}; exit 0"
            with running(shell, "-c", script) as process:
                process.wait()
                child = int(pid_file.read_text())
                await reports.until(lambda outcome: outcome.text == f"runs, pid {child}")
                os.kill(child, 9)
                assert not (await reports.until(lambda outcome: not outcome.ok)).ok

    fifo = program.with_name("never")
    os.mkfifo(fifo)
    asyncio.run(play())


NGINX = "/usr/sbin/nginx"
LONG = "/usr/sbin/a-rather-long-name"
PYTHON = "/usr/bin/python3.11"


@pytest.mark.parametrize(
    ("wanted", "name", "executable", "arguments", "same"),
    [
        ("nginx", "nginx", NGINX, [], True),
        ("nginx", "nginx: worker", NGINX, [], True),
        ("nginx", "other", None, [], False),
        ("ngin", "nginx", NGINX, [], False),
        (NGINX, "nginx", NGINX, [], True),
        (NGINX, "nginx: worker", NGINX, [], True),
        (NGINX, "nginx", None, [], True),
        ("/opt/nginx", "nginx", NGINX, ["nginx"], False),
        (LONG, "a-rather-long-n", None, [], True),
        (LONG, "a-rather-long-n", LONG + "r", [], False),
        ("a-rather-long-name", "a-rather-long-n", LONG, [], True),
        ("a-rather-long-name", "a-rather-long-n", LONG + "r", [], False),
        ("a-rather-long-name", "a-rather-long-n", PYTHON, ["python3", LONG], True),
        ("check.py", "check.py", PYTHON, ["python3", "/usr/bin/check.py"], True),
        ("/usr/bin/check.py", "check.py", PYTHON, ["python3", "/usr/bin/check.py"], True),
        ("/usr/bin/check.py", "vi", "/usr/bin/vi", ["vi", "/usr/bin/check.py"], False),
    ],
)
def test_what_counts_as_running_a_program(
    tmp_path: Path,
    wanted: str,
    name: str,
    executable: str | None,
    arguments: list[str],
    same: bool,
) -> None:
    """With what /proc would show of such a process; the path may be hidden."""
    (tmp_path / "1").mkdir()
    (tmp_path / "1/cmdline").write_text("".join(f"{word}\0" for word in arguments))
    if executable is not None:
        (tmp_path / "1/exe").symlink_to(executable)
    seen = Process(pid=1, name=name, proc=str(tmp_path))
    assert Program(wanted).is_run_by(seen) is same


def test_a_name_with_brackets_and_blanks_is_read_as_it_is(tmp_path: Path) -> None:
    odd = tmp_path / "a) R (b"
    shutil.copy("/bin/sleep", odd)
    with running(odd, "60") as process:
        seen = read_process(process.pid)
        assert seen is not None
        assert (seen.name, seen.executable) == ("a) R (b", str(odd))
        wait_until(lambda: seen.arguments[:2] == (str(odd), "60"), 5, "the command line is there")
    assert (seen.executable, seen.arguments) == (None, ())
    assert read_process(process.pid) is None


def test_what_sleeps_is_no_server() -> None:
    with running("/bin/sleep", "60") as process:
        seen = read_process(process.pid)
        assert seen is not None
        assert not Program("nginx").is_run_by(seen)
