"""Patterns that are looked for in what a server says, within a bound on the time that takes.

Theory of operation. `re` backtracks, and nothing stops it: a pattern that repeats a repetition can
take for ever on twenty bytes, one with `.*` takes time by the square of the length (1.5 s for
64 KiB, measured), and the adverts wait meanwhile. So a pattern is judged by how it is written. One
that repeats nothing often is searched for in 64 KiB; any other in the first 4 KiB, which takes
milliseconds; one that repeats a group which itself repeats or chooses is searched for nowhere, and
the tracker says so.
"""

from __future__ import annotations

import re
from typing import Final

LIMIT: Final = 64 * 1024
REPEATING_LIMIT: Final = 4 * 1024

_TOKEN: Final = re.compile(
    r"""\\.                                   # an escape
    | \[\^?\]?(?:\\.|[^\]\\])*\]              # a class
    | \((?:\?(?:\#[^)]*\)|P?<\w+>|<?[=!>:]|[\w-]*:?))?   # the beginning of a group
    | (?:[*+?]|\{\d*(?:,\d*)?\})[?+]?         # a count
    | .""",
    re.DOTALL | re.VERBOSE,
)

_COUNT: Final = re.compile(r"(?:[*+?]|\{\d*(?:,\d*)?\})[?+]?")
_LARGE: Final = re.compile(r"[*+].?|\{\d*(?:,|,?\d{2,})\}.?")
"""Counts without an end, or with one that is far off."""


class Pattern:
    """One regular expression, and how much of an answer it may see (`limit`, in bytes)."""

    __slots__ = ("_compiled", "limit", "trouble", "written")

    def __init__(self, written: str) -> None:
        self.written = written
        self._compiled = re.compile(written)
        repeats, nested = _repetition(written)
        self.limit = REPEATING_LIMIT if repeats else LIMIT
        self.trouble = (
            f"/{written}/ repeats a group that repeats or chooses: it may take for ever, "
            "so it is not tried"
            if nested
            else ""
        )

    def found_in(self, data: bytes) -> bool:
        """Whether it is in the beginning of some bytes, which are taken for UTF-8."""
        if self.trouble:
            return False
        text = data[: self.limit].decode("utf-8", "replace")
        return self._compiled.search(text) is not None


def _repetition(written: str) -> tuple[bool, bool]:
    """Whether anything is repeated often, and whether that is a group which can match its text in
    more than one way."""
    repeats = nested = False
    loose = [False]
    closed = False
    for part in _TOKEN.findall(written):
        if _COUNT.fullmatch(part):
            large = _LARGE.fullmatch(part) is not None
            repeats, nested = repeats or large, nested or (large and closed)
            loose[-1] = True
        elif part.startswith("(") and not part.endswith(")"):
            loose.append(False)
        elif part == "|":
            loose[-1] = True
        closed = part == ")" and len(loose) > 1 and loose.pop()
        loose[-1] = loose[-1] or closed
    return repeats, nested
