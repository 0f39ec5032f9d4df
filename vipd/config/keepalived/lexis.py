"""The words of a line: quotes, escapes, braces, comments, and the semicolons of books.

keepalived ends a statement at the end of the line and knows no semicolon. Texts that are passed
around have them, so one that ends a word ends the statement.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

from vipd.config.keepalived.tree import Place, refuse

_QUOTED: Final = r'"(?:[^"\\]|\\.)*+"|' + r"'(?:[^'\\]|\\.)*+'"
_CODE: Final = re.compile(rf"(?:[^#!\"'\\]|\\.|{_QUOTED}|[\"'\\])*+", re.DOTALL)
_TOKEN: Final = re.compile(
    rf"""(?P<space>\s+)
    |(?P<open>\{{)
    |(?P<close>\}})
    |(?P<end>;(?=[\s{{}};]|$))
    |(?P<word>(?:{_QUOTED}|\$\{{[^{{}}\s]*\}}|;(?![\s{{}};]|$)|[^\s"'{{}};])++)""",
    re.VERBOSE,
)
_PART: Final = re.compile(rf"(?P<quoted>{_QUOTED})|(?P<plain>[^\"']+)")
_ESCAPE: Final = re.compile(r"\\([0-7]{1,3}|x[0-9a-fA-F]+|c.|.)", re.DOTALL)
_CONTROL: Final = {
    "a": "\a", "b": "\b", "E": "\x1b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
}  # fmt: skip
_COMMAND_WORD: Final = re.compile(rf"(?:{_QUOTED}|\\.|[^\s])+?(?=\s|$)", re.DOTALL)
_COMMAND_PART: Final = re.compile(rf"(?P<quoted>{_QUOTED})|(?P<plain>(?:\\.|.))", re.DOTALL)


class Mark(Enum):
    """What a token is."""

    WORD = "word"
    OPEN = "open"
    CLOSE = "close"
    END = "end"


@dataclass(frozen=True, slots=True)
class Token:
    """A word without its quotes, or a mark between words."""

    mark: Mark
    text: str = ""


def uncommented(line: str) -> str:
    """A line up to its comment: '#' or '!' begins one anywhere but in quotes."""
    match = _CODE.match(line)
    assert match, "it matches the empty string as well"
    return match[0]


def tokens(line: str, place: Place) -> Iterator[Token]:
    """The tokens of a line that has no comment any more.

    Raises: ConfigError where a quote is never closed.
    """
    position = 0
    while position < len(line):
        match = _TOKEN.match(line, position)
        if match is None:
            hint = 'close it on the same line, or write the quote as \\" within quotes'
            refuse(place, f"the quote {line[position]} is never closed", hint)
        position, kind = match.end(), match.lastgroup
        if kind == "word":
            yield Token(Mark.WORD, _plain(match[0]))
        elif kind != "space":
            yield Token(Mark(kind))


def split_command(text: str) -> tuple[str, ...]:
    """The words of a command line, as keepalived passes them to a program: there is no shell."""
    return tuple(_plain_command(match[0]) for match in _COMMAND_WORD.finditer(text))


def _plain(word: str) -> str:
    """A word without its quotes; escapes count within quotes only."""
    return "".join(
        _unescape(part["quoted"][1:-1]) if part["quoted"] else part["plain"]
        for part in _PART.finditer(word)
    )


def _plain_command(word: str) -> str:
    return "".join(
        _unescape(part["quoted"][1:-1] if part["quoted"] else part["plain"])
        for part in _COMMAND_PART.finditer(word)
    )


def _unescape(text: str) -> str:
    return _ESCAPE.sub(_character, text)


def _character(match: re.Match[str]) -> str:
    code = match[1]
    if code[0] in "01234567":
        return chr(int(code, 8) & 0xFF)
    if code[0] == "x" and len(code) > 1:
        return chr(int(code[1:], 16) & 0xFF)
    if code[0] == "c" and len(code) > 1:
        return chr(ord(code[1]) & 0x1F)
    return _CONTROL.get(code, code)
