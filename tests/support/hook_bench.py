"""Hooks as a test has them: scripts of its own, occasions, and the certainty that nothing stays."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from ipaddress import ip_address, ip_interface
from pathlib import Path

from vipd.agent.hook_occasion import Facts, Occasion, Subject, SubjectKind
from vipd.agent.hook_queue import Run
from vipd.agent.hook_runner import ChildRunner
from vipd.core.actions import ReportTransition
from vipd.core.cause import Cause, CauseCode
from vipd.core.config import Hook, HookMoment
from vipd.core.model import State
from vipd.core.units import SECOND
from vipd.lab.pause import wait_until

WEB = Subject(kind=SubjectKind.INSTANCE, name="web", interface="eth0", vrid=51)
FACTS = Facts(
    priority=150, addresses=(ip_interface("192.0.2.100/24"),), peer=ip_address("192.0.2.12")
)
DEADLINE_S = 10.0


def report(
    new: State = State.MASTER, old: State = State.BACKUP, text: str = "a test"
) -> ReportTransition:
    """A transition."""
    return ReportTransition(old=old, new=new, cause=Cause(CauseCode.MASTER_SILENT, text))


def occasion(new: State = State.MASTER, text: str = "a test") -> Occasion:
    """What a hook is told of it."""
    return Occasion(subject=WEB, number=7, report=report(new, text=text), facts=FACTS)


class Scripts:
    """Scripts that leave their traces in one directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.log = directory / "log"

    def write(self, name: str, body: str, mode: int = 0o755) -> str:
        """Write a shell script; in it, $D is the directory. Its path."""
        path = self.directory / name
        path.write_text(f"#!/bin/sh\nD={self.directory}\n{body}\n")
        path.chmod(mode)
        return str(path)

    def hook(self, name: str, body: str, timeout_s: float = 10, **more: object) -> Hook:
        """A hook that runs such a script."""
        argv = (self.write(name, body),)
        return Hook(argv=argv, timeout=int(timeout_s * SECOND), **more)  # type: ignore[arg-type]

    def read(self, name: str = "log") -> str:
        """What the scripts have written to a file there."""
        with suppress(FileNotFoundError):
            return (self.directory / name).read_text()
        return ""

    def numbers(self, name: str) -> list[int]:
        """The process numbers that they have written there."""
        return [int(number) for number in self.read(name).split()]


async def run(hook: Hook, what: Occasion | None = None) -> Run:
    """Run a hook to its end."""
    ended: asyncio.Future[Run] = asyncio.get_running_loop().create_future()
    ChildRunner().run(hook, HookMoment.ON_MASTER, what or occasion(), ended.set_result)
    return await asyncio.wait_for(ended, DEADLINE_S)


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop turn until something is so."""
    async with asyncio.timeout(DEADLINE_S):
        while not condition():  # noqa: ASYNC110 (it is a file that another process writes)
            await asyncio.sleep(0)


def runs(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] not in "ZX"


@contextmanager
def nothing_stays() -> Iterator[None]:
    """No child, no thread and no descriptor is left behind by what is done inside."""
    before, threads, children = _descriptors(), threading.active_count(), _children()
    yield
    wait_until(lambda: _children() <= children, DEADLINE_S, "every child is gone")
    wait_until(lambda: threading.active_count() <= threads, DEADLINE_S, "every thread is gone")
    wait_until(lambda: _descriptors() <= before, DEADLINE_S, "every descriptor is closed")


def _descriptors() -> set[tuple[str, str]]:
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found.add((entry.name, str(entry.readlink())))
    return {(name, to) for name, to in found if not to.startswith("/proc/")}


def _children() -> set[str]:
    """Children that are there, reaped or not."""
    found: set[str] = set()
    for task in Path(f"/proc/{os.getpid()}/task").iterdir():
        with suppress(OSError):  # The thread has just ended.
            found.update((task / "children").read_text().split())
    return found
