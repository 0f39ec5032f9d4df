"""Following: looks at a path when the kernel says that something about it has changed.

Theory of operation. inotify watches the file itself, and its directory for the file to come, go or
be renamed into place. While the directory does not exist, its nearest ancestor is watched instead.
What the events say is not believed, nor even read: after any of them the watches are put where
they belong now, and then one look is made, so nothing that happens meanwhile is missed. Looks are a
moment apart: a writer has finished by then, and a busy directory costs little.

What the kernel does not tell (another host's change on a network file system, a renamed ancestor,
a mount in between) is found by a look every ten seconds; where inotify is used up, every interval.
A look that finds what the one before has found is not reported. Sources: inotify(7).
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final

from vipd.core.units import MILLISECOND, SECOND, Duration
from vipd.track.outcome import Outcome, Report

SETTLE: Duration = 10 * MILLISECOND
"""From an event to the look: as long as a writer may take, and 100 looks a second at most."""

BACKSTOP: Duration = 10 * SECOND
"""How often a look is made even if the kernel tells nothing."""

_MODIFY, _ATTRIB, _CLOSE_WRITE = 0x002, 0x004, 0x008
_MOVED_FROM, _MOVED_TO, _CREATE, _DELETE = 0x040, 0x080, 0x100, 0x200
_DELETE_SELF, _MOVE_SELF, _ONLYDIR = 0x400, 0x800, 0x0100_0000
_SELF: Final = _DELETE_SELF | _MOVE_SELF
_OF_FILE: Final = _MODIFY | _ATTRIB | _CLOSE_WRITE | _SELF
_OF_DIRECTORY: Final = _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE | _SELF | _ONLYDIR

_CHUNK: Final = 64 * 1024


class Following:
    """A tracker made of the changes of one path; `look` is quick and does not raise."""

    __slots__ = (
        "_alarm", "_every", "_found", "_inotify", "_look", "_loop", "_path", "_report", "_watches",
    )  # fmt: skip

    def __init__(
        self,
        path: Path,
        look: Callable[[], Outcome],
        every: Duration,
        backstop: Duration = BACKSTOP,
    ) -> None:
        self._path = path
        self._look = look
        self._every = (every, max(every, backstop))
        self._report: Report | None = None
        self._inotify: int | None = None
        self._watches: frozenset[int] = frozenset()
        self._found: Outcome | None = None
        self._alarm: asyncio.TimerHandle | None = None

    def start(self, report: Report) -> None:
        """Look now, and whenever something has changed."""
        self.stop()
        self._loop = asyncio.get_running_loop()
        self._report = report
        with suppress(OSError):
            self._inotify = _open()
        self._alarm = self._loop.call_later(0, self._visit)

    def stop(self) -> None:
        """Follow no more."""
        self._report = self._found = None
        if self._alarm:
            self._alarm.cancel()
        if self._inotify is not None:
            self._loop.remove_reader(self._inotify)
            os.close(self._inotify)
        self._inotify, self._watches = None, frozenset()

    def follow(self, path: Path) -> None:
        """Follow another path from the next look on, which is made soon if it is another."""
        if path != self._path:
            self._path = path
            self._again()

    def _visit(self) -> None:
        """Watch what is there now, look, and wait for more. Order: a look before would miss."""
        told = self._inotify is not None and self._watch(self._inotify)
        if self._inotify is not None:
            self._loop.add_reader(self._inotify, self._stir, self._inotify)
        self._alarm = self._loop.call_later(self._every[told] / SECOND, self._visit)
        found = self._look()
        if self._report and found != self._found:
            self._found = found
            self._report(found)

    def _stir(self, inotify: int) -> None:
        """Something has happened. Why: the events are left to gather until the look is made."""
        self._loop.remove_reader(inotify)
        self._again()

    def _again(self) -> None:
        if self._alarm:
            self._alarm.cancel()
        self._alarm = self._loop.call_later(SETTLE / SECOND, self._visit)

    def _watch(self, inotify: int) -> bool:
        """Put the watches where they belong now: whether the kernel will tell of changes."""
        _drain(inotify)
        place = None
        directory = None
        while place != (place := _nearest(self._path.parent)):
            directory = _add(inotify, place, _OF_DIRECTORY)
        file = _add(inotify, self._path, _OF_FILE)
        watches = frozenset(watch for watch in (directory, file) if watch is not None)
        for watch in self._watches - watches:
            _libc().inotify_rm_watch(inotify, watch)
        self._watches = watches
        return directory is not None


def _nearest(directory: Path) -> Path:
    """The directory, or the nearest of its ancestors that exists."""
    for place in (directory, *directory.parents):
        with suppress(OSError):
            if stat.S_ISDIR(place.stat().st_mode):
                return place
    return Path("/")


# -- inotify --------------------------------------------------------------------------------


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _open() -> int:
    """A new inotify instance. Raises: OSError, when this user has too many."""
    descriptor: int = _libc().inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    if descriptor < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return descriptor


def _add(inotify: int, place: Path, events: int) -> int | None:
    watch: int = _libc().inotify_add_watch(inotify, os.fsencode(place), events)
    return watch if watch >= 0 else None


def _drain(inotify: int) -> None:
    """Throw away what has been told. The kernel keeps 16384 events at most, so this ends."""
    with suppress(BlockingIOError):
        while os.read(inotify, _CHUNK):
            pass
