"""From a text to lines: comments, conditions, definitions, sequences and includes are done here.

Theory of operation. A line is looked at again after each thing that was done to it, as keepalived
does: a definition may hold a condition, several lines, or the name of another definition, which is
replaced when it is used and not before. Nothing bounds that but the text itself, so every character
that is looked at is counted, and a text that takes too many is refused.

Words with a tilde repeat the rest of the line: `~SEQ(N, 1, 3)` counts, `~LST(N, a, b)` lists.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from posixpath import dirname
from typing import Final, TypeAlias

from vipd.config.keepalived.lexis import split_command, uncommented
from vipd.config.keepalived.repetition import repetitions
from vipd.config.keepalived.tree import Place, refuse
from vipd.config.text import quote

Include: TypeAlias = Callable[[str, str], Sequence[tuple[str, str]]]
"""Takes a pattern and the directory that it is relative to; returns paths and texts."""

MOST_CHARACTERS: Final = 4 * 1024 * 1024
DEEPEST_DEFINITION: Final = 40
DEEPEST_INCLUDE: Final = 20

_CONDITION: Final = re.compile(r"@(?P<but>\^?)(?P<host>[^\s^]\S*)(?:\s+(?P<rest>.*))?", re.DOTALL)
_DEFINITION: Final = re.compile(r"\$(?P<name>[A-Za-z_]\w*)=(?P<value>.*)", re.DOTALL | re.ASCII)
_DEFINING: Final = re.compile(r"\s*(?:@\S+\s+)*\$[A-Za-z_]\w*=", re.ASCII)
_USE: Final = re.compile(
    r"\$\{(?P<braced>[A-Za-z_]\w*)(?P<arguments>(?:[ \t]+\d+)*)\}|\$(?P<bare>[A-Za-z_]\w*)(?=\s|$)",
    re.ASCII,
)
_INCLUDE: Final = re.compile(r"include(?P<check>[abmrw]?)\s+(?P<pattern>.+)")
_WILD: Final = re.compile(r"[*?\[{]")


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it is meant, and where it was written."""

    text: str
    place: Place


@dataclass(slots=True)
class Source:
    """Reads a text and what it includes; `host` is what conditions are compared with.

    `hosts` are the names that conditions had; `missing` are the includes that found nothing.
    """

    host: str
    include: Include
    hosts: set[str] = field(default_factory=set)
    missing: list[tuple[Place, str]] = field(default_factory=list)
    _definitions: dict[str, str] = field(default_factory=dict)
    _open: list[str] = field(default_factory=list)
    _left: int = MOST_CHARACTERS

    def lines(self, text: str, file: str) -> Iterator[Line]:
        """The lines of a file. Raises: ConfigError."""
        self._open.append(file)
        for line in _joined(text, file):
            yield from self._read(line.text, line.place, 0)
        self._open.pop()

    def _read(self, text: str, place: Place, depth: int) -> Iterator[Line]:
        text = text.strip()
        self._spend(text, place, depth)
        if not text:
            return
        if match := _CONDITION.fullmatch(text):
            if self._is_meant(match):
                yield from self._read(match["rest"] or "", place, depth + 1)
        elif match := _DEFINITION.fullmatch(text):
            self._definitions[match["name"]] = match["value"].strip()
        elif repeated := repetitions(text, lambda part: self._replace(part, place), place):
            for names, rest in repeated:
                self._definitions.update(names)
                yield from self._read(rest, place, depth + 1)
        elif (replaced := self._replace(text, place)) != text:
            for line in replaced.split("\n"):
                yield from self._read(line, place, depth + 1)
        elif match := _INCLUDE.fullmatch(text):
            yield from self._read_included(match["pattern"], match["check"], place)
        else:
            yield Line(text, place)

    def _spend(self, text: str, place: Place, depth: int) -> None:
        self._left -= len(text) + 1
        if self._left < 0:
            refuse(place, f"comes to more than {MOST_CHARACTERS} characters", "is it that large?")
        if depth > DEEPEST_DEFINITION:
            hint = "one that is made of itself has no end"
            refuse(place, "definitions lead to definitions without end", hint)

    def _is_meant(self, match: re.Match[str]) -> bool:
        self.hosts.add(match["host"])
        return (match["host"] == self.host) is not bool(match["but"])

    def _replace(self, text: str, place: Place) -> str:
        """Put values in the place of names; a name that has none stays as it is."""

        def value(match: re.Match[str]) -> str:
            name = match["braced"] or match["bare"]
            if name == "_RANDOM":
                hint = "write the number itself: what is drawn by lot cannot be carried over"
                refuse(place, "${_RANDOM} has another value each time", hint)
            known = self._predefined(place) | self._definitions
            return known.get(name, match[0]) if not match["arguments"] else match[0]

        replaced = _USE.sub(value, text)
        if len(replaced) > max(self._left, 0):
            self._spend(replaced, place, 0)
        return replaced

    def _predefined(self, place: Place) -> dict[str, str]:
        directory = dirname(place.file) or "."
        return {"_PWD": directory, "_INSTANCE": self.host, "_HASH": "#", "_BANG": "!"}

    def _read_included(self, written: str, check: str, place: Place) -> Iterator[Line]:
        pattern = (split_command(written) or ("",))[0]
        found = self.include(pattern, dirname(place.file))
        if not found:
            if check and (check in "aw" or not _WILD.search(pattern)):
                refuse(place, f"include{check} finds no file {quote(pattern)}", "correct the path")
            self.missing.append((place, pattern))
        for path, text in found:
            if path in self._open:
                refuse(place, f"{path} includes itself", "leave out one of the includes")
            if len(self._open) > DEEPEST_INCLUDE:
                refuse(place, f"more than {DEEPEST_INCLUDE} files include one another")
            yield from self.lines(text, path)


def _joined(text: str, file: str) -> Iterator[Line]:
    """Lines without comments; one that ends with a backslash goes on with the next.

    A definition keeps its lines apart, for each of them is read by itself where it is used.
    """
    parts: list[str] = []
    begun = 1
    for number, written in enumerate(text.split("\n"), 1):
        part = uncommented(written).rstrip()
        parts.append(part.removesuffix("\\"))
        if part.endswith("\\"):
            continue
        yield Line(_glue(parts), Place(file=file, line=begun))
        parts, begun = [], number + 1
    if parts:
        yield Line(_glue(parts), Place(file=file, line=begun))


def _glue(parts: list[str]) -> str:
    return ("\n" if _DEFINING.match(parts[0]) else " ").join(parts)
