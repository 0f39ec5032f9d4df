"""Scripts, as real children: how they end, what they print, and what is left of them: nothing."""

from __future__ import annotations

import asyncio
import os
import re
import resource
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from tracked import belongings, eventually, run_of, tracker_config, tracking

from vipd.core.units import MILLISECOND, SECOND, Duration
from vipd.lab.pause import wait_until
from vipd.track.outcome import Outcome
from vipd.track.registry import make
from vipd.track.spawn import spawn

pytestmark = pytest.mark.slow


def looked(
    *argv: str,
    count: int = 1,
    timeout: Duration = 5 * SECOND,
    user: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> list[Outcome]:
    """The first outcomes of running a program."""

    async def play() -> list[Outcome]:
        config = tracker_config(
            "script", timeout=timeout, argv=argv, user=user, environment=environment or {}
        )
        async with tracking(make(config)) as reports:
            return [await reports.next() for _ in range(count)]

    return asyncio.run(play())


def alive(pid: int) -> bool:
    """Whether a process runs: neither gone nor waiting to be reaped."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(") ")[2][0] not in "ZX"


@pytest.mark.parametrize(
    ("program", "ok", "begin", "end"),
    [
        ("exit 0", True, "exit 0 in ", "ms"),
        ("echo one; echo two; exit 0", True, "exit 0 in ", "ms: two"),
        ("echo out; echo why >&2; exit 3", False, "exit 3 in ", "ms: why"),
        ("echo dying; kill -SEGV $$", False, "ended by SIGSEGV in ", "ms: dying"),
        ("kill -40 $$", False, "ended by signal 40 in ", "ms"),
        ("echo; echo last; echo; echo '  '", True, "exit 0 in ", "ms: last"),
        ("printf 'a\\033[31mb\\377c'", True, "exit 0 in ", "ms: a [31mb\ufffdc"),
        ("cat", True, "exit 0 in ", "ms"),
    ],
)
def test_how_a_script_ends_and_its_last_line(program: str, ok: bool, begin: str, end: str) -> None:
    (outcome,) = looked(*run_of(program))
    assert outcome.ok is ok
    assert outcome.text.startswith(begin), outcome.text
    assert outcome.text.endswith(end), outcome.text
    assert 0 < outcome.took < 5 * SECOND


def test_a_long_line_is_cut_to_its_end() -> None:
    (outcome,) = looked(*run_of("printf '%05000d-end' 0"))
    assert outcome.text.endswith("0-end")
    assert len(outcome.text) < 250


def test_megabytes_of_output_are_taken_in_and_forgotten() -> None:
    (outcome,) = looked(*run_of("head -c 10000000 /dev/zero; echo; echo done"))
    assert outcome.ok
    assert outcome.text.endswith(": done")


def test_endless_output_leaves_the_loop_its_turn() -> None:
    """Why a bound of half: the loop's share is a few percent, but not on every busy machine."""

    async def play() -> float:
        config = tracker_config("script", argv=("yes",), timeout=400 * MILLISECOND, interval=SECOND)
        async with tracking(make(config)) as reports:
            used = os.times()
            outcome = await reports.next()
            assert outcome.text == "no end within 400 ms: y"
            spent = os.times()
            return spent.user + spent.system - used.user - used.system

    assert asyncio.run(play()) < 0.7


def test_the_environment_is_clean_but_for_what_is_configured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SECRET", "leaks")
    (outcome,) = looked(
        *run_of('echo "$SECRET,$VIPD_TRACKER,$PGPORT,$PATH"'),
        environment={"PGPORT": "5433", "PATH": "/usr/bin:/bin"},
    )
    assert outcome.text.endswith(": ,it,5433,/usr/bin:/bin")


def test_nothing_is_inherited_but_the_output(tmp_path: Path) -> None:
    with (tmp_path / "open").open("w") as file:
        os.set_inheritable(file.fileno(), False)
        (outcome,) = looked(*run_of("echo $(readlink /proc/self/fd/0) $(ls /proc/self/fd)"))
    assert outcome.text.endswith(": /dev/null 0 1 2 3")


def test_signals_are_as_a_program_expects_them() -> None:
    """Python ignores SIGPIPE, which pipelines rely on. (Two signals are the C library's own.)"""
    (outcome,) = looked(*run_of("grep -E 'SigBlk|SigIgn' /proc/self/status | xargs"))
    _, blocked, _, ignored = outcome.text.partition(": ")[2].split()
    assert (int(blocked, 16), int(ignored, 16) & ~(3 << 31)) == (0, 0)


@pytest.mark.parametrize("script", ["missing", "not executable", "directory", "no interpreter"])
def test_what_cannot_be_run_is_a_failure_with_its_reason(tmp_path: Path, script: str) -> None:
    path = tmp_path / "check"
    if script == "directory":
        path.mkdir()
    elif script != "missing":
        path.write_text("#!/nowhere/sh\n")
        path.chmod(0o644 if script == "not executable" else 0o755)
    reason = {
        "missing": f"{path} does not exist",
        "not executable": f"{path} is not executable",
        "directory": f"{path} is a directory",
        "no interpreter": f"cannot run {path}: its interpreter is missing",
    }[script]
    (outcome,) = looked(str(path))
    assert (outcome.ok, outcome.text) == (False, reason)


def test_a_name_without_a_path_that_is_nowhere() -> None:
    (outcome,) = looked("no-such-program")
    assert outcome.text == "no-such-program does not exist"


def test_a_user_that_does_not_exist() -> None:
    (outcome,) = looked("/bin/true", user="no-such-user")
    assert (outcome.ok, outcome.text) == (False, "there is no user no-such-user")


def test_a_script_that_is_deleted_while_it_runs_ends_well_and_then_fails(tmp_path: Path) -> None:
    path = tmp_path / "check"
    path.write_text('#!/bin/sh\nrm "$0"; echo gone\n')
    path.chmod(0o755)
    first, second = looked(str(path), count=2)
    assert (first.ok, second.ok) == (True, False)
    assert second.text == f"{path} does not exist"


def test_a_timeout_ends_the_whole_group_and_says_what_was_said(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    program = f"echo $$ >> {pids}; sleep 60 & echo $! >> {pids}; echo waiting; wait"
    (outcome,) = looked(*run_of(program), timeout=200 * MILLISECOND)
    assert (outcome.ok, outcome.text) == (False, "no end within 200 ms: waiting")
    assert outcome.took >= 200 * MILLISECOND
    started = [int(pid) for pid in pids.read_text().split()]
    assert len(started) >= 2
    wait_until(lambda: not any(map(alive, started)), 5, "both end")


def test_who_does_not_heed_the_end_is_killed_and_never_runs_twice(tmp_path: Path) -> None:
    log = tmp_path / "log"
    program = f"trap 'echo asked >> {log}' TERM; echo begun >> {log}; while :; do sleep 0.02; done"
    outcomes = looked(*run_of(program), count=3, timeout=100 * MILLISECOND)
    first, *others = (outcome.text for outcome in outcomes)
    assert first == "no end within 100 ms"
    assert all(text.startswith("no end within 100 ms, nor after ") for text in others)
    assert log.read_text().split() == ["begun", "asked"]


def test_with_a_timeout_as_long_as_the_interval_each_result_tells_of_the_timeout() -> None:
    """A run that has to be ended outlasts its interval, and there are never two at once."""

    async def play() -> list[Outcome]:
        every = 100 * MILLISECOND
        # What a shell says of the `sleep` that was ended beside it is of no interest here.
        slow = "exec 2>&-; trap 'sleep 0.15; exit 0' TERM; echo stuck; while :; do sleep 0.02; done"
        argv = run_of(slow)
        config = tracker_config("script", interval=every, timeout=every, argv=argv)
        async with tracking(make(config)) as reports:
            return [await reports.next() for _ in range(6)]

    texts = [outcome.text for outcome in asyncio.run(play())]
    late = re.compile(r"no end within 100 ms(, (nor after|exit 0 in) [0-9.]+ m?s)?: stuck")
    assert [text for text in texts if not late.fullmatch(text)] == []


def test_a_look_that_finds_the_last_run_still_ending_tells_how_that_has_ended() -> None:
    sorry = "exec 2>&-; trap 'sleep 0.3; echo sorry; exit 0' TERM; "
    first, second = looked(
        *run_of(f"{sorry}echo stuck; while :; do sleep 0.02; done"),
        count=2,
        timeout=400 * MILLISECOND,
    )
    assert first.text == "no end within 400 ms: stuck"
    assert second.text.startswith("no end within 400 ms, exit 0 in "), second.text
    assert second.text.endswith(": sorry")
    assert (second.ok, second.took >= 700 * MILLISECOND) == (False, True)


def test_what_a_script_leaves_running_in_its_group_ends_with_it() -> None:
    (outcome,) = looked(*run_of("sleep 60 & echo $!"))
    assert outcome.ok
    pid = int(outcome.text.rpartition(" ")[2])
    wait_until(lambda: not alive(pid), 5, "the sleeper ends")


def test_who_has_escaped_with_the_output_holds_nothing_up() -> None:
    """It is in a session of its own, so it is not ours to end; this test ends it."""
    (outcome,) = looked(*run_of("setsid sleep 5 & echo $!; exec true"))
    assert outcome.ok
    assert outcome.took < 3 * SECOND
    pid = int(outcome.text.rpartition(" ")[2])
    if alive(pid):
        os.kill(pid, 9)


def test_a_stop_kills_what_runs_without_a_grace(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"

    async def play() -> None:
        program = f"trap '' TERM; echo $$ > {pid_file}.new; mv {pid_file}.new {pid_file}; sleep 60"
        config = tracker_config("script", argv=run_of(program))
        async with tracking(make(config)):
            await eventually(pid_file.exists)

    asyncio.run(play())
    assert not alive(int(pid_file.read_text()))


def test_a_stop_while_the_program_is_being_started() -> None:
    before = belongings()

    async def play() -> None:
        config = tracker_config("script", argv=("/bin/sleep", "60"), interval=MILLISECOND)
        async with tracking(make(config)):
            began = belongings()
            await eventually(lambda: belongings() != began)

    for _ in range(10):
        asyncio.run(play())
    assert belongings() == before


def test_a_child_that_starts_after_the_end_of_the_loop_is_ended(tmp_path: Path) -> None:
    def never(_: int | OSError) -> None:
        raise AssertionError("there is no loop any more")

    begin = threading.Event()
    seen = tmp_path / "seen"
    before = belongings()

    async def play() -> None:
        output = os.open(seen, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC)
        argv = run_of("sleep 60")
        spawn(argv, {"PATH": "/usr/bin:/bin"}, output, never, lambda: begin.wait(10))

    asyncio.run(play())
    assert belongings() != before
    begin.set()
    wait_until(lambda: belongings() == before, 10, "the child ends, and is reaped")


def test_a_kernel_without_pidfd(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: int) -> int:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(os, "pidfd_open", refuse)
    outcomes = looked(*run_of("echo seen; exit 4"), count=2)
    assert [outcome.text.partition(" in ")[0] for outcome in outcomes] == ["exit 4", "exit 4"]


@contextmanager
def no_more_descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (belongings()[0] - 1, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_no_descriptor_left_is_a_failure_and_no_crash() -> None:
    async def play() -> tuple[Outcome, Outcome]:
        async with tracking(make(tracker_config("script", argv=("/bin/true",)))) as reports:
            with no_more_descriptors():
                poor = await reports.until(lambda outcome: not outcome.ok)
            return poor, await reports.until(lambda outcome: outcome.ok)

    poor, _ = asyncio.run(play())
    assert "Too many open files" in poor.text
