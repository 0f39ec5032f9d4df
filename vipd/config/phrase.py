"""The words for what a key wants and what it got instead."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time
from difflib import get_close_matches
from typing import Any

from msgspec import inspect

from vipd.config.text import quote

LARGEST_SHOWN = 10**18
"""Beyond it a number is not repeated in a message: TOML's end at 64 bits, Python's do not."""

LONGEST_COMPARED = 80
"""Characters. A typing error does not make a key longer than this."""


def wanted(kind: inspect.Type) -> str:
    """What a key takes: `an integer from 1 to 255`."""
    match kind:
        case inspect.IntType(ge=least, le=most) if least is not None and most is not None:
            return f"an integer from {least} to {most}"
        case inspect.FloatType(ge=least, le=most) if least is not None and most is not None:
            return f"a number from {least} to {most}"
        case inspect.BoolType():
            return "true or false"
        case inspect.LiteralType(values=values):
            return either(values)
        case inspect.ListType():
            return "a list"
        case inspect.StructType() | inspect.DictType():
            return "a table"
        case inspect.IntType():
            return "an integer"
        case inspect.StrType():
            return "a string"
        case _:
            raise AssertionError(f"no words for {kind}: the schema has outgrown this function")


def got(value: object, kind: inspect.Type) -> str:
    """What stands there instead: the value, and its type where that is what is wrong."""
    noun = _noun(value)
    if isinstance(value, (bool, list, dict, date, time)):
        return noun
    if _type_of(kind) is type(value):
        return _shown(value)
    return f"the {noun} {_shown(value)}"


def way_out(value: object, kind: inspect.Type) -> str:
    """How to write this value so that the key takes it, where that is plain."""
    match kind, value:
        case inspect.IntType(), str() if value.isascii() and value.isdigit():
            return f"write it without quotes: {value}"
        case inspect.ListType(), str():
            return f"put it in brackets: [{quote(value)}]"
        case inspect.LiteralType(values=values), str():
            meant = nearest(value, [each for each in values if isinstance(each, str)])
            return f"did you mean {quote(meant)}?" if meant else ""
        case inspect.DictType(), list():
            return "write the name of the table in one pair of brackets"
        case _:
            return ""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The one of the known words that was probably meant, whatever its letters."""
    words = {each.lower(): each for each in known}
    near = get_close_matches(word[:LONGEST_COMPARED].lower(), list(words), n=1)
    return words[near[0]] if near else None


def either(values: Iterable[object]) -> str:
    """List values as a choice: `"a", "b" or "c"`."""
    *others, last = (quote(each) if isinstance(each, str) else str(each) for each in values)
    return f"{', '.join(others)} or {last}" if others else last


def _type_of(kind: inspect.Type) -> type[Any] | None:
    match kind:
        case inspect.IntType():
            return int
        case inspect.FloatType():
            return float
        case inspect.StrType():
            return str
        case inspect.LiteralType(values=values):
            return type(values[0])
        case _:
            return None


def _noun(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "a list"
        case dict():
            return "a table"
        case datetime() | date():
            return "a date"
        case time():
            return "a time"
        case _:
            raise AssertionError(f"TOML has no {type(value)}")


def _shown(value: object) -> str:
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, int) and abs(value) > LARGEST_SHOWN:
        return "one of that size"
    return str(value)
