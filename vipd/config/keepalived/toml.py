"""vipd's file as it is written: tables, their keys in order, and remarks above them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from textwrap import wrap
from typing import Final, TypeAlias

WIDTH: Final = 98
Value: TypeAlias = "str | int | bool | list[Value] | Mapping[str, Value]"


@dataclass(slots=True, kw_only=True)
class Table:
    """One table of the file. An empty `path` is for keys that stand above all tables."""

    path: str
    keys: dict[str, Value] = field(default_factory=dict)


def write(table: Table, remarks: Iterable[str] = ()) -> str:
    """A table with its remarks, which stand right below its name."""
    lines = [f"[{table.path}]", *comment(remarks)]
    lines += [_assignment(key, value) for key, value in table.keys.items()]
    return "\n".join(lines) + "\n"


def comment(remarks: Iterable[str]) -> Iterator[str]:
    """Remarks as comments, each on lines that are not too long."""
    for remark in remarks:
        lines = wrap(_printable(remark), WIDTH - 4, break_on_hyphens=False)
        yield from (f"# {'' if first else '  '}{line}" for first, line in _marked(lines))


def _assignment(key: str, value: Value) -> str:
    """A key and its value; a list that is too long for a line has one for each item."""
    line = f"{key} = {value_text(value)}"
    if len(line) <= WIDTH or not isinstance(value, list):
        return line
    return "\n".join([f"{key} = [", *(f"    {value_text(item)}," for item in value), "]"])


def value_text(value: Value) -> str:
    """A value in TOML's notation."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, list):
        return f"[{', '.join(map(value_text, value))}]"
    return f"{{ {', '.join(f'{key} = {value_text(each)}' for key, each in value.items())} }}"


def _string(text: str) -> str:
    """A basic string. TOML wants DEL escaped; JSON, which has the same escapes, does not."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _printable(text: str) -> str:
    return "".join(each if each.isprintable() else " " for each in text)


def _marked(lines: list[str]) -> Iterator[tuple[bool, str]]:
    return ((index == 0, line) for index, line in enumerate(lines))
