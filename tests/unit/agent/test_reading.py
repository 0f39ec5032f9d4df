"""The configuration, read by a real child: what comes back, whatever becomes of the child."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from operator import le
from pathlib import Path

import pytest
from tracked import belongings, eventually

from vipd.agent.reading import MEMORY, WITHIN, read_apart
from vipd.config.load import load
from vipd.config.model import Config
from vipd.core.units import MILLISECOND, Duration
from vipd.errors import ConfigError

GOOD = """
[instance.web]
interface = "eth0"
vrid = 51
addresses = ["192.0.2.100/24", "2001:db8::100/64"]
track = ["nginx"]
hooks.on_master = ["/bin/sh", "-c", "true"]
[track.nginx]
type = "http"
url = "http://127.0.0.1/"
"""
BAD = "[instance.web]\nvrid = 256\ncolour = 1\n"
MISSING = GOOD.replace("/bin/sh", "/bin/no-such-program")
HINT = "try `vipd check`, which reads it in the same way"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the configuration of a test is written."""
    return tmp_path / "vipd.toml"


def read(file: Path, *, within: Duration = WITHIN, memory: int = MEMORY) -> Config:
    """Read it as an agent does, and see that nothing of the child is left."""

    async def play() -> Config:
        before = belongings()
        try:
            return await read_apart(file, within, memory)
        finally:
            await eventually(lambda: all(map(le, belongings(), before)))

    return asyncio.run(play())


def refusal(file: Path, *, within: Duration = WITHIN, memory: int = MEMORY) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        read(file, within=within, memory=memory)
    assert caught.value.file == str(file)
    return caught.value


def only_problem(error: ConfigError) -> str:
    (problem,) = error.problems
    assert (problem.path, problem.hint) == ("", HINT)
    return problem.problem


def test_it_is_what_would_have_been_read_here(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the agent's files lie is told by its environment, which the child has, too."""
    monkeypatch.setenv("RUNTIME_DIRECTORY", "/run/elsewhere")
    file.write_text(GOOD)
    config = read(file)
    assert config == load(file)
    assert config.agent.control_socket == Path("/run/elsewhere/control.sock")


def test_every_problem_comes_back(file: Path) -> None:
    file.write_text(BAD)
    with pytest.raises(ConfigError) as here:
        load(file)
    assert refusal(file).problems == here.value.problems
    assert len(here.value.problems) > 2


def test_what_the_host_does_not_have_is_a_problem(file: Path) -> None:
    file.write_text(MISSING)
    (problem,) = refusal(file).problems
    assert problem.path == "instance.web.hooks.on_master"
    assert problem.problem == "/bin/no-such-program does not exist"


def test_a_file_that_is_not_there(file: Path) -> None:
    (problem,) = refusal(file).problems
    assert problem.problem == "does not exist"


def test_a_file_that_hangs_is_given_up(file: Path) -> None:
    os.mkfifo(file)
    error = refusal(file, within=300 * MILLISECOND)
    assert only_problem(error) == "reading it has not ended within 300 ms"


def test_who_needs_too_much_memory_is_not_believed(file: Path) -> None:
    file.write_text(f"{GOOD}x = [{'{},' * 20_000}]")
    assert only_problem(refusal(file, memory=8 * 1024 * 1024)) == (
        "the process that reads it has failed, exit 1: MemoryError"
    )


@pytest.mark.parametrize(
    ("program", "problem"),
    [
        ("/bin/false", "the process that reads it has failed, exit 1"),
        ("/no/python", "the process that reads it cannot be started: [Errno 2] No such file"),
        ("/bin/echo", "what was read of it cannot be understood: "),
    ],
)
def test_a_python_that_is_gone_or_broken(
    file: Path, monkeypatch: pytest.MonkeyPatch, program: str, problem: str
) -> None:
    """As an upgrade may leave it, under an agent that goes on."""
    monkeypatch.setattr(sys, "executable", program)
    (found,) = refusal(file).problems
    assert found.problem.startswith(problem)


def test_what_the_child_says_besides_does_not_matter(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chatty = tmp_path / "python"
    chatty.write_text(f'#!/bin/sh\necho "warning: {{}}"\nexec {sys.executable} "$@"\n')
    chatty.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(chatty))
    file.write_text(GOOD)
    assert read(file).instances[0].name == "web"


def test_the_directory_where_it_is_started_adds_nothing(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else whoever may write there could give the agent a program to run."""
    file.write_text(GOOD)
    (tmp_path / "vipd").mkdir()
    (tmp_path / "vipd/__init__.py").write_text("raise SystemExit(9)")
    (tmp_path / "tomllib.py").write_text("raise SystemExit(9)")
    monkeypatch.chdir(tmp_path)
    assert read(Path(file.name)).instances[0].name == "web"


def test_who_is_cancelled_ends_the_child(file: Path) -> None:
    os.mkfifo(file)

    async def play() -> None:
        before = belongings()
        task = asyncio.create_task(read_apart(file))
        await eventually(lambda: belongings()[2] > before[2])
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await eventually(lambda: all(map(le, belongings(), before)))

    asyncio.run(play())


def test_the_answer_can_be_read_by_a_person(file: Path) -> None:
    """`python -m vipd.config FILE BYTES` prints it."""
    file.write_text(BAD)

    async def play() -> str:
        argv = (sys.executable, "-m", "vipd.config", str(file), str(MEMORY))
        pipe = asyncio.subprocess.PIPE
        child = await asyncio.create_subprocess_exec(*argv, stdout=pipe)
        out, _ = await child.communicate()
        return out.decode()

    answer = json.loads(asyncio.run(play()))
    assert answer["config"] is None
    assert answer["problems"][0]["path"] == "instance.web.vrid"
