"""Reads TOML values by the types of the schema, and notes every problem on the way.

msgspec stops at the first problem of what it is given, so it is given one key at a time. Where a
problem was noted, UNSET takes the value's place and the reading goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, get_args, get_origin

import msgspec
from msgspec import UNSET, Struct, inspect

from vipd.config.phrase import got, nearest, wanted, way_out
from vipd.config.schema import FOREIGN_KEYS, RENAMED_KEYS
from vipd.config.text import RefusedText, join, quote
from vipd.errors import ConfigProblem


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """One type of the schema, taken apart."""

    annotation: object
    kind: inspect.Type
    hint: str
    from_text: Callable[[Any], object] | None
    secret: bool

    @classmethod
    def of(cls, annotation: object) -> Expected:
        """Take a type apart."""
        kind = inspect.type_info(annotation)
        extra: dict[str, Any] = {}
        if isinstance(kind, inspect.Metadata):
            extra = kind.extra or {}
            kind = kind.type
        return cls(
            annotation=annotation,
            kind=kind,
            hint=extra.get("hint", ""),
            from_text=extra.get("read"),
            secret=extra.get("secret", False),
        )

    @property
    def parts(self) -> tuple[Expected, ...]:
        """The item of a list; the key and the value of named tables; the types of a choice."""
        is_annotated = get_origin(self.annotation) is Annotated
        bare = get_args(self.annotation)[0] if is_annotated else self.annotation
        return tuple(Expected.of(part) for part in get_args(bare))


class Reader:
    """Reads one document; `problems` grows meanwhile."""

    def __init__(self) -> None:
        self.problems: list[ConfigProblem] = []

    def read(self, path: str, value: object, expected: Expected) -> object:
        """Read a value of any type of the schema."""
        match expected.kind, value:
            case inspect.StructType(cls=struct), dict():
                return self.read_table(path, value, struct)
            case inspect.DictType(), dict():
                return self._read_named_tables(path, value, expected)
            case inspect.ListType(), list():
                return self._read_list(path, value, expected)
            case inspect.UnionType(), _:
                single, several = expected.parts
                return self.read(path, value, several if isinstance(value, list) else single)
            case _:
                return self._read_scalar(path, value, expected)

    def read_table(
        self, path: str, table: dict[str, object], struct: type[Struct]
    ) -> dict[str, object]:
        """Read a table; the result has those of its keys that could be read."""
        fields = _fields(struct)
        values = {
            key: self.read(join(path, key), value, fields[key])
            for key, value in table.items()
            if key in fields
        }
        unknown = [key for key in table if key not in fields]
        meant = {self._unknown_key(path, key, tuple(fields)) for key in unknown}
        for name in _required(struct):
            if name not in values and name not in meant:
                self.note(join(path, name), "is missing", fields[name].hint)
        return {key: value for key, value in values.items() if value is not UNSET}

    def note(self, path: str, problem: str, hint: str = "") -> None:
        """Remember a problem."""
        self.problems.append(ConfigProblem(path=path, problem=problem, hint=hint))

    def _unknown_key(self, path: str, key: str, known: tuple[str, ...]) -> str | None:
        """Note an unknown key; return the key that was probably meant."""
        meant = RENAMED_KEYS.get(key)
        if meant in known:
            hint = f"here it is called {meant}"
        elif key in FOREIGN_KEYS:
            meant, hint = None, FOREIGN_KEYS[key]
        elif meant := nearest(key, known):
            hint = f"did you mean {meant}?"
        else:
            hint = f"the keys here are: {', '.join(known)}"
        self.note(join(path, key), "unknown key", hint)
        return meant

    def _read_named_tables(
        self, path: str, tables: dict[str, object], expected: Expected
    ) -> dict[str, object]:
        name_expected, table_expected = expected.parts
        loose = [key for key, value in tables.items() if not isinstance(value, dict)]
        if loose:
            keys = ", ".join(quote(key) for key in loose)
            self.note(path, f"has keys outside a named table: {keys}", expected.hint)
        read = {}
        for name, table in tables.items():
            if isinstance(table, dict):
                self.read(join(path, name), name, name_expected)
                read[name] = self.read(join(path, name), table, table_expected)
        return read

    def _read_list(self, path: str, items: list[object], expected: Expected) -> object:
        """Read a list; an item that could not be read keeps its place as UNSET."""
        if not items:
            self.note(path, "must not be empty", expected.hint)
        (item,) = expected.parts
        return tuple(self.read(f"{path}[{index}]", each, item) for index, each in enumerate(items))

    def _read_scalar(self, path: str, value: object, expected: Expected) -> object:
        try:
            plain = msgspec.convert(value, type=expected.annotation)
            return expected.from_text(plain) if expected.from_text else plain
        except msgspec.ValidationError:
            instead = "" if expected.secret else f", not {got(value, expected.kind)}"
            problem = f"must be {wanted(expected.kind)}{instead}"
            hint = "" if expected.secret else way_out(value, expected.kind)
            self.note(path, problem, hint or expected.hint)
        except RefusedText as refused:
            self.note(path, refused.problem, refused.hint or expected.hint)
        return UNSET


@cache
def _fields(struct: type[Struct]) -> dict[str, Expected]:
    return {field.name: Expected.of(field.type) for field in msgspec.structs.fields(struct)}


@cache
def _required(struct: type[Struct]) -> tuple[str, ...]:
    return tuple(field.name for field in msgspec.structs.fields(struct) if field.required)
