"""Manual pages as values, and as roff: the macros of man(7), and no others.

Text is written as in the help: `code` in backticks, one sentence after the other. What becomes of
it is read by groff and by mandoc alike, without a warning of either. What a person copies from a
page has to be what a shell takes: every hyphen is written as a minus sign, and no word is broken at
the end of a line.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Final, TypeAlias, assert_never

WIDTH: Final = 76
"""Columns of the source; mandoc complains from the eightieth on."""

_ESCAPES: Final = str.maketrans(
    {"\\": r"\e", '"': r"\(dq", "-": r"\-", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti"}
)
_CODE: Final = re.compile(r"`([^`]+)`")
_SENTENCE: Final = re.compile(r"(?<=[\w)\"\]][.?!]) +")


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True, slots=True)
class Rows:
    """Terms, each with what is to be said of it."""

    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Code:
    """Lines that stay as they are."""

    lines: tuple[str, ...]


Block: TypeAlias = Text | Rows | Code


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of a section, under a heading of its own."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A section; one in which nothing stands is left out."""

    title: str
    blocks: tuple[Block, ...] = ()
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Manual:
    """A page of the manual: `volume` is 8 for commands of administrators, 5 for files."""

    name: str
    volume: int
    line: str
    synopsis: tuple[str, ...]
    sections: tuple[Section, ...]

    @property
    def file(self) -> str:
        """How the file of the page is called."""
        return f"{self.name}.{self.volume}"


def render(manual: Manual, *, release: str, date: str) -> str:
    """Write a page as roff."""
    title = f'.TH "{manual.name.upper()}" {manual.volume} "{date}" "{release}" "vipd"'
    whole_words = (".nh", ".ad l")
    name = (".SH NAME", f"{_escaped(manual.name)} \\- {_inline(manual.line)}")
    synopsis = (".SH SYNOPSIS", *_synopsis(manual.synopsis))
    rest = (line for section in manual.sections for line in _section(section))
    return "\n".join((title, *whole_words, *name, *synopsis, *rest, ""))


def _synopsis(usages: tuple[str, ...]) -> Iterator[str]:
    for number, usage in enumerate(usages):
        if number:
            yield ".br"
        yield from _wrapped(_term(usage))


def _section(section: Section) -> Iterator[str]:
    if not section.blocks and not section.parts:
        return
    yield f".SH {section.title}"
    yield from _blocks(section.blocks)
    for part in section.parts:
        yield f".SS {_escaped(part.title)}"
        yield from _blocks(part.blocks)


def _blocks(blocks: tuple[Block, ...]) -> Iterator[str]:
    """The first paragraph begins with its heading: there, mandoc calls a .PP superfluous."""
    for number, block in enumerate(blocks):
        match block:
            case Text(text=text):
                yield from (".PP",) if number else ()
                yield from _filled(text)
            case Rows(rows=rows):
                for term, told in rows:
                    yield from (".TP", _term(term), *_filled(told))
            case Code(lines=lines):
                yield from (*((".PP",) if number else ()), ".nf")
                yield from (_guarded(_escaped(line)) for line in lines)
                yield ".fi"
            case _:
                assert_never(block)


def _filled(text: str) -> Iterator[str]:
    """Each sentence begins a line, so that a change of one is a change of few lines."""
    for sentence in _SENTENCE.split(_inline(text)):
        yield from _wrapped(sentence)


def _wrapped(roff: str) -> Iterator[str]:
    lines = textwrap.wrap(roff, WIDTH, break_long_words=False, break_on_hyphens=False)
    return map(_guarded, lines)


def _guarded(line: str) -> str:
    """A line that begins like a request is not one."""
    return rf"\&{line}" if line.startswith((".", "'")) else line


def _inline(text: str) -> str:
    """Odd pieces are what stood in backticks."""
    pieces = enumerate(_CODE.split(text))
    return "".join(_bold(piece) if odd % 2 else _escaped(piece) for odd, piece in pieces)


def _term(text: str) -> str:
    """A term or a usage: bold as far as it is typed as it stands, else italic."""
    words = groupby(text.split(" "), key=_is_placeholder)
    fonts = {True: r"\fI{}\fR", False: r"\fB{}\fR"}
    return " ".join(fonts[own].format(_escaped(" ".join(group))) for own, group in words)


def _is_placeholder(word: str) -> bool:
    bare = word.strip("[].,")
    return bare.isupper() and not bare.startswith(("-", "SIG", "VIPD_", "NO_"))


def _bold(text: str) -> str:
    return rf"\fB{_escaped(text)}\fR"


def _escaped(text: str) -> str:
    plain = text.translate(_ESCAPES)
    return "".join(each if each.isascii() else f"\\[u{ord(each):04X}]" for each in plain)
