"""The documentation of the tables of the file, but for trackers (see `vipd.config.explain`).

What a key takes and its hint are those of the schema, its default is that of the core, and what it
is for stands in `vipd.config.meaning`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from enum import Enum
from typing import Any, Final

import msgspec
from msgspec import inspect

from vipd.config.explain import KeyText
from vipd.config.hook_schema import COMMAND_HINT, Command
from vipd.config.meaning import MEANINGS, Table
from vipd.config.model import CONTROL_SOCKET_NAME, RUNTIME_DIRECTORY, STATE_DIRECTORY, AgentConfig
from vipd.config.phrase import wanted
from vipd.config.schema import NAME_HINT, Agent, Instance
from vipd.config.text import DURATION_HINT, DurationText, write_duration
from vipd.core.config import HIGHEST_TTL, Hook, InstanceConfig

_CORE: Final[Mapping[Table, type[Any]]] = {
    Agent: AgentConfig,
    Instance: InstanceConfig,
    Command: Hook,
}
"""Where the defaults of a table are. A key of another name there has its default below."""

_DEFAULTS: Final[Mapping[str, str]] = {
    "control_socket": f'"{RUNTIME_DIRECTORY / CONTROL_SOCKET_NAME}"',
    "state_directory": f'"{STATE_DIRECTORY}"',
    "checksum": '"auto"',
    "lease": '"auto"',
    "unicast_peers": "none, which is multicast",
    "source": "the address that the route to the first peer has",
    "unicast_ttl": str(HIGHEST_TTL),
    "min_ttl": str(HIGHEST_TTL),
    "user": "as the agent, vipd",
    "style": '"vipd"',
}

_TAKES: Final[Mapping[str, str]] = {
    "source": "an address or a list",
    "lease": '"auto", "off" or a duration from "1s" to "1h"',
    "auth": "a table",
    "before_master": "a command line, or a list of them",
}

TOLD_ONCE: Final = (DURATION_HINT, COMMAND_HINT, NAME_HINT)
"""Hints of many keys; whoever shows the tables tells them above."""


def explain_table(table: Table) -> tuple[KeyText, ...]:
    """Every key of a table, in the order of the schema."""
    return tuple(_key(table, field) for field in msgspec.structs.fields(table))


def _key(table: Table, field: msgspec.structs.FieldInfo) -> KeyText:
    kind = inspect.type_info(field.type)
    assert isinstance(kind, inspect.Metadata), f"{field.name} has no hint"
    extra = kind.extra or {}
    meaning = MEANINGS[table][field.name]
    default = "required" if field.required else _default(table, field.name)
    hint = _hint(extra, default)
    return KeyText(
        name=field.name,
        takes=_takes(field.name, kind.type, extra),
        default=default,
        about=f"{meaning} ({hint})." if hint else f"{meaning}.",
    )


def _hint(extra: Mapping[str, Any], default: str) -> str:
    """What is told elsewhere is left out; of a duration, what is known of this one is told."""
    read, hint = extra["read"], extra["hint"]
    if isinstance(read, DurationText):
        return read.why
    return "" if hint in (*TOLD_ONCE, f"such as {default}") else str(hint)


def _takes(name: str, kind: inspect.Type, extra: Mapping[str, Any]) -> str:
    read = extra["read"]
    if isinstance(read, DurationText):
        least, most = write_duration(read.least), write_duration(read.most)
        return f'a duration from "{least}" to "{most}"' + (', or "0s"' if read.off else "")
    if isinstance(kind, inspect.UnionType):
        return _TAKES.get(name, _TAKES["before_master"])
    return _TAKES.get(name) or wanted(kind)


def _default(table: Table, name: str) -> str:
    if name in _DEFAULTS:
        return _DEFAULTS[name]
    found = {field.name: field for field in fields(_CORE[table])} if table in _CORE else {}
    return _written(found[name]) if name in found else "none"


def _written(field: Field[Any]) -> str:
    """A default of the core as the file would have it."""
    match field.default:
        case bool(value):
            return "true" if value else "false"
        case Enum(value=value):
            return f'"{value}"'
        case int(value) if field.type == "Duration":
            return f'"{write_duration(value) if value else "0s"}"'
        case int(value):
            return str(value)
        case _ if field.default is not MISSING:
            return "none"
        case _:
            raise AssertionError(f"{field.name} has no default in the core")
