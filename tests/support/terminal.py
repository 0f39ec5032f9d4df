"""A program in a terminal of its own: what it writes, keys, and the size of the window."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

LONG_S = 15.0
"""What a test waits before it counts as failed; never what it takes."""

PROGRAM = """
import os
os.close(os.open(os.ttyname(0), os.O_RDWR))
from vipd.cli.main import main
main()
"""
"""Who leads a session and opens a terminal has it: Ctrl-C and its size come from there."""

SEQUENCE = re.compile(rb"\x1b(\[[0-9;?]*[$]?[A-Za-z]|[()][0-9A-Z])|[\x0e\x0f]")
MOVE = re.compile(rb"\x1b\[[0-9]+;1H")


@dataclass
class Terminal:
    """The other end of the terminal, where a person sits."""

    process: subprocess.Popen[bytes]
    ours: int
    theirs: int
    before: list[object]
    output: bytes = b""
    _seen: int = field(default=0)

    def until(self, text: str) -> str:
        """Read until this text was written, after what was waited for last; all since then."""
        self.wait(lambda: text in self.text(self._seen))
        found = self.text(self._seen)
        self._seen = len(self.output)
        return found

    def text(self, since: int = 0) -> str:
        """What was written, a line for each row that was drawn."""
        rows = MOVE.sub(b"\n", self.output[since:])
        return SEQUENCE.sub(b"", rows).decode(errors="replace")

    def wait(self, condition: Callable[[], bool]) -> None:
        """Read until something is so."""
        deadline = time.monotonic() + LONG_S
        while not condition():
            left = deadline - time.monotonic()
            assert left > 0, f"not written in time: {self.text()[-3000:]}"
            self._read(min(left, 0.05))

    def _read(self, timeout_s: float) -> None:
        if select.select([self.ours], [], [], timeout_s)[0]:
            self.output += os.read(self.ours, 65536)

    def press(self, keys: str) -> None:
        """Press keys."""
        os.write(self.ours, keys.encode())

    def resize(self, columns: int, rows: int) -> None:
        """Make the window another size; whoever runs in it gets SIGWINCH."""
        termios.tcsetwinsize(self.ours, (rows, columns))

    def ended(self) -> int:
        """Wait for the end; the exit code."""
        self.wait(lambda: self.process.poll() is not None)
        self._read(0)
        return self.process.returncode

    @property
    def restored(self) -> bool:
        """Whether the terminal is as it was: its modes, the screen, and the cursor."""
        screen = self.output.rindex(b"\x1b[?1049l") > self.output.rindex(b"\x1b[?1049h")
        cursor = self.output.rindex(b"\x1b[?25h") > self.output.rindex(b"\x1b[?25l")
        return screen and cursor and termios.tcgetattr(self.theirs) == self.before


@contextmanager
def terminal(*arguments: str, columns: int = 80, rows: int = 24, **env: str) -> Iterator[Terminal]:
    """Run vipd in a terminal of this size; it is ended, if it has not ended by then."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (rows, columns))
    inherited = {k: v for k, v in os.environ.items() if k not in {"NO_COLOR", "COLUMNS", "LINES"}}
    before = termios.tcgetattr(theirs)
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=inherited | {"TERM": "xterm-256color", "TZ": "UTC"} | env,
        start_new_session=True,
    )
    try:
        yield Terminal(process, ours, theirs, before)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
        os.close(theirs)
