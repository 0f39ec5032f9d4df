"""The tree of a keepalived configuration: statements, some of which have a block; and its text.

Written text has one statement on each line, which is the only layout that every keepalived reads as
it is meant. What could be misunderstood is quoted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from vipd.errors import ConfigError, ConfigProblem

DEEPEST_BLOCK = 30
"""keepalived's own blocks are five deep at most."""

_PLAIN = re.compile(r"(?!include)[A-Za-z0-9_./:,+*%=-]+")
_ESCAPED = re.compile(r"[\\\"$\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where something stands: a file, and a line of it, counted from 1."""

    file: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A keyword and its values, and the block behind it, if it has one."""

    words: tuple[str, ...]
    block: tuple[Statement, ...] | None = None
    place: Place = field(compare=False)

    @property
    def keyword(self) -> str:
        """The first word."""
        return self.words[0]

    @property
    def values(self) -> tuple[str, ...]:
        """The words behind it."""
        return self.words[1:]

    @property
    def entries(self) -> tuple[Statement, ...]:
        """What stands in its block; nothing where it has none."""
        return self.block or ()


def refuse(place: Place, problem: str, hint: str = "") -> NoReturn:
    """Raise the one error that a text can cause: it names the file and the line."""
    path = f"line {place.line}"
    raise ConfigError(place.file, [ConfigProblem(path=path, problem=problem, hint=hint)])


def write(statements: Sequence[Statement]) -> str:
    """Write a tree as keepalived reads it."""
    return "".join(f"{line}\n" for line in _lines(statements, ""))


def _lines(statements: Sequence[Statement], indent: str) -> Iterator[str]:
    for one in statements:
        words = indent + " ".join(map(_write_word, one.words))
        if one.block is None:
            yield words
        else:
            yield f"{words} {{"
            yield from _lines(one.block, indent + "    ")
            yield f"{indent}}}"


def _write_word(word: str) -> str:
    """Order: a definition is replaced within quotes, too, so that a dollar sign is escaped."""
    if _PLAIN.fullmatch(word):
        return word
    return f'"{_ESCAPED.sub(_write_octal, word)}"'


def _write_octal(match: re.Match[str]) -> str:
    return f"\\{ord(match[0]):03o}"
