"""A sink for the lines of a log: who writes never waits for who reads.

Theory of operation. Standard error may be a pipe whose reader has stopped, or a terminal that
somebody holds with Ctrl-S. A write that waits for them would have the loop wait, and so the
adverts: an address would move because nobody reads a log.

- To make standard error non-blocking would make it so for everybody who shares it. A pipe or a
  terminal is opened once more, for us alone; a socket can be asked at each write. Where neither
  can be done, it is asked before each write whether it would wait.
- What is not taken is kept, up to a bound, and written when the loop sees that there is room.
  Beyond the bound, lines are lost and counted; as soon as there is room again, the log says so.
- What cannot be written at all, because the reader is gone or the disk is full, is lost, too. It is
  no reason to end.

Whole lines are written at once, as long as they fit into what a pipe takes in one piece, for others
may write in between. Sources: pipe(7), proc(5) on /proc/PID/fd, socket(7).
"""

from __future__ import annotations

import atexit
import os
import select
import socket
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final, TextIO

from vipd.lean import without

# asyncio looks for TLS, which is 5 MB. Where that is spoken, `vipd.track.tls` does it by itself.
with without("ssl"):
    import asyncio

KEPT: Final = 512 * 1024
"""What waits for room at most: some 2,000 lines. Units: bytes."""

AT_THE_END_S: Final = 0.5
"""How long a process that ends waits for the reader of its last lines."""


class Sink:
    """Lines on their way to a descriptor; `on_loss` is told how many were lost, when there is room
    again to say it."""

    def __init__(self, descriptor: int, on_loss: Callable[[int], None]) -> None:
        """Raises: OSError."""
        self._way = _way_to(descriptor)
        self._on_loss = on_loss
        self._kept = bytearray()
        self._lost = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        atexit.register(self.close)

    def write(self, text: str) -> None:
        """Take a line, with its end. It never waits and never fails."""
        self._tell_of_loss()
        line = text.encode(errors="backslashreplace")
        if self._lost or len(self._kept) + len(line) > KEPT:
            self._lost += 1
            return
        self._kept += line
        self._drain()

    def flush(self) -> None:
        """Do nothing: what can be written has been."""

    def close(self) -> None:
        """Write what is left, if somebody reads it soon, and no more after."""
        atexit.unregister(self.close)
        poll, deadline = _poll_for_room(self._way.descriptor), time.monotonic() + AT_THE_END_S
        while self._kept and poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
            self._drain()
        self._stop_waiting()
        self._way.close()

    def _drain(self) -> None:
        """Write as much as there is room for; the loop goes on when there is more."""
        try:
            while self._kept:
                del self._kept[: self._way.send(_piece(self._kept))]
        except BlockingIOError:
            self._wait()
            return
        except OSError:
            self._lost += self._kept.count(b"\n")
            self._kept.clear()
        self._stop_waiting()

    def _tell_of_loss(self) -> None:
        """Say how much is missing here; where even that is lost, it is to be said still."""
        if self._lost and not self._kept:
            lost, self._lost = self._lost, 0
            self._on_loss(lost)
            if self._lost:
                self._lost = lost

    def _wait(self) -> None:
        """Have the loop say when there is room. Without one, the next line finds out."""
        if self._loop is None:
            with suppress(RuntimeError, OSError):
                loop = asyncio.get_running_loop()
                loop.add_writer(self._way.descriptor, self._go_on)
                self._loop = loop

    def _go_on(self) -> None:
        self._drain()
        self._tell_of_loss()

    def _stop_waiting(self) -> None:
        loop, self._loop = self._loop, None
        if loop is not None and not loop.is_closed():
            loop.remove_writer(self._way.descriptor)


def unhurried(stream: TextIO, on_loss: Callable[[int], None]) -> Sink | TextIO:
    """A sink for a stream; the stream itself where nothing of the system is behind it."""
    try:
        return Sink(stream.fileno(), on_loss)
    except (OSError, ValueError):
        return stream


def _piece(kept: bytearray) -> bytes:
    """The lines that a pipe takes in one piece; of a longer line, its beginning."""
    if len(kept) <= select.PIPE_BUF:
        return bytes(kept)
    end = kept.rfind(b"\n", 0, select.PIPE_BUF) + 1
    return bytes(kept[: end or select.PIPE_BUF])


# -- ways that do not wait --------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """Where lines go. `send` writes what there is room for and says how much that was.

    Raises: OSError from `send`; that is BlockingIOError when there is no room.
    """

    descriptor: int
    send: Callable[[bytes], int]
    close: Callable[[], None] = lambda: None


def _way_to(descriptor: int) -> _Way:
    """Raises: OSError."""
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISSOCK(mode):
        return _way_by_socket(socket.socket(fileno=os.dup(descriptor)))
    if stat.S_ISREG(mode):
        return _Way(descriptor=descriptor, send=partial(os.write, descriptor))
    if stat.S_ISFIFO(mode) or os.isatty(descriptor):
        with suppress(OSError):  # It may be somebody else's, or /proc out of reach.
            return _way_by_own(descriptor)
    return _Way(descriptor=descriptor, send=partial(_write_if_there_is_room, descriptor))


def _way_by_socket(connected: socket.socket) -> _Way:
    return _Way(
        descriptor=connected.fileno(),
        send=lambda contents: connected.send(contents, socket.MSG_DONTWAIT),
        close=connected.close,
    )


def _way_by_own(descriptor: int) -> _Way:
    """Open the same once more. Raises: OSError."""
    flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY
    own = os.open(f"/proc/self/fd/{descriptor}", flags)
    return _Way(descriptor=own, send=partial(os.write, own), close=partial(os.close, own))


def _write_if_there_is_room(descriptor: int, contents: bytes) -> int:
    """Raises: OSError. Why: a piece that a pipe takes as one does not wait where there is room."""
    if not _poll_for_room(descriptor).poll(0):
        raise BlockingIOError
    return os.write(descriptor, contents)


def _poll_for_room(descriptor: int) -> select.poll:
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return poll
