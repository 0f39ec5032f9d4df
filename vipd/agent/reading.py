"""The configuration, read beside the agent: in a process of its own, which may take its time.

Theory of operation. To read a configuration is work for the interpreter, 5 ms for a small one and
300 ms for the largest. A thread that does it shares the interpreter's lock with the loop. The loop
is real-time and the thread is not, so on a busy host the thread is put aside while it holds the
lock, and the adverts wait for whatever is running there. A child process has a lock of its own. It
is started without a wait, as those of trackers and hooks are (`vipd.track.spawn`), is ordinary
whatever the loop is, and is bounded in time and memory: the file may hang, and so may the database
of users. If anything goes wrong with it, the file was not read, and the agent goes on as it was.

The child finds vipd where the agent has found it, and not in the directory where it happens to be.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Final

import vipd
from vipd.config.model import Config
from vipd.config.transfer import unpack
from vipd.core.units import SECOND, Duration, format_duration
from vipd.errors import ConfigError, ConfigProblem
from vipd.track.child import Child, Ended
from vipd.track.ending import describe_ending

WITHIN: Duration = 20 * SECOND
"""255 instances of 20 addresses take half a second beside busy programs, the largest file that is
read at all ten; the users of the host may come from a server that is slow."""

MEMORY: Final = 512 * 1024 * 1024
"""More than twice what the largest file takes. Units: bytes."""

LARGEST_ANSWER: Final = 64 * 1024 * 1024
"""Units: bytes."""


async def read_apart(path: Path, within: Duration = WITHIN, memory: int = MEMORY) -> Config:
    """Read a file in a process of its own, and look for what it names on this host.

    Raises: ConfigError with all problems, those of this host among them.
    """
    result, printed = await _run(path, within, memory)
    if isinstance(result, OSError):
        raise _unread(path, f"the process that reads it cannot be started: {result}")
    if result is None:
        raise _unread(path, f"reading it has not ended within {format_duration(within)}")
    if result.code != 0:
        said = f": {result.line}" if result.line else ""
        problem = f"the process that reads it has failed, {describe_ending(result.code)}{said}"
        raise _unread(path, problem)
    return await _at_leisure(unpack(printed.strip().rpartition(b"\n")[2], str(path)))


async def _run(path: Path, within: Duration, memory: int) -> tuple[Ended | OSError | None, bytes]:
    """Run the child: how it has ended, None if not in time, and what it has printed."""
    over = asyncio.Event()
    results: list[Ended | OSError] = []

    def end(result: Ended | OSError) -> None:
        results.append(result)
        over.set()

    argv = (sys.executable, "-P", "-m", "vipd.config", str(path), str(memory))
    environment = {**os.environ, "PYTHONPATH": str(Path(vipd.__file__).parents[1])}
    try:
        child = Child(argv, environment, end, keeps=LARGEST_ANSWER)
    except OSError as error:
        return error, b""
    try:
        async with asyncio.timeout(within / SECOND):
            await over.wait()
    except TimeoutError:
        return None, b""
    finally:
        child.kill()
    return results[0], child.printed


async def _at_leisure(steps: Generator[None, None, Config]) -> Config:
    """Go through the steps, and let the loop have its turn after each."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            config: Config = end.value
            return config
        await asyncio.sleep(0)


def _unread(path: Path, problem: str) -> ConfigError:
    hint = "try `vipd check`, which reads it in the same way"
    return ConfigError(str(path), [ConfigProblem(path="", problem=problem, hint=hint)])
