"""The documentation of every tracker, made from the schema, with an example of each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
from msgspec import UNSET, Struct, inspect

from vipd.config.phrase import wanted
from vipd.config.track_schema import TRACKERS, Polled

EXAMPLES: Mapping[str, str] = {
    "script": """\
[track.queue]
type = "script"
argv = ["/usr/local/bin/check-queue", "--max", "100"]
user = "nobody"
interval = "5s"
timeout = "2s"
fall = 2""",
    "http": """\
[track.nginx]
type = "http"
url = "http://127.0.0.1/healthz"
headers = { Host = "www.example.net" }
timeout = "500ms"
rise = 2
fall = 3""",
    "https": """\
[track.shop]
type = "https"
url = "https://127.0.0.1/healthz"
server_name = "shop.example.net"
ca = "/etc/ssl/certs/example-ca.pem"
body = '"status": *"ok"'""",
    "tcp": """\
[track.mail]
type = "tcp"
address = "127.0.0.1"
port = 25
expect = "^220 \"""",
    "dns": """\
[track.resolver]
type = "dns"
server = "127.0.0.1"
name = "www.example.net"
expect = "192.0.2.80\"""",
    "redis": """\
[track.redis]
type = "redis"
role = "replica"
lag_max = "10s\"""",
    "ping": """\
[track.router]
type = "ping"
address = "192.0.2.1"
fall = 3""",
    "gateway": """\
[track.uplink]
type = "gateway"
interface = "eth0"
fall = 3""",
    "process": """\
[track.haproxy]
type = "process"
unit = "haproxy.service\"""",
    "file": """\
[track.drain]
type = "file"
path = "/etc/vipd/drain"
present = "down\"""",
    "interface": """\
[track.inside]
type = "interface"
interface = "eth1\"""",
    "route": """\
[track.internet]
type = "route"
destination = "default"
via = "192.0.2.1\"""",
    "load": """\
[track.calm]
type = "load"
cpu_some_avg10_max = 80
io_some_avg10_max = 60
rise = 5
fall = 5""",
    "disk": """\
[track.data]
type = "disk"
path = "/var/lib/data"
free_min = "5%\"""",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyText:
    """One key: what it takes, what holds without it, what it is for."""

    name: str
    takes: str
    default: str
    about: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KindText:
    """One kind of tracker: what it does, its own keys, those it shares with others, an example."""

    name: str
    line: str
    own: tuple[KeyText, ...]
    shared: tuple[KeyText, ...]
    example: str


SHARED = ("interval", "timeout", "rise", "fall", "initial", "flaps", "flap_window")
"""The keys that are not of one kind, in the order in which they are told."""


def explain(kind: str) -> KindText:
    """Everything that is to be said of a kind."""
    table = TRACKERS[kind]
    keys = _keys(table)
    return KindText(
        name=kind,
        line=(table.__doc__ or "").strip(),
        own=tuple(text for name, text in keys.items() if name not in SHARED),
        shared=tuple(keys[name] for name in SHARED if name in keys),
        example=EXAMPLES[kind],
    )


def _keys(table: type[Struct]) -> dict[str, KeyText]:
    return {field.name: _key(field) for field in msgspec.structs.fields(table)}


def _key(field: msgspec.structs.FieldInfo) -> KeyText:
    kind = inspect.type_info(field.type)
    assert isinstance(kind, inspect.Metadata), f"{field.name} is not documented"
    extra = kind.extra or {}
    return KeyText(
        name=field.name,
        takes=extra["takes"] or wanted(kind.type),
        default=_default(field, extra["absent"]),
        about=extra["about"],
    )


def _default(field: msgspec.structs.FieldInfo, absent: str) -> str:
    if field.required:
        return "required"
    if field.default is UNSET:
        return absent or "none"
    return json.dumps(field.default)


# -- as a page ------------------------------------------------------------------------------

INTRODUCTION = """\
# Trackers

What a host knows of itself decides the election. A tracker is declared once, in a table
`[track.NAME]`, and used by any number of instances and groups:

```toml
[instance.web]
interface = "eth0"
vrid = 51
addresses = ["192.0.2.100/24"]
track = ["nginx", { name = "uplink", weight = -60 }]
```

Without a weight, its failure is FAULT: this host does not serve. A weight above 0 is added to the
priority while the tracker is up, one below 0 while it is down. `vipd track NAME` looks once, here
and now, and shows what it saw; `vipd check` finds the traps.

This page is made from the schema of the configuration, by `vipd track --explain --markdown`.

## Keys of every kind

"""

LOOKS = """
Where the kernel tells of changes (process, file, interface, route) there are no looks, and so no
`interval`, `timeout`, `rise` and `fall`.
"""

HEADER = "| key | takes | default | meaning |\n|---|---|---|---|\n"


def page() -> str:
    """The documentation of all kinds, as Markdown."""
    shared = _keys(Polled)
    rows = "".join(_row(shared[name]) for name in SHARED)
    sections = (_section(explain(kind), shared) for kind in TRACKERS)
    return "\n".join((f"{INTRODUCTION}{HEADER}{rows}{LOOKS}", *sections))


def _section(kind: KindText, usual: Mapping[str, KeyText]) -> str:
    """What is shared is told again where it has another default."""
    rare = tuple(key for key in kind.shared if key != usual[key.name])
    rows = "".join(map(_row, kind.own + rare))
    return f"## {kind.name}\n\n{kind.line}\n\n```toml\n{kind.example}\n```\n\n{HEADER}{rows}"


def _row(key: KeyText) -> str:
    written = key.default[:1] in '"0123456789' or key.default in ("true", "false")
    default = f"`{key.default}`" if written else key.default
    return f"| `{key.name}` | {key.takes} | {default} | {key.about} |\n"
