"""From a text to a tree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from vipd.config.keepalived.lexis import Mark, Token, tokens
from vipd.config.keepalived.source import Include, Line, Source
from vipd.config.keepalived.tree import DEEPEST_BLOCK, Place, Statement, refuse


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A configuration that was read, on behalf of one host.

    `semicolon` is where the first one stood; `hosts` are the names that conditions had; `missing`
    are the includes that found nothing.
    """

    statements: tuple[Statement, ...]
    host: str = ""
    semicolon: Place | None = None
    hosts: frozenset[str] = frozenset()
    missing: tuple[tuple[Place, str], ...] = ()


def parse(text: str, file: str, *, host: str = "", include: Include | None = None) -> Document:
    """Read a configuration; `file` is what it is called, `include` opens what it includes.

    Raises: ConfigError, with file and line.
    """
    source = Source(host, include or _nothing)
    builder = _Builder()
    for line in source.lines(text, file):
        builder.take(line)
    return Document(
        statements=builder.finish(),
        host=host,
        semicolon=builder.semicolon,
        hosts=frozenset(source.hosts),
        missing=tuple(source.missing),
    )


def _nothing(pattern: str, directory: str) -> Sequence[tuple[str, str]]:
    del pattern, directory
    return ()


@dataclass(slots=True)
class _Block:
    """A block that is not closed yet, and the statement that it belongs to."""

    words: tuple[str, ...]
    place: Place
    statements: list[Statement] = field(default_factory=list)


class _Builder:
    """Takes lines, and has a tree when they have ended.

    The end of a line ends a statement; a brace may still follow on the next one.
    """

    def __init__(self) -> None:
        self.semicolon: Place | None = None
        self._top: list[Statement] = []
        self._open: list[_Block] = []
        self._words: list[str] = []

    def take(self, line: Line) -> None:
        """Take one more line. Raises: ConfigError."""
        for token in tokens(line.text, line.place):
            self._take_token(token, line.place)
        self._end(line.place)

    def finish(self) -> tuple[Statement, ...]:
        """The whole tree. Raises: ConfigError."""
        if self._open:
            block = self._open[-1]
            refuse(block.place, f"the block of {block.words[0]} is never closed", "a } is missing")
        return tuple(self._top)

    @property
    def _statements(self) -> list[Statement]:
        return self._open[-1].statements if self._open else self._top

    def _take_token(self, token: Token, place: Place) -> None:
        match token.mark:
            case Mark.WORD:
                self._words.append(token.text)
            case Mark.OPEN:
                self._begin(place)
            case Mark.CLOSE:
                self._end(place)
                self._close(place)
            case Mark.END:
                self._end(place)
                self.semicolon = self.semicolon or place

    def _end(self, place: Place) -> None:
        if self._words:
            self._statements.append(Statement(words=tuple(self._words), place=place))
            self._words.clear()

    def _begin(self, place: Place) -> None:
        self._end(place)
        statements = self._statements
        if not statements or statements[-1].block is not None:
            refuse(place, "a block begins that belongs to nothing", "a keyword goes before the {")
        if len(self._open) >= DEEPEST_BLOCK:
            refuse(place, f"blocks are nested more than {DEEPEST_BLOCK} deep", "is a } missing?")
        opener = statements.pop()
        self._open.append(_Block(opener.words, opener.place))

    def _close(self, place: Place) -> None:
        if not self._open:
            refuse(place, "a } closes nothing", "one } too many, or a { is missing above")
        block = self._open.pop()
        whole = Statement(words=block.words, block=tuple(block.statements), place=block.place)
        self._statements.append(whole)
