"""The process table, as /proc shows it: one process, or all of them a few at a time.

A program is named by its path or by its base name. The path that a process runs may be hidden from
an agent with few rights (CAP_SYS_PTRACE shows it); then its short name has to do, of which the
kernel keeps fifteen characters. Sources: proc(5).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PROC: Final = "/proc"

AT_ONCE: Final = 32
"""How many processes are read before the loop has its turn again: half a millisecond's worth."""

_ENOUGH: Final = 1024

_SHORT: Final = 15
_DELETED: Final = " (deleted)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One process that lived when it was read; what else it shows is read when it is asked for."""

    pid: int
    name: str
    proc: str = PROC

    @property
    def executable(self) -> str | None:
        """The path of what it runs; None where it may not be known."""
        try:
            return os.readlink(f"{self.proc}/{self.pid}/exe").removesuffix(_DELETED)  # noqa: PTH115
        except OSError:
            return None

    @property
    def arguments(self) -> tuple[str, ...]:
        """The first words of its command line: an interpreter, a script."""
        try:
            line = _read(f"{self.proc}/{self.pid}/cmdline")
        except OSError:
            return ()
        return tuple(line.split("\0")[:3])


def read_process(pid: int) -> Process | None:
    """A process; None for one that has ended, be it reaped or not."""
    try:
        told = _read(f"{PROC}/{pid}/stat")
    except OSError:
        return None
    name, _, rest = told.partition("(")[2].rpartition(") ")
    return None if rest[:1] in ("Z", "X", "") else Process(pid=pid, name=name)


def _read(path: str) -> str:
    """The beginning of a file of /proc. Why so bare: it is done for every process of the host."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, _ENOUGH).decode(errors="replace")
    finally:
        os.close(descriptor)


@dataclass(frozen=True, slots=True)
class Program:
    """A program by its path or base name, to be recognized in a process."""

    wanted: str

    def is_run_by(self, process: Process) -> bool:
        """Whether the process runs this program, or a script of this name."""
        base = self.wanted.rpartition("/")[2]
        named = process.name == base[:_SHORT]
        if base == self.wanted and named and len(base) <= _SHORT:
            return True
        executable = process.executable
        if executable is None:
            return named
        return self._is(executable) or (named and any(map(self._is, process.arguments)))

    def _is(self, path: str) -> bool:
        return self.wanted in (path, path.rpartition("/")[2])


class Scan:
    """One walk through the process table; it begins when it is made."""

    __slots__ = ("_each", "_finished", "_handle", "_left", "_loop")

    def __init__(self, each: Callable[[Process], None], finished: Callable[[], None]) -> None:
        self._each = each
        self._finished = finished
        self._left = sorted((int(p.name) for p in Path(PROC).glob("[0-9]*")), reverse=True)
        self._loop = asyncio.get_running_loop()
        self._handle = self._loop.call_soon(self._go_on)

    def cancel(self) -> None:
        """Walk no further."""
        self._handle.cancel()

    def _go_on(self) -> None:
        for _ in range(min(AT_ONCE, len(self._left))):
            if process := read_process(self._left.pop()):
                self._each(process)
        if self._left:
            self._handle = self._loop.call_soon(self._go_on)
        else:
            self._finished()
