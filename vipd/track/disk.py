"""The disk tracker: whether a file system has room, and can be written.

Theory of operation. To ask a file system whose server or disk is gone may take for ever, so a
thread asks. A look that has no answer in time has failed, and so have all that follow, until that
one thread has come back: there are never two.

Whether it can be written is said by the file system itself (its "super options"): the mount that
this process sees is read-only anyway where systemd protects the system from it. Sources:
statvfs(3), proc_pid_mountinfo(5).
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias

from vipd.core.config import TrackerConfig
from vipd.track.outcome import Outcome, Report, Tracker
from vipd.track.polling import Polling
from vipd.track.thread import begin_thread

MOUNTS: Final = Path("/proc/self/mountinfo")

READ_ONLY: Final = frozenset({"ro", "emergency_ro"})
"""The second is how ext4 says, since Linux 6.15, that it has met an error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What a file system says of itself. Units: `free` is in bytes."""

    free: int
    percent: float
    read_only: bool


Ask: TypeAlias = Callable[[str], Room]


def make(config: TrackerConfig) -> Tracker:
    """A tracker that asks the file system of `path`."""
    return Polling(config, DiskCheck(config))


class DiskCheck:
    """Asks a file system once."""

    __slots__ = ("_ask", "_asking", "_done", "_free", "_path", "_percent", "_writable")

    def __init__(self, config: TrackerConfig, ask: Ask | None = None) -> None:
        options = config.options
        self._path: str = options["path"]
        self._free: int | None = options.get("free_min")
        self._percent: float | None = options.get("free_percent_min")
        self._writable: bool = options.get("writable", False)
        self._ask = ask or partial(ask_file_system, writable=self._writable)
        self._asking = False
        self._done: Report | None = None

    def check(self, done: Report) -> Callable[[], None]:
        """Ask, in a thread. Raises: OSError, when there can be none."""
        if self._asking:
            done(self._silence())
            return self._cancel
        loop = asyncio.get_running_loop()

        def run() -> None:
            answer: Room | OSError
            try:
                answer = self._ask(self._path)
            except OSError as error:
                answer = error
            with suppress(RuntimeError):  # The loop has ended.
                loop.call_soon_threadsafe(self._take, answer)

        begin_thread(run)
        self._asking, self._done = True, done
        return self._cancel

    def _cancel(self) -> None:
        done, self._done = self._done, None
        if done:
            done(self._silence())

    def _take(self, answer: Room | OSError) -> None:
        self._asking = False
        done, self._done = self._done, None
        if done:
            done(self._judge(answer))

    def _silence(self) -> Outcome:
        return Outcome(ok=False, text=f"the file system of {self._path} does not answer")

    def _judge(self, answer: Room | OSError) -> Outcome:
        if isinstance(answer, OSError):
            return Outcome(ok=False, text=f"{self._path}: {answer.strerror or answer}")
        faults = ", ".join(self._faults(answer))
        seen = f"{format_bytes(answer.free)} ({answer.percent:.1f} %) free"
        return Outcome(ok=not faults, text=f"{faults} ({seen})" if faults else seen)

    def _faults(self, room: Room) -> Iterator[str]:
        if self._writable and room.read_only:
            yield f"the file system of {self._path} is read-only"
        if self._free is not None and room.free < self._free:
            yield f"less than {format_bytes(self._free)} free"
        if self._percent is not None and room.percent < self._percent:
            yield f"less than {self._percent:g} % free"


def ask_file_system(path: str, *, writable: bool = True) -> Room:
    """Ask the file system that has this path; whether it is read-only, only if it matters.

    Raises: OSError.
    Why: what only root may use is counted neither as free nor as used, as df does.
    """
    told = os.statvfs(path)
    used = told.f_blocks - told.f_bfree
    return Room(
        free=told.f_bavail * told.f_frsize,
        percent=100 * told.f_bavail / max(used + told.f_bavail, 1),
        read_only=writable and _is_read_only(Path(path).resolve()),
    )


def _is_read_only(path: Path) -> bool:
    """Whether the file system itself is read-only; the last of the deepest mounts counts."""
    inside, depth, read_only = f"{path}/", 0, False
    for line in MOUNTS.read_text(errors="surrogateescape").splitlines():
        mount, _, system = line.partition(" - ")
        point = _unescape(mount.split(" ")[4]).rstrip("/") + "/"
        if len(point) >= depth and inside.startswith(point):
            depth = len(point)
            read_only = not READ_ONLY.isdisjoint(system.split(" ")[-1].split(","))
    return read_only


def _unescape(text: str) -> str:
    """Undo how the kernel writes white space and backslashes: in octal."""
    if "\\" not in text:
        return text
    return re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), text)


def format_bytes(count: float) -> str:
    """Write a size for a person: `1.5 GB`, in powers of 1000."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.4g} TB"
