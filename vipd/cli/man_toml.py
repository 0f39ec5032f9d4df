"""vipd.toml(5): every key of the configuration, from its schema."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from vipd.cli.man_place import FILES
from vipd.cli.roff import Block, Code, Manual, Part, Rows, Section, Text
from vipd.config.explain import KeyText, explain
from vipd.config.explain_file import explain_table
from vipd.config.hook_schema import Command, Hooks
from vipd.config.meaning import Table
from vipd.config.model import DEFAULT_PATH
from vipd.config.schema import Agent, Auth, Group, Instance, Use
from vipd.config.track_schema import TRACKERS

NAME: Final = DEFAULT_PATH.name

VOLUME: Final = 5
"""File formats. Source: man(1)."""

PLAIN_KIND: Final = "script"
"""A kind that changes no default of what the kinds share."""

DESCRIPTION: Final = (
    Text(
        f"`{DEFAULT_PATH}` tells the agent of this host what it serves. On all hosts of a "
        "group it is the same, but for the priority. There is no key for the state: the election "
        "decides."
    ),
    Text(
        'The file is TOML. A duration is a text with a unit, ms, s, m or h, such as `"100ms"`. A '
        "name has 1 to 32 letters, digits, _, . or -, and begins with a letter or digit. A key "
        "that is not known is an error."
    ),
    Text(
        "`vipd check` finds every error of a file at once, and what is valid and will hardly do "
        "what was meant. `vipd reload --plan` shows what a change would do to a running agent, and "
        "`vipd reload` takes it over; a change of [agent] waits until the agent is restarted."
    ),
)

ABOUT_TRACK: Final = (
    "What a host knows of itself. A tracker is declared once, and used by the key `track` of any "
    'number of instances and groups: `track = ["nginx", { name = "uplink", weight = -60 }]`. '
    "Without a weight its failure is FAULT. `vipd track NAME` runs one now and shows what it sees."
)

ABOUT_LOOKS: Final = (
    "Keys of every kind follow. Where the kernel tells of changes (process, file, interface, "
    "route) there are no looks, and so no interval, timeout, rise and fall."
)

ABOUT_HOOKS: Final = (
    "Programs that run before and after a transition, one after the other; none of them holds up "
    "an advert. They get VIPD_* variables, and the same as JSON on standard input. A list of "
    'strings is one program with its arguments, such as `["/etc/vipd/hooks/promote", "now"]`; '
    "several are a list of lists and tables, such as "
    '`[{ argv = ["/etc/vipd/hooks/promote"], timeout = "30s" }]`.'
)

EXAMPLE: Final = """\
[instance.web]
interface = "eth0"
vrid = 51
addresses = ["192.0.2.100/24", "2001:db8:51::100/64"]
priority = 150                 # the other host: 100
track = ["nginx"]

[instance.web.hooks]
on_master = ["/etc/vipd/hooks/promote", "now"]

[track.nginx]
type = "http"
url = "http://127.0.0.1/healthz"
rise = 2                       # up after two good looks in a row
fall = 3                       # down after three bad ones"""


def toml_manual() -> Manual:
    """The page of the configuration."""
    return Manual(
        name=NAME,
        volume=VOLUME,
        line="configuration of vipd, the virtual-IP failover agent",
        synopsis=(str(DEFAULT_PATH),),
        sections=(
            Section(title="DESCRIPTION", blocks=DESCRIPTION),
            Section(title="THE AGENT", parts=(_table("[agent]", Agent),)),
            Section(title="INSTANCES", parts=_instances()),
            Section(title="GROUPS", parts=(_table("[group.NAME]", Group),)),
            Section(title="HOOKS", blocks=(Text(ABOUT_HOOKS),), parts=_hooks()),
            Section(title="TRACKERS", blocks=_trackers(), parts=tuple(map(_kind, TRACKERS))),
            Section(title="EXAMPLES", blocks=(Code(tuple(EXAMPLE.splitlines())),)),
            Section(title="FILES", blocks=(Rows(((FILES[0].name, "This file."),)),)),
            Section(title="SEE ALSO", blocks=(_see_also(),)),
        ),
    )


def _instances() -> tuple[Part, ...]:
    return (
        _table("[instance.NAME]", Instance),
        _table("auth of an instance", Auth),
        _table("track of an instance or a group, as a table", Use),
    )


def _hooks() -> tuple[Part, ...]:
    return (
        _table("[instance.NAME.hooks] and [group.NAME.hooks]", Hooks),
        _table("A program, as a table", Command),
    )


def _table(title: str, table: Table) -> Part:
    return Part(title=title, blocks=(_rows(explain_table(table)),))


def _trackers() -> tuple[Block, ...]:
    return (Text(ABOUT_TRACK), Text(ABOUT_LOOKS), _rows(_shared().values()))


def _shared() -> Mapping[str, KeyText]:
    return {key.name: key for key in explain(PLAIN_KIND).shared}


def _kind(name: str) -> Part:
    """What is shared is told again where it has another default."""
    kind, usual = explain(name), _shared()
    rare = tuple(key for key in kind.shared if key != usual[key.name])
    rows = (_rows((*kind.own, *rare)),) if kind.own or rare else ()
    blocks = (Text(kind.line), Code(tuple(kind.example.splitlines())), *rows)
    return Part(title=f'type = "{name}"', blocks=blocks)


def _rows(keys: Iterable[KeyText]) -> Rows:
    return Rows(tuple((key.name, _told(key)) for key in keys))


def _told(key: KeyText) -> str:
    about = f"{key.about[:1].upper()}{key.about[1:]}".removesuffix(".")
    return f"{about}. Takes {key.takes}; {_default(key.default)}."


def _default(default: str) -> str:
    if default == "required":
        return "required"
    return "optional" if default == "none" else f"by default {default}"


def _see_also() -> Text:
    return Text("`vipd(8)`, `vipd-check(8)`, `vipd-reload(8)`, `vipd-track(8)`")
