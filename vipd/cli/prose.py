"""The help of a command, taken apart into what the sections of its manual page want.

Nothing is marked for that: the help is written as one writes help. A paragraph that begins with
"Example" has examples; what begins with "The exit code is" is about the exit code, and so is a
paragraph after it that begins with "With --option it is". What stands below `\\b`, indented, are
rows of a term and its text, two spaces or more between them, or lines of code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from vipd.cli.roff import Block, Code, Rows, Text

AS_IT_STANDS: Final = "\b"
"""The line by which click is told not to fill a paragraph."""

INDENT: Final = "  "

_PARAGRAPHS: Final = re.compile(r"\n\s*\n")
_ROW: Final = re.compile(r"(\S+(?: \S+)*) {2,}(\S.*)")
_EXAMPLES: Final = re.compile(r"Examples?:")
_EXIT: Final = re.compile(r"\bThe exit code is\b|^With --\w+ it is\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a help tells: of the command, of its exit code, by example."""

    description: tuple[Block, ...]
    exit_status: tuple[Block, ...]
    examples: tuple[Block, ...]


def take_apart(text: str) -> Told:
    """Sort the paragraphs of a help."""
    description: list[Block] = []
    exit_status: list[Block] = []
    examples: list[Block] = []
    for paragraph in _PARAGRAPHS.split(text.strip("\n")):
        first, *rest = _blocks(paragraph)
        opening = first.text if isinstance(first, Text) else ""
        if _EXAMPLES.fullmatch(opening):
            examples += rest
        elif found := _EXIT.search(opening):
            before = opening[: found.start()].strip()
            description += [Text(before)] if before else []
            exit_status += [Text(opening[found.start() :]), *rest]
        else:
            description += [first, *rest]
    return Told(
        description=tuple(description), exit_status=tuple(exit_status), examples=tuple(examples)
    )


def _blocks(paragraph: str) -> Iterator[Block]:
    lines = paragraph.splitlines()
    if lines[0].strip(" ") != AS_IT_STANDS:
        yield Text(_joined(lines))
        return
    for indented, group in groupby(lines[1:], key=lambda line: line.startswith(INDENT)):
        if indented:
            yield from _listed(list(group))
        else:
            yield Text(_joined(list(group)))


def _listed(lines: list[str]) -> Iterator[Block]:
    found = [(entry, _ROW.fullmatch(entry)) for entry in _entries(lines)]
    for is_row, group in groupby(found, key=lambda pair: pair[1] is not None):
        if is_row:
            yield Rows(tuple((row[1], row[2]) for _, row in group if row))
        else:
            yield Code(tuple(entry for entry, _ in group))


def _entries(lines: list[str]) -> Iterator[str]:
    """A line that is indented further continues the one before."""
    entry = ""
    for line in lines:
        bare = line.removeprefix(INDENT)
        if entry and bare.startswith(" "):
            entry = f"{entry} {bare.strip()}"
            continue
        if entry:
            yield entry
        entry = bare
    yield entry


def _joined(lines: list[str]) -> str:
    return " ".join(line.strip() for line in lines)
