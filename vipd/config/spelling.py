"""A configuration in the words of the file: what each section has under which key.

Theory of operation. All that the dataclasses are made of is gone through, so that a new field is
never forgotten: it is spelled by its name and its value until something better is known here. A
default is spelled as well: a key that is added with the value that held before is no change.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields
from enum import Enum
from typing import Any, TypeAlias

from vipd.config.model import AgentConfig
from vipd.config.text import join, write_duration
from vipd.core.config import (
    GroupConfig,
    Hook,
    HookMoment,
    HooksConfig,
    InstanceConfig,
    TrackerConfig,
    TrackUse,
    Unicast,
)
from vipd.core.units import SECOND


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that is compared and never shown."""

    value: object = field(repr=False)


Words: TypeAlias = str | tuple[str, ...] | Secret | None
"""A value as the file has it, a list item by item; None where there is none."""

Section: TypeAlias = AgentConfig | InstanceConfig | TrackerConfig | GroupConfig

NOT_WRITTEN = frozenset({"name", "group", "leads", "runtime_directory"})
"""What stands above the keys, or follows from others."""

KEYS: Mapping[str, str] = {
    "password": "auth.password",
    "kind": "type",
    "initially_up": "initial",
    "keepalived_style": "style",
    "sources": "source",
    "peers": "unicast_peers",
    "ttl": "unicast_ttl",
}
"""What the file calls a field that has another name."""

WORDS: Mapping[tuple[str, object], str] = {
    ("checksum", None): "auto",
    ("lease", None): "auto",
    ("lease", 0): "off",
    ("initially_up", True): "up",
    ("initially_up", False): "down",
    ("keepalived_style", True): "keepalived",
    ("keepalived_style", False): "vipd",
}
"""Values that the file has a word for."""


def keys_of(section: Section) -> Mapping[str, Words]:
    """All keys of a section, as they could stand in the file."""
    keys: dict[str, Words] = {}
    for one in fields(section):
        if one.init and one.name not in NOT_WRITTEN:
            keys |= _keys(section, one, getattr(section, one.name))
    return keys


def _keys(section: Section, one: Field[Any], value: object) -> dict[str, Words]:
    if one.name == "unicast":
        unicast = value if isinstance(value, Unicast) else Unicast(peers=())
        return {KEYS.get(each.name, each.name): _of(unicast, each) for each in fields(unicast)}
    if isinstance(value, HooksConfig):
        return _hooks(value)
    if isinstance(section, TrackerConfig) and isinstance(value, Mapping):
        return dict(_options(section.kind, value))
    return {KEYS.get(one.name, one.name): _of(section, one)}


def _of(owner: object, one: Field[Any]) -> Words:
    """One field. Why: a duration is a number, which only the text of its type tells from others."""
    value = getattr(owner, one.name)
    if (one.name, value) in WORDS:
        return WORDS[one.name, value]
    if "Duration" in str(one.type) and value is not None:
        return write_duration(value)
    return _spell(value)


def _spell(value: object) -> Words:
    match value:
        case None:
            return None
        case bytes():
            return Secret(value)
        case tuple():
            return tuple(map(_text, value))
        case _:
            return _text(value)


def _text(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case Enum():
            return str(value.value)
        case TrackUse(weight=int()):
            return f"{{ name = {_quoted(value.name)}, weight = {value.weight} }}"
        case TrackUse():
            return value.name
        case _:
            return str(value)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _listed(words: Sequence[str]) -> str:
    return json.dumps(words, ensure_ascii=False)


# -- hooks ----------------------------------------------------------------------------------


def _hooks(hooks: HooksConfig) -> dict[str, Words]:
    keys: dict[str, Words] = {
        f"hooks.{moment.value}": tuple(map(_command, hooks.at(moment))) for moment in HookMoment
    }
    return keys | {
        f"hooks.{one.name}": _of(hooks, one) for one in fields(hooks) if one.name != "hooks"
    }


def _command(hook: Hook) -> str:
    """A command line, with what is particular to it where there is anything."""
    argv = _listed(hook.argv)
    more = [one for one in fields(hook) if one.default not in (MISSING, getattr(hook, one.name))]
    if not more:
        return argv
    pairs = [f"{KEYS.get(one.name, one.name)} = {_scalar(_of(hook, one))}" for one in more]
    return f"{{ {', '.join((f'argv = {argv}', *pairs))} }}"


def _scalar(words: Words) -> str:
    return str(words) if words in ("true", "false") else _quoted(str(words))


# -- what is particular to a kind of tracker ------------------------------------------------


def _options(kind: str, options: Mapping[str, Any]) -> Iterator[tuple[str, Words]]:
    for name, value in options.items():
        if name in ("headers", "environment"):
            yield from ((join(name, key), Secret(each)) for key, each in value.items())
        elif name == "free_percent_min":
            yield "free_min", _free(value, options["free_min"])
        elif name != "free_min":
            key = "record" if (kind, name) == ("dns", "type") else name
            yield key, _option(name, value)


def _option(name: str, value: object) -> Words:
    match name, value:
        case "password", str():
            return Secret(value)
        case "status", tuple():
            return tuple(_status(*each) for each in value)
        case "lag_max", int():
            return write_duration(value * SECOND)
        case _, tuple():
            return _listed([str(each) for each in value])
        case _:
            return _spell(value)


def _free(share: float | None, size: int | None) -> Words:
    if share is not None:
        return f"{share:g}%"
    return None if size is None else f"{size}B"


def _status(least: int, most: int) -> str:
    return str(least) if least == most else f"{least}-{most}"
