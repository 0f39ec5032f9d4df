#!/usr/bin/env python3
"""Prints the part of requirements.lock that a running vipd needs: no tools, and nothing of theirs.

The lock says below each library who wants it ("# via"): the project itself, its tools, or others.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path

PROJECT = "vipd (pyproject.toml)"


def entries_of(lock: str) -> Mapping[str, str]:
    """The lines of every library, by its name."""
    entries = re.split(r"^(?=[A-Za-z0-9])", lock, flags=re.MULTILINE)[1:]
    return {entry.partition("==")[0]: entry for entry in entries}


def wanted_by(entry: str) -> set[str]:
    """Who wants a library."""
    return set(re.findall(r"^ +# (?:via )? *(?!via$)(\S.*)$", entry, flags=re.MULTILINE))


def needed(entries: Mapping[str, str]) -> Mapping[str, str]:
    """What the project wants, what that wants, and so on."""
    names = {PROJECT}
    while more := {name for name in entries if wanted_by(entries[name]) & names} - names:
        names |= more
    return {name: entry for name, entry in entries.items() if name in names}


if __name__ == "__main__":
    lock = Path(__file__).parents[1] / "requirements.lock"
    sys.stdout.write("".join(needed(entries_of(lock.read_text())).values()))
