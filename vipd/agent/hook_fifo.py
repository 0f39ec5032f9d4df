"""The FIFO: a line in keepalived's format for each transition, for whoever reads it.

It is open for reading, too: so a line waits for a reader who comes late, and none of them has to be
there. A reader that does not read costs nothing: what does not fit into the pipe (64 KiB, or some
2,000 lines) is dropped and counted.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from vipd.agent.throttle import Throttle

_MODE = 0o600


class Fifo:
    """One FIFO; made where it is missing, and left where it is when it is closed."""

    __slots__ = ("_file", "_path", "_throttle", "dropped")

    def __init__(self, path: str, throttle: Throttle) -> None:
        self._path = path
        self._throttle = throttle
        self._file = -1
        self.dropped = 0
        try:
            self._open()
        except OSError as error:
            self._complain(error)

    def write(self, line: str) -> None:
        """Write a line, or drop it. A pipe takes a line of this size whole, or not at all."""
        try:
            if self._is_replaced():
                self.close()
                self._open()
            os.write(self._file, line.encode(errors="replace"))
        except OSError as error:
            self.dropped += 1
            self._complain(error)

    def close(self) -> None:
        """Let go of it; what nobody has read is lost. Once more changes nothing."""
        if self._file != -1:
            os.close(self._file)
            self._file = -1

    def _open(self) -> None:
        """Open what is there, or make it. Raises: OSError.

        Why: a symbolic link, or a file that is no FIFO, may be there to have something overwritten.
        """
        if not os.path.lexists(self._path):
            os.mkfifo(self._path, _MODE)
        if not stat.S_ISFIFO(Path(self._path).lstat().st_mode):
            raise OSError("it is no FIFO")
        file = os.open(self._path, os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        if not stat.S_ISFIFO(os.fstat(file).st_mode):
            os.close(file)
            raise OSError("it is no FIFO any more")
        self._file = file

    def _is_replaced(self) -> bool:
        """Whether the path leads elsewhere than to what is open."""
        if self._file == -1:
            return True
        try:
            seen = Path(self._path).lstat()
        except OSError:
            return True
        return not os.path.samestat(seen, os.fstat(self._file))

    def _complain(self, error: OSError) -> None:
        full = isinstance(error, BlockingIOError)
        reason = "it is full: nobody reads it" if full else error.strerror or str(error)
        self._throttle.warning("cannot write to the FIFO", fifo=self._path, error=reason)
