"""A child: one run of a program, from its start to its end, which is the end of its whole group.

Theory of operation. What the child and all that it starts print goes into one pipe, of which only
the end is kept, as much as is asked for. The run is over when the child itself has ended: the
kernel tells that through a pidfd (or, before Linux 5.3, the child is asked every few milliseconds).
Then what is left of its group is killed, *before* the child is reaped: until then its number, which
is the group's, cannot become somebody else's. Nobody waits for the pipe to be closed, so a process
that has escaped into a session of its own holds nothing up.

Who prints without end cannot busy the loop: after the first megabyte the pipe is read once in a
millisecond, and the child waits.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TypeAlias

from vipd.core.units import MILLISECOND, SECOND, Duration
from vipd.track.spawn import Scrutiny, spawn

GRACE: Duration = 500 * MILLISECOND
"""How long a group may take to end in order, before it is killed."""

FREE_OUTPUT: Final = 1024 * 1024
"""How much is read as soon as it is there. Units: bytes."""

OUTPUT_PAUSE: Duration = MILLISECOND
"""How long the child then waits for each further chunk: 64 MB/s, 2 % of the loop."""

ASK_EVERY: Duration = 20 * MILLISECOND
"""How often a child is asked whether it lives, where the kernel has no pidfd."""

LONGEST_LINE: Final = 200
"""Units: characters."""

_CHUNK: Final = 64 * 1024
_TAIL: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a run has ended. `code` is negative for a signal, as in `subprocess`."""

    code: int
    line: str
    took: Duration


Ending: TypeAlias = Callable[[Ended | OSError], None]
"""Takes how a run has ended, or why it could not begin."""


class Child:
    """One run; it begins when it is made. Raises: OSError, when not even a pipe can be had.

    Its input is a file in memory, so whether it reads that is nobody's concern. `spares` leaves
    alone what it has started and what goes on when it has ended by itself. `keeps` is how much of
    what was printed last is kept. Units: bytes.
    """

    __slots__ = (
        "_began", "_ending", "_grace", "_keeps", "_killed", "_loop", "_output", "_pause", "_pid",
        "_pidfd", "_read", "_spares", "_tail",
    )  # fmt: skip

    def __init__(
        self,
        argv: Sequence[str],
        environment: Mapping[str, str],
        ending: Ending,
        scrutiny: Scrutiny | None = None,
        *,
        stdin: bytes = b"",
        spares: bool = False,
        keeps: int = _TAIL,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._ending = ending
        self._pid: int | None = None
        self._pidfd: int | None = None
        self._killed = False
        self._spares = spares
        self._pause: asyncio.TimerHandle | None = None
        self._grace: asyncio.TimerHandle | None = None
        self._keeps = keeps
        self._tail = bytearray()
        self._read = 0
        self._began = self._loop.time()
        self._output, writer, source = _descriptors(stdin)
        try:
            spawn(argv, environment, writer, self._begin, scrutiny, source)
        except OSError:
            os.close(self._output)
            raise

    @property
    def took(self) -> Duration:
        """How long it has run so far."""
        return int((self._loop.time() - self._began) * SECOND)

    @property
    def printed(self) -> bytes:
        """What was printed so far, as much of its end as is kept."""
        return bytes(self._tail)

    @property
    def last_line(self) -> str:
        """The last line of what was printed so far, fit to be shown."""
        lines = self._tail[-_TAIL:].decode(errors="replace").strip().splitlines()
        line = "".join(c if c.isprintable() else " " for c in lines[-1]) if lines else ""
        return line if len(line) <= LONGEST_LINE else f"...{line[-LONGEST_LINE:]}"

    def end(self) -> None:
        """Ask the whole group to end, and kill it after a grace; the ending is still told."""
        if self._pid is None:
            self.kill()
            return
        self._spares = False
        self._signal(signal.SIGTERM)
        self._grace = self._loop.call_later(GRACE / SECOND, self.kill)

    def kill(self) -> None:
        """Kill the whole group; the ending is still told."""
        self._killed, self._spares = True, False
        self._signal(signal.SIGKILL)

    # -- life -------------------------------------------------------------------------------

    def _begin(self, pid: int | OSError) -> None:
        if isinstance(pid, OSError):
            os.close(self._output)
            self._ending(pid)
            return
        self._pid = pid
        if self._killed:
            self._signal(signal.SIGKILL)
        self._loop.add_reader(self._output, self._read_output)
        try:
            self._pidfd = os.pidfd_open(pid)
        except OSError:
            self._ask()
        else:
            self._loop.add_reader(self._pidfd, self._reap)

    def _ask(self) -> None:
        how = os.WEXITED | os.WNOHANG | os.WNOWAIT
        if self._pid and os.waitid(os.P_PID, self._pid, how):
            self._reap()
        else:
            self._loop.call_later(ASK_EVERY / SECOND, self._ask)

    def _signal(self, number: signal.Signals) -> None:
        """Signal the group, while there is one. A group that is not ours to signal runs on."""
        if self._pid is not None:
            with suppress(OSError):
                os.killpg(self._pid, number)

    def _reap(self) -> None:
        """Order: the group, then the child, then what it has printed."""
        assert self._pid is not None, "it has begun"
        if not self._spares:
            self._signal(signal.SIGKILL)
        _, status = os.waitpid(self._pid, 0)
        self._pid = None
        self._drain()
        self._close()
        code = os.waitstatus_to_exitcode(status)
        self._ending(Ended(code=code, line=self.last_line, took=self.took))

    def _close(self) -> None:
        for timer in (self._pause, self._grace):
            if timer:
                timer.cancel()
        for descriptor in (self._output, self._pidfd):
            if descriptor is not None:
                self._loop.remove_reader(descriptor)
                os.close(descriptor)

    # -- output -----------------------------------------------------------------------------

    def _read_output(self) -> None:
        if not self._read_chunk():
            self._loop.remove_reader(self._output)
        elif self._read > FREE_OUTPUT:
            self._loop.remove_reader(self._output)
            self._pause = self._loop.call_later(OUTPUT_PAUSE / SECOND, self._read_on)

    def _read_on(self) -> None:
        self._loop.add_reader(self._output, self._read_output)

    def _read_chunk(self) -> bool:
        """Take in what there is: whether there may be more."""
        try:
            chunk = os.read(self._output, _CHUNK)
        except BlockingIOError:
            return False
        self._read += len(chunk)
        self._tail += chunk
        del self._tail[: -self._keeps]
        return bool(chunk)

    def _drain(self) -> None:
        """Take in what the pipe still holds; who has escaped may go on printing, so no more."""
        until = self._read + FREE_OUTPUT
        while self._read < until and self._read_chunk():
            pass


def _descriptors(stdin: bytes) -> tuple[int, int, int | None]:
    """Both ends of the pipe for the output, and the input, if there is any."""
    source = _file_of(stdin) if stdin else None
    try:
        output, writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        if source is not None:
            os.close(source)
        raise
    os.set_blocking(writer, True)
    return output, writer, source


def _file_of(content: bytes) -> int:
    """A file in memory, to be read from its beginning."""
    file = os.memfd_create("stdin")
    os.write(file, content)
    os.lseek(file, 0, os.SEEK_SET)
    return file
