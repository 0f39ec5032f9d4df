"""Reads TOML values by the types of the schema, and notes every problem on the way.

msgspec stops at the first problem of what it is given, so it is given one key at a time. Where a
problem was noted, UNSET takes the value's place and the reading goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, get_args, get_origin

import msgspec
from msgspec import UNSET, Struct, inspect

from vipd.config.foreign import FOREIGN_KEYS, FOREIGN_KINDS, RENAMED_KEYS
from vipd.config.phrase import got, nearest, wanted, way_out
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
    instead: Callable[[object], str] | None
    kinds: Mapping[str, type[Struct]]

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
            instead=extra.get("instead"),
            kinds=extra.get("kinds") or {},
        )

    @property
    def parts(self) -> tuple[Expected, ...]:
        """The item of a list; the key and the value of named tables; the types of a choice."""
        is_annotated = get_origin(self.annotation) is Annotated
        bare = get_args(self.annotation)[0] if is_annotated else self.annotation
        return tuple(Expected.of(part) for part in get_args(bare))

    def fitting(self, value: object) -> Expected:
        """The type of a choice that a value is meant for; the first, if it fits none."""
        for part in self.parts:
            match part.kind, value:
                case inspect.ListType(), list():
                    return part
                case inspect.StructType(), dict():
                    return part
                case inspect.StrType(), str():
                    return part
                case _:
                    continue
        return self.parts[0]

    def way_out(self, value: object) -> str:
        """What to write instead of a value that the type cannot be."""
        if self.secret:
            return self.hint
        instead = self.instead(value) if self.instead else way_out(value, self.kind)
        return instead or self.hint


class Reader:
    """Reads one document; `problems` grows meanwhile."""

    def __init__(self) -> None:
        self.problems: list[ConfigProblem] = []

    def read(self, path: str, value: object, expected: Expected) -> object:
        """Read a value of any type of the schema."""
        match expected.kind, value:
            case inspect.StructType(cls=struct), dict():
                return self.read_table(path, value, struct)
            case inspect.DictType(), dict() if expected.kinds:
                return self._read_kind(path, value, expected.kinds)
            case inspect.DictType(value_type=inspect.Metadata(type=inspect.StrType())), dict():
                return self._read_pairs(path, value, expected)
            case inspect.DictType(), dict():
                return self._read_named_tables(path, value, expected)
            case inspect.ListType(), list():
                return self._read_list(path, value, expected)
            case inspect.UnionType(), _:
                return self.read(path, value, expected.fitting(value))
            case _:
                return self._read_scalar(path, value, expected)

    def read_table(
        self, path: str, table: dict[str, object], struct: type[Struct]
    ) -> dict[str, object]:
        """Read a table; the result has those of its keys that could be read.

        A key that is left out has the default of the schema, if that has one.
        """
        fields = _fields(struct)
        absent = {key: value for key, value in _defaults(struct).items() if key not in table}
        values = {
            key: self.read(join(path, key), value, fields[key])
            for key, value in (table | absent).items()
            if key in fields
        }
        unknown = [key for key in table if key not in fields]
        foreign = FOREIGN_KEYS | getattr(struct, "foreign", {})
        meant = {self._unknown_key(path, key, tuple(fields), foreign) for key in unknown}
        for name in _required(struct):
            if name not in values and name not in meant:
                self.note(join(path, name), "is missing", fields[name].hint)
        return {key: value for key, value in values.items() if value is not UNSET}

    def note(self, path: str, problem: str, hint: str = "") -> None:
        """Remember a problem."""
        self.problems.append(ConfigProblem(path=path, problem=problem, hint=hint))

    def _unknown_key(
        self, path: str, key: str, known: tuple[str, ...], foreign: Mapping[str, str]
    ) -> str | None:
        """Note an unknown key; return the key that was probably meant."""
        meant = RENAMED_KEYS.get(key)
        if meant in known:
            hint = f"here it is called {meant}"
        elif key in foreign:
            meant, hint = None, foreign[key]
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

    def _read_kind(
        self, path: str, table: dict[str, object], kinds: Mapping[str, type[Struct]]
    ) -> object:
        """Read a table whose key `type` says which keys it has."""
        kind, choice = table.get("type"), f"one of {', '.join(kinds)}"
        if kind is None:
            self.note(join(path, "type"), "is missing", choice)
        elif not isinstance(kind, str):
            self.note(join(path, "type"), "must be a string", choice)
        elif kind not in kinds:
            meant = FOREIGN_KINDS.get(kind) or nearest(kind, kinds)
            hint = f"did you mean {quote(meant)}?" if meant else choice
            self.note(join(path, "type"), f"there is no kind {quote(kind)}", hint)
        else:
            keys = {key: value for key, value in table.items() if key != "type"}
            return {"type": kind, **self.read_table(path, keys, kinds[kind])}
        return UNSET

    def _read_pairs(self, path: str, pairs: dict[str, object], expected: Expected) -> object:
        """Read a table whose keys are free and whose values are strings."""
        key_expected, value_expected = expected.parts
        read = {}
        for key, value in pairs.items():
            place = join(path, key)
            if self.read(place, key, key_expected) is not UNSET:
                read[key] = self.read(place, value, value_expected)
        return {key: value for key, value in read.items() if value is not UNSET}

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
            self.note(path, problem, expected.way_out(value))
        except RefusedText as refused:
            self.note(path, refused.problem, refused.hint or expected.hint)
        return UNSET


@cache
def _fields(struct: type[Struct]) -> dict[str, Expected]:
    return {field.name: Expected.of(field.type) for field in msgspec.structs.fields(struct)}


@cache
def _defaults(struct: type[Struct]) -> dict[str, object]:
    """The defaults that the schema has, as the file would write them."""
    fields = msgspec.structs.fields(struct)
    return {
        field.name: field.default
        for field in fields
        if field.default is not UNSET and not field.required
    }


@cache
def _required(struct: type[Struct]) -> tuple[str, ...]:
    return tuple(field.name for field in msgspec.structs.fields(struct) if field.required)
