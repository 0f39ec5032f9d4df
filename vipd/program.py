"""Whether a program that a configuration names can be run, and may be trusted to root.

The judgement is pure: `fault_of` works on what `stats_of` has seen. A program is as safe as the
weakest place on the way to it: who may write a directory can put another program there.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TypeAlias

Stats: TypeAlias = Mapping[str, os.stat_result]
"""What was seen of a program and of every directory on the way to it, the root's first."""

ROOT: frozenset[int] = frozenset({0})

WHOLE_UID_MAP = ["0", "0", "4294967295"]
"""What /proc/self/uid_map says outside of user namespaces. Source: user_namespaces(7)."""


def fault_of(
    path: str, stats: Stats, *, as_root: bool, trusted: Collection[int] = ROOT
) -> str | None:
    """Why a program cannot or must not be run; None when it can.

    `trusted` are the users who may change what root runs.
    """
    path = str(Path(path))
    program = stats.get(path)
    if program is None:
        return _unreachable(path, stats)
    if not stat.S_ISREG(program.st_mode):
        return "is a directory" if stat.S_ISDIR(program.st_mode) else "is not a file"
    if not program.st_mode & 0o111:
        return "is not executable"
    if not as_root:
        return None
    writers = ((place, _writer(seen, trusted)) for place, seen in stats.items())
    place, writer = next(((place, who) for place, who in writers if who), ("", ""))
    if not writer:
        return None
    what = "is run as root, but can be" if place == path else f"is run as root, but {place} can be"
    return f"{what} written by {writer}"


def stats_of(path: str) -> Stats:
    """Look at a program and at every directory on the way to it, through symbolic links too.

    What does not exist is left out.

    Raises: OSError for what may not be looked at.
    """
    ways = [Path(path), Path(os.path.realpath(path))]
    places = dict.fromkeys(str(place) for way in ways for place in (*reversed(way.parents), way))
    seen = {}
    for place in places:
        try:
            seen[place] = Path(place).stat()
        except (FileNotFoundError, NotADirectoryError):
            continue
    return seen


def trusted_users() -> frozenset[int]:
    """Root; in a user namespace whoever is not mapped too, for that is the system's own root."""
    try:
        mapped = Path("/proc/self/uid_map").read_text(encoding="ascii").split()
        overflow = int(Path("/proc/sys/kernel/overflowuid").read_text(encoding="ascii"))
    except OSError:
        return ROOT
    return ROOT if mapped == WHOLE_UID_MAP else ROOT | {overflow}


def _unreachable(path: str, stats: Stats) -> str:
    """Tell a missing directory from a missing program."""
    missing = next(
        (str(place) for place in reversed(Path(path).parents) if str(place) not in stats), ""
    )
    return f"cannot be reached: {missing} does not exist" if missing else "does not exist"


def _writer(seen: os.stat_result, trusted: Collection[int]) -> str:
    """Who, beyond the trusted, may write a file, or put files into a directory; empty for nobody.

    Why: in a sticky directory such as /tmp everybody may create, but not replace.
    """
    if seen.st_uid not in trusted:
        return f"its owner, user {seen.st_uid}"
    if stat.S_ISDIR(seen.st_mode) and seen.st_mode & stat.S_ISVTX:
        return ""
    if seen.st_mode & stat.S_IWOTH:
        return "everybody"
    if seen.st_mode & stat.S_IWGRP and seen.st_gid not in trusted:
        return f"group {seen.st_gid}"
    return ""
