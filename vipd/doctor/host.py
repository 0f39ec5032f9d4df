"""This host: the one adapter of `port.Host`, and the bounds of all that it does."""

from __future__ import annotations

import ctypes
import os
import resource
import subprocess
import time
from collections.abc import Sequence
from glob import glob
from importlib import import_module
from pathlib import Path
from typing import Final

from vipd.capture.survey import Own, Survey
from vipd.control.client import NoAgent, ask
from vipd.control.messages import StatusReply, StatusRequest
from vipd.doctor.port import Answer, Place, Said
from vipd.errors import VipdError

COMMAND_TIMEOUT_S: Final = 2.0
"""What reads the kernel or asks a daemon over D-Bus takes a few hundredths of a second."""

ALL_COMMANDS_S: Final = 4.0
"""For all of them together: what is asked later is not asked any more."""

ANSWER_TIMEOUT_S: Final = 1.0
LARGEST_TEXT: Final = 8 * 1024 * 1024
"""Units: bytes. A rule set with a hundred thousand addresses fits."""

PIECE: Final = 64 * 1024
"""Units: bytes."""

_ENVIRONMENT: Final = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
_TIME_ERROR: Final = 5
"""What adjtimex(2) returns when nobody keeps the clock."""

_TIMEX_BYTES: Final = 256
"""More than struct timex takes anywhere."""


class ThisHost:
    """The host that we run on."""

    def __init__(self, budget_s: float = ALL_COMMANDS_S) -> None:
        """All programs together may take so long."""
        self._deadline = time.monotonic() + budget_s

    def read(self, path: str) -> str:
        """The text of a file, as far as anybody would write one.

        Why: in pieces, because /proc/sys refuses to be read by the megabyte.
        """
        text = bytearray()
        with Path(path).open("rb", buffering=0) as file:
            while len(text) < LARGEST_TEXT and (piece := file.read(PIECE)):
                text += piece
        return text.decode(errors="replace")

    def names(self, pattern: str) -> tuple[str, ...]:
        """The paths that match a pattern."""
        return tuple(sorted(glob(pattern)))  # noqa: PTH207  (pathlib has no absolute patterns)

    def link(self, path: str) -> str:
        """Where a symbolic link points to."""
        return os.fspath(Path(path).readlink())

    def place(self, path: str) -> Place:
        """What a path is."""
        status, system = os.stat(path), os.statvfs(path)  # noqa: PTH116  (the pair belongs together)
        return Place(
            mode=status.st_mode,
            owner=status.st_uid,
            read_only=bool(system.f_flag & os.ST_RDONLY),
            free=system.f_bavail * system.f_frsize,
            changed=status.st_mtime,
        )

    def run(self, *argv: str) -> Said:
        """Run a program with a clean environment, and without a terminal to ask on."""
        left = min(COMMAND_TIMEOUT_S, self._deadline - time.monotonic())
        if left <= 0:
            return Said(failure="there was no time left to ask")
        try:
            done = subprocess.run(  # noqa: S603  (our own words, and no shell reads them)
                argv,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=left,
                env=_ENVIRONMENT,
                check=False,
            )
        except FileNotFoundError:
            return Said(failure=f"{argv[0]} is not installed", missing=True)
        except (OSError, subprocess.TimeoutExpired) as error:
            return Said(failure=_words(argv[0], error))
        text = done.stdout[:LARGEST_TEXT].decode(errors="replace")
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip().splitlines()
            return Said(text=text, failure=said[0] if said else f"exit {done.returncode}")
        return Said(text=text)

    def user(self) -> int:
        """The effective user."""
        return os.geteuid()

    def limit(self, name: str) -> int:
        """The soft limit, which is what counts."""
        soft, _ = resource.getrlimit(getattr(resource, name))
        return -1 if soft == resource.RLIM_INFINITY else soft

    def clock_is_set(self) -> bool | None:
        """Ask the kernel; a clock that nobody keeps is an error to it."""
        try:
            answer = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
        except (OSError, AttributeError):
            return None
        return None if answer < 0 else answer != _TIME_ERROR

    def ask(self, socket: Path) -> Answer:
        """Ask the agent for its status."""
        try:
            reply = ask(socket, StatusRequest(), timeout_s=ANSWER_TIMEOUT_S)
        except NoAgent as error:
            absent = isinstance(error.__cause__, FileNotFoundError | ConnectionRefusedError)
            permitted = not isinstance(error.__cause__, PermissionError)
            return Answer(failure=str(error), reached=not absent, permitted=permitted)
        if isinstance(reply, StatusReply):
            return Answer(report=reply.status)
        return Answer(failure=reply.error)

    def listen(self, interface: str, seconds: float, own: Sequence[Own]) -> Survey | str:
        """Listen as a member of the groups.

        Why: what listens needs scapy, which takes a quarter of a second to load.
        """
        try:
            found: Survey = import_module("vipd.doctor.hearing").hear(interface, seconds, own)
        except (VipdError, OSError) as error:
            return str(error)
        return found


def _words(program: str, error: Exception) -> str:
    if isinstance(error, subprocess.TimeoutExpired):
        return f"{program} did not answer within {error.timeout:.1f} s"
    return f"{program} cannot be run: {error.strerror if isinstance(error, OSError) else error}"
