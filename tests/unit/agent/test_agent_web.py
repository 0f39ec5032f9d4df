"""The keeper of the web process: it runs, it comes back, it ends; nobody waits for it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from fake_world import FakeLog
from web_process import free_port

from vipd.agent.staffing import serve_web
from vipd.agent.web import FIRST_WAIT, WebKeeper
from vipd.config.model import AgentConfig
from vipd.core.units import SECOND
from vipd.errors import VipdError

pytestmark = pytest.mark.slow

LONG_S = 20.0
"""What a test waits before it counts as failed; never what it takes."""


def run(act: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(act(), LONG_S))


async def until(true: Callable[[], bool]) -> None:
    for _ in iter(true, True):
        await asyncio.sleep(0)


def answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def keeper(tmp_path: Path, listen: str) -> tuple[WebKeeper, FakeLog]:
    log = FakeLog()
    logger: Any = log
    return WebKeeper(tmp_path / "control.sock", listen, logger), log


def children(tmp_path: Path) -> set[int]:
    """The web processes that the keeper of a test has started, and not yet reaped."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parent = stat.read_text().rpartition(")")[2].split()[1]
            if int(parent) == os.getpid() and bytes(tmp_path) in _command_of(stat):
                found.add(int(stat.parent.name))
    return found


def _command_of(stat: Path) -> bytes:
    return stat.with_name("cmdline").read_bytes()


def open_files(pid: int) -> set[str]:
    return {str(one.readlink()) for one in Path(f"/proc/{pid}/fd").iterdir()}


def test_it_runs_as_an_ordinary_process_until_it_is_stopped(tmp_path: Path) -> None:
    async def act() -> None:
        port = free_port()
        kept, log = keeper(tmp_path, f"127.0.0.1:{port}")
        with (tmp_path / "ours").open("w") as ours:
            os.set_inheritable(ours.fileno(), True)
            kept.start()
            await until(lambda: answers(port))
            inherited = {str(tmp_path / "ours")}
        (pid,) = children(tmp_path)
        assert os.sched_getscheduler(pid) == os.SCHED_OTHER
        assert kept.warnings == ()
        assert not inherited & open_files(pid)
        kept.stop()
        await until(lambda: not answers(port))
        kept.stop()
        assert [line for line, _ in log.lines] == ["serves metrics and the status page"]
        await until(lambda: not children(tmp_path))

    run(act)


def test_one_that_dies_is_told_of_and_comes_back(tmp_path: Path) -> None:
    async def act() -> None:
        port = free_port()
        kept, log = keeper(tmp_path, f"127.0.0.1:{port}")
        kept.start()
        await until(lambda: answers(port))
        (first,) = children(tmp_path)
        os.kill(first, signal.SIGKILL)
        await until(lambda: bool(kept.warnings))
        assert kept.warnings == (
            "nobody serves the metrics and the status page (agent.metrics): ended by SIGKILL",
        )
        (told,) = log.called("the web process has ended and is started again")
        assert (told["key"], told["why"]) == ("agent.metrics", "ended by SIGKILL")
        await until(lambda: bool(children(tmp_path) - {first}) and answers(port))
        kept.stop()
        await until(lambda: not children(tmp_path))

    run(act)


def test_a_port_that_is_taken_is_told_once_and_tried_again(tmp_path: Path) -> None:
    async def act() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            listen = f"127.0.0.1:{taken.getsockname()[1]}"
            kept, log = keeper(tmp_path, listen)
            kept.start()
            await until(lambda: bool(kept.warnings))
            why = f'cannot listen on agent.metrics = "{listen}": Address already in use'
            (told,) = log.called("the web process has ended and is started again")
            assert told["why"] == why
            assert why in kept.warnings[0]
        await until(lambda: answers(int(listen.rpartition(":")[2])))
        assert len(log.lines) == 2
        kept.stop()
        await until(lambda: not children(tmp_path))

    run(act)


def test_stopped_while_it_waits_it_begins_nothing_more(tmp_path: Path) -> None:
    async def act() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            kept, _ = keeper(tmp_path, f"127.0.0.1:{taken.getsockname()[1]}")
            kept.start()
            await until(lambda: bool(kept.warnings))
        kept.stop()
        with suppress(TimeoutError):
            async with asyncio.timeout(2 * FIRST_WAIT / SECOND):
                await until(lambda: bool(children(tmp_path)))
        assert children(tmp_path) == set()

    run(act)


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from vipd import log
from vipd.agent.staffing import serve_web
from vipd.agent.web import WebKeeper
async def act():
    kept = WebKeeper(Path(sys.argv[1]), sys.argv[2], log.get())
    kept.start()
    print("started", flush=True)
    await asyncio.Event().wait()
log.configure("json")
asyncio.run(act())
"""


def test_it_ends_with_an_agent_that_is_killed(tmp_path: Path) -> None:
    port = free_port()
    argv = [sys.executable, "-c", KILLED, str(tmp_path / "control.sock"), f"127.0.0.1:{port}"]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as agent:
        asyncio.run(asyncio.wait_for(until(lambda: answers(port)), LONG_S))
        agent.kill()
    asyncio.run(asyncio.wait_for(until(lambda: not answers(port)), LONG_S))


def test_the_agent_itself_loads_nothing_of_it() -> None:
    """Why: that would be 15 MB of memory, and code that reads what strangers send."""
    script = "import vipd.agent.main, vipd.agent.web, vipd.cli.run, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    loaded = done.stdout.split()
    assert "vipd.agent.web" in loaded
    foreign = ("vipd.web", "h11", "prometheus_client", "http.server")
    assert [name for name in loaded if name.startswith(foreign)] == []


def descriptors() -> int:
    """How many this process has: each child costs it a pipe, as soon as it is begun."""
    return len([*Path("/proc/self/fd").iterdir()])


def test_an_agent_that_cannot_start_starts_no_web_process(tmp_path: Path) -> None:
    settings = AgentConfig(
        control_socket=tmp_path / "control.sock",
        runtime_directory=tmp_path,
        state_directory=tmp_path,
        metrics=f"127.0.0.1:{free_port()}",
    )

    async def play() -> None:
        before = descriptors()
        with suppress(VipdError):
            async with AsyncExitStack() as stack:
                serve_web(stack, settings)
                raise VipdError("another vipd agent already answers")
        await asyncio.sleep(0)
        assert descriptors() == before

    run(play)
