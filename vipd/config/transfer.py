"""A configuration as bytes, for the way from the process that has read it to the agent.

msgspec writes all of it as JSON, on one line, which a person can read as well. It cannot read all
of it: a union of two types that it does not know, such as `IPv4Interface | IPv6Interface`, is
beyond it. So it reads plain values, and they are built up again by the types of the fields; no
field is known by its name, and a new one needs nothing here.

To build hundreds of instances takes as long as several short advert intervals (60 ms for 255 with
20 addresses each), so it is done in steps of one instance, between which the loop has its turn.

Why not pickle: what it reads may do anything, and the agent may do more than others.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv6Address,
    IPv6Interface,
    ip_address,
    ip_interface,
)
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, TypeAlias, Union, get_args, get_origin, get_type_hints

import msgspec

from vipd import __version__
from vipd.config.model import Config
from vipd.errors import ConfigError, ConfigProblem

Build: TypeAlias = Callable[[Any], Any]
"""Makes a value of one type from a plain one."""

TEXTUAL = (IPv4Address, IPv6Address, IPv4Interface, IPv6Interface, Path)
"""Types whose values are written as `str` does, and made from that again."""

MIXED: Mapping[frozenset[object], Build] = {
    frozenset({IPv4Address, IPv6Address}): ip_address,
    frozenset({IPv4Interface, IPv6Interface}): ip_interface,
}
"""The unions of which the text itself tells the type."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a reading has come to: a configuration, or why there is none.

    `version` is that of the program that has read it: another one may have other fields.
    """

    version: str
    config: msgspec.Raw = msgspec.Raw(b"null")
    problems: tuple[ConfigProblem, ...] = ()


def pack(config: Config) -> bytes:
    """Write a configuration, on one line."""
    plain = msgspec.json.encode(config, enc_hook=_text)
    return msgspec.json.encode(Answer(version=__version__, config=msgspec.Raw(plain)))


def pack_problems(problems: Sequence[ConfigProblem]) -> bytes:
    """Write why there is no configuration, on one line."""
    return msgspec.json.encode(Answer(version=__version__, problems=tuple(problems)))


def unpack(packed: bytes, file: str) -> Generator[None, None, Config]:
    """Read in steps what was written; `file` is what the errors call the configuration.

    Raises: ConfigError with the problems that were written, or because it cannot be understood.
    """
    plain = msgspec.json.decode(_answer(packed, file).config)
    built: dict[str, Any] = {}
    for name, kind in get_type_hints(Config).items():
        if get_origin(kind) is tuple:
            build, items = _builder(get_args(kind)[0]), []
            for item in plain[name]:
                items.append(build(item))
                yield
            built[name] = tuple(items)
        else:
            built[name] = _builder(kind)(plain[name])
    return Config(**built)


def _answer(packed: bytes, file: str) -> Answer:
    try:
        answer = msgspec.json.decode(packed, type=Answer)
    except msgspec.DecodeError as error:
        problem = f"what was read of it cannot be understood: {error}"
        raise ConfigError(file, [ConfigProblem(path="", problem=problem)]) from None
    if answer.version != __version__:
        problem = f"vipd {answer.version} is installed now, and this agent is vipd {__version__}"
        hint = "restart the agent: systemctl restart vipd"
        raise ConfigError(file, [ConfigProblem(path="", problem=problem, hint=hint)])
    if answer.problems:
        raise ConfigError(file, answer.problems)
    return answer


def _text(value: object) -> str:
    assert isinstance(value, TEXTUAL), f"there is no way to write {type(value)}"
    return str(value)


# -- what makes values of a type ------------------------------------------------------------


@cache
def _builder(kind: object) -> Build:
    origin, arguments = get_origin(kind), get_args(kind)
    if isinstance(kind, type) and is_dataclass(kind):
        return _dataclass(kind)
    if isinstance(kind, type) and issubclass(kind, (Enum, *TEXTUAL)):
        return kind
    if origin is tuple:
        return _tuple(arguments)
    if origin in (Union, UnionType):
        return _union(frozenset(arguments) - {NoneType})
    if kind is bytes:
        return lambda plain: msgspec.convert(plain, bytes)
    if kind == Mapping[str, Any]:
        return _free
    assert kind in (int, str, bool), f"there is no way to build {kind}"
    return lambda plain: plain


def _dataclass(kind: type) -> Build:
    hints, given = get_type_hints(kind), [field.name for field in fields(kind) if field.init]
    builders = {name: _builder(hints[name]) for name in given}
    return lambda plain: kind(**{name: build(plain[name]) for name, build in builders.items()})


def _tuple(kinds: tuple[object, ...]) -> Build:
    if kinds[-1] is ...:
        build = _builder(kinds[0])
        return lambda plain: tuple(map(build, plain))
    builders = [_builder(kind) for kind in kinds]
    return lambda plain: tuple(build(item) for build, item in zip(builders, plain, strict=True))


def _union(kinds: frozenset[object]) -> Build:
    build = MIXED[kinds] if len(kinds) > 1 else _builder(*kinds)
    return lambda plain: None if plain is None else build(plain)


def _free(plain: object) -> object:
    """The options of a tracker are plain already, but for what were tuples."""
    match plain:
        case list():
            return tuple(map(_free, plain))
        case dict():
            return {key: _free(value) for key, value in plain.items()}
        case _:
            return plain
