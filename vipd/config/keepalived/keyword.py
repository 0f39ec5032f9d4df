"""Every keyword of keepalived 2.2, and what becomes of it here: the form of the tables.

A keyword is carried over when it `becomes` something; otherwise `instead` says what to do. What is
carried with a remark has both. The tables are data for the import and for the guide alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from vipd.config.phrase import nearest

NOTHING: Final = "nothing to do: "
"""How a remark begins that asks for nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyword:
    """One keyword; `values` is how many words keepalived reads behind it, None for any number.

    `block` says that it has a block; `newer` that keepalived 2.2 does not know it yet.
    """

    becomes: str = ""
    instead: str = ""
    values: int | None = 1
    block: bool = False
    newer: bool = False


Table: TypeAlias = Mapping[str, Keyword]


def to(becomes: str, remark: str = "", *, values: int | None = 1, newer: bool = False) -> Keyword:
    """A keyword that is carried over."""
    return Keyword(becomes=becomes, instead=remark, values=values, newer=newer)


def block(becomes: str = "", instead: str = "") -> Keyword:
    """A keyword that has a block."""
    return Keyword(becomes=becomes, instead=instead, values=None, block=True)


def without(instead: str, *names: str, newer: bool = False) -> dict[str, Keyword]:
    """Keywords that have no counterpart, all for one reason."""
    return {name: Keyword(instead=instead, values=None, newer=newer) for name in names}


SCRIPT: Final[Table] = {
    "script": to("[track.NAME] argv", "there is no shell, and no search for the program"),
    "interval": to("interval"),
    "timeout": to("timeout", "an interval is at least as long"),
    "rise": to("rise"),
    "fall": to("fall"),
    "user": to("user, group", values=2),
    "weight": to("weight, where the tracker is used", values=2),
    "init_fail": to('initial = "down", as without it', values=0),
}

PROCESS: Final[Table] = {
    "process": to('[track.NAME] type = "process", executable', values=None),
    "quorum": to("minimum"),
    "weight": to("weight, where the tracker is used", values=2),
    **without("run pgrep from a tracker of type script", "quorum_max", "param_match"),
    **without("run `pgrep -f` from a tracker of type script", "full_command"),
    **without(
        "there is none: the kernel tells at once. If the process is restarted now and then, run "
        "pgrep from a tracker of type script with fall = 3",
        "fork_delay",
        "terminate_delay",
        "delay",
    ),
}

FILE: Final[Table] = {
    "file": to('[track.NAME] type = "file", path, number = true'),
    "weight": to("number = true is weight 1", values=2),
    **without("write the number into the file before vipd starts", "init_file"),
}

TRACKED: Final[Table] = {
    "track_interface": block('track, and [track.NAME] with type = "interface"'),
    "track_script": block('track, and [track.NAME] with type = "script"'),
    "track_process": block('track, and [track.NAME] with type = "process"'),
    "track_file": block('track, and [track.NAME] with type = "file"'),
    "track_bfd": block(instead='there is no BFD; a tracker of type "gateway" or "ping" may do'),
}
"""What instances and groups have in common: what they watch."""

NOTIFYING: Final[Table] = {
    "notify_master": to("hooks.on_master", values=3),
    "notify_backup": to("hooks.on_backup", values=3),
    "notify_fault": to("hooks.on_fault", values=3),
    "notify_stop": to("hooks.on_stop", values=3),
    "notify": to('hooks.on_any, with style = "keepalived"', values=3),
    **without("there is none: what a reload removes has on_stop", "notify_deleted"),
    **without(f"{NOTHING}the FIFO is told of states", "notify_priority_changes"),
    **without("vipd sends no mail: send it from a hook, on_any", "smtp_alert"),
}
"""What instances and groups have in common: whom they tell."""

GROUP: Final[Table] = {
    "group": block("[group.NAME] members"),
    **TRACKED,
    **NOTIFYING,
    "global_tracking": to("nothing", "a tracker of one member counts for all", values=0),
    "sync_group_tracking_weight": to(
        "nothing", "the weights of one member count for all", values=0
    ),
}


def where_known(word: str, tables: Mapping[str, Table]) -> str | None:
    """The block that a word belongs to, if it belongs to any."""
    return next((name for name, table in tables.items() if word in table), None)


def unknown(word: str, table: Table, tables: Mapping[str, Table]) -> str:
    """What to say of a word that is no keyword here."""
    if belongs := where_known(word, tables):
        return f"unknown here: it belongs into {belongs}"
    if word.lower() in table:
        return f"unknown keyword: did you mean {word.lower()}?"
    meant = nearest(word, table) or nearest(word, [one for each in tables.values() for one in each])
    return f"unknown keyword: did you mean {meant}?" if meant else "unknown keyword"
