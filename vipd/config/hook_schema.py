"""What may stand in [instance.NAME.hooks] and [group.NAME.hooks]."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from vipd.config.notation import left_out, written
from vipd.config.text import DURATION_HINT, DurationText, with_unit
from vipd.config.track_schema import Argv, User
from vipd.config.track_text import as_list, read_argument, read_path
from vipd.core.units import MILLISECOND, SECOND

LONGEST_HOOK = 600 * SECOND
"""What takes longer than this is a job; let the hook start it."""

MOST_HOOKS = 16
"""Of one moment: they run one after the other, and the last still belongs to the transition."""

COMMAND_HINT = 'such as ["/etc/vipd/hooks/promote"], or [{ argv = ["/..."], timeout = "30s" }]'

Timeout = Annotated[
    str,
    written(
        DURATION_HINT,
        DurationText(least=MILLISECOND, most=LONGEST_HOOK, step=MILLISECOND, why='"10s" is usual'),
        instead=with_unit,
    ),
]
Style = Annotated[
    Literal["vipd", "keepalived"],
    written('"keepalived" gives the program keepalived\'s four arguments'),
]
Required = Annotated[bool, written("true: its failure is FAULT")]


class Command(Struct, frozen=True, kw_only=True):
    """One program with what is particular to it."""

    argv: Argv
    timeout: Timeout = left_out
    user: User = left_out
    style: Style = left_out
    required: Required = left_out


Word = Annotated[str, written("a word of the command line", read_argument)]
Commands = Annotated[
    Annotated[
        list[Word | Argv | Command], Meta(min_length=1), written(COMMAND_HINT, instead=as_list)
    ]
    | Command,
    written(COMMAND_HINT),
]
"""A list of strings is one command line. Several stand in a list of lists and tables."""


class Hooks(Struct, frozen=True, kw_only=True):
    """The table `hooks`."""

    before_master: Commands = left_out
    before_release: Commands = left_out
    on_master: Commands = left_out
    on_backup: Commands = left_out
    on_fault: Commands = left_out
    on_stop: Commands = left_out
    on_any: Commands = left_out
    fifo: Annotated[str, written('such as "/run/vipd/notify.fifo"', read_path)] = left_out
