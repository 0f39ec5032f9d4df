"""The steps of an installation: each says what it does before anybody does it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """Put a file into place, with the directories on the way to it."""

    path: Path
    content: bytes
    anew: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Make:
    """Make a directory; `group` may read what is in it, if there is one of this name."""

    path: Path
    mode: int
    group: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Remove:
    """Remove a file, or with `whole` a directory and all that is in it."""

    path: Path
    whole: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Prune:
    """Remove a directory if nothing is left in it."""

    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Run a program; `must` is whether all ends when it fails."""

    argv: tuple[str, ...]
    must: bool = True


Step: TypeAlias = Write | Make | Remove | Prune | Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be done, in this order; what is as it should be; what a person should know."""

    steps: tuple[Step, ...]
    unchanged: int = 0
    notes: tuple[str, ...] = ()
