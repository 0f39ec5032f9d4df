"""The manual page of a command, from the command itself: its usage, its help, its options."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Final

import click

from vipd.cli.main import COMMANDS, cli
from vipd.cli.man_place import FILES, VARIABLES, mentioned
from vipd.cli.prose import Told, take_apart
from vipd.cli.roff import Block, Manual, Part, Rows, Section, Text

VOLUME: Final = 8
"""The commands of whoever administers a host. Source: man(1)."""

PLAIN_EXIT: Final = Text(
    "The exit code is 0 if it was done, 1 if it could not be done, which standard error explains, "
    "and 2 if the question is wrong."
)

_MENTION: Final = re.compile(r"\bvipd ([a-z]+)\b")


def command_manual(name: str) -> Manual:
    """The page of one command, with its subcommands in it."""
    command = COMMANDS[name].load()
    ctx = context_of(command, name)
    told = told_by(command)
    parts = tuple(_subcommands(command, ctx))
    text = "\n".join((ctx.get_help(), *(one.get_help() for _, one in _contexts(command, ctx))))
    return Manual(
        name=f"vipd-{name}",
        volume=VOLUME,
        line=line_of(COMMANDS[name].line),
        synopsis=tuple(_synopsis(command, ctx)),
        sections=(
            Section(title="DESCRIPTION", blocks=told.description),
            Section(title="COMMANDS", parts=parts),
            Section(title="OPTIONS", blocks=(options_of(command, ctx),)),
            Section(title="EXIT STATUS", blocks=_exit_status(command, ctx, told)),
            Section(title="EXAMPLES", blocks=told.examples),
            Section(title="FILES", blocks=_rows(mentioned(FILES, text))),
            Section(title="ENVIRONMENT", blocks=_rows(mentioned(VARIABLES, text))),
            Section(title="SEE ALSO", blocks=(_see_also(name, text),)),
        ),
    )


def context_of(command: click.Command, name: str) -> click.Context:
    """The context in which a command of `vipd` runs, as its usage shows it."""
    root = click.Context(cli, info_name="vipd")
    root.help_option_names = ["-h", "--help"]
    return click.Context(command, info_name=name, parent=root)


def told_by(command: click.Command) -> Told:
    """What the help of a command tells, with what stands below its options."""
    texts = (inspect.cleandoc(text) for text in (command.help, command.epilog) if text)
    return take_apart("\n\n".join(texts))


def options_of(command: click.Command, ctx: click.Context) -> Rows:
    """The options as the help shows them."""
    options = (one for one in command.get_params(ctx) if isinstance(one, click.Option))
    records = (option.get_help_record(ctx) for option in options)
    return Rows(tuple((term, _told(text)) for term, text in filter(None, records)))


def usage_of(command: click.Command, ctx: click.Context) -> str:
    """How the command is called."""
    return " ".join((ctx.command_path, *command.collect_usage_pieces(ctx)))


def line_of(line: str) -> str:
    """A line of the help as it stands in NAME: not as a sentence."""
    return line[:1].lower() + line[1:].removesuffix(".")


def _told(text: str) -> str:
    """Two spaces are how click sets apart what it adds itself."""
    return re.sub(r" {2,}", " ", text)


def _contexts(
    command: click.Command, ctx: click.Context
) -> Iterator[tuple[click.Command, click.Context]]:
    """The subcommands of a group, in the order of its help."""
    if isinstance(command, click.Group):
        for name in command.list_commands(ctx):
            one = command.get_command(ctx, name)
            assert one is not None, f"{name} is listed, and so it is there"
            yield one, click.Context(one, info_name=name, parent=ctx)


def _synopsis(command: click.Command, ctx: click.Context) -> Iterator[str]:
    if not isinstance(command, click.Group):
        yield usage_of(command, ctx)
    yield from (usage_of(one, inner) for one, inner in _contexts(command, ctx))


def _subcommands(command: click.Command, ctx: click.Context) -> Iterator[Part]:
    for one, inner in _contexts(command, ctx):
        blocks = (*told_by(one).description, options_of(one, inner))
        yield Part(title=inner.command_path, blocks=blocks)


def _exit_status(command: click.Command, ctx: click.Context, told: Told) -> tuple[Block, ...]:
    """A group has no exit code of its own: each of its subcommands says what its own is."""
    if told.exit_status:
        return told.exit_status
    blocks: list[Block] = []
    for one, inner in _contexts(command, ctx):
        if found := told_by(one).exit_status:
            blocks += [Text(f"Of `{inner.command_path}`:"), *found]
    return tuple(blocks) or (PLAIN_EXIT,)


def _rows(rows: tuple[tuple[str, str], ...]) -> tuple[Block, ...]:
    return (Rows(rows),) if rows else ()


def _see_also(name: str, text: str) -> Text:
    meant = [one for one in COMMANDS if one in _MENTION.findall(text) and one != name]
    pages = ("vipd(8)", "vipd.toml(5)", *(f"vipd-{one}(8)" for one in meant))
    return Text(", ".join(f"`{page}`" for page in pages))
