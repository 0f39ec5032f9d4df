"""What the doctor needs of a host: to read it, and never more than that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from vipd.capture.survey import Own, Survey
from vipd.control.report import AgentReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a program has printed; `failure` is why it says nothing, empty when it has spoken.

    `missing` is whether there is no such program here at all.
    """

    text: str = ""
    failure: str = ""
    missing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A file or a directory.

    Units: `free` is in bytes, of its file system; `changed` counts seconds from the Unix epoch.
    """

    mode: int
    owner: int = 0
    read_only: bool = False
    free: int = 1 << 30
    changed: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of asking the agent: its report, or why there is none.

    `reached` is whether something listens there, `permitted` whether this user may ask it.
    """

    report: AgentReport | None = None
    failure: str = ""
    reached: bool = True
    permitted: bool = True


class Source(Protocol):
    """Files and programs that tell something."""

    def read(self, path: str) -> str:
        """The text of a file. Raises: OSError."""

    def run(self, *argv: str) -> Said:
        """Let a program that only reads say something, for a bounded time."""


class Host(Source, Protocol):
    """A host as the doctor sees it. Only what says so raises."""

    def names(self, pattern: str) -> tuple[str, ...]:
        """The paths that match a pattern of the shell, in order."""

    def link(self, path: str) -> str:
        """Where a symbolic link points to. Raises: OSError."""

    def place(self, path: str) -> Place:
        """What a path is. Raises: OSError."""

    def user(self) -> int:
        """The effective user."""

    def limit(self, name: str) -> int:
        """A limit of this process, such as RLIMIT_RTPRIO; -1 for none."""

    def clock_is_set(self) -> bool | None:
        """Whether the kernel's clock is kept by another; None when the kernel does not say."""

    def ask(self, socket: Path) -> Answer:
        """Ask the agent for its status."""

    def listen(self, interface: str, seconds: float, own: Sequence[Own]) -> Survey | str:
        """Who speaks VRRP on a link for so long, or why nobody can listen there."""
