"""`vipd reload`: take over what is in the file now, or see what that would do."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from vipd.cli.order import PATIENCE_S
from vipd.cli.reach import Verdict, agent_options, fail, socket_of
from vipd.control.client import NoAgent, ask
from vipd.control.messages import ChangeReport, ErrorReply, KeyReport, ReloadReply, ReloadRequest
from vipd.control.report import to_indented_json

_SIGNS = {"added": "+", "removed": "-", "changed": "~", "kept": " "}
_COLOURS = {"added": "green", "removed": "red", "changed": "yellow"}


@click.command()
@click.option("--plan", is_flag=True, help="Only show what would change.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for programs.")
@agent_options
@click.pass_context
def reload(
    ctx: click.Context,
    socket: Path | None,  # noqa: ARG001
    config: Path | None,  # noqa: ARG001
    *,
    plan: bool,
    as_json: bool,
) -> None:
    """Let the agent read its configuration anew.

    Everything is checked first, as by `vipd check`. What is not changed does not notice;
    priorities, intervals, trackers, hooks and addresses change without an election. When anything
    is wrong, the old configuration runs on. Priorities that were ordered end with a reload.

    \b
    The exit code is
      0  if the new configuration runs (with --plan: could run)
      1  if it was refused: the old one runs on
      2  if this user may not order it, or the question is wrong
      3  if no agent answers
    """
    try:
        reply = ask(socket_of(ctx), ReloadRequest(plan=plan), timeout_s=PATIENCE_S)
    except NoAgent as error:
        fail(str(error), Verdict.NO_AGENT)
    if as_json:
        click.echo(to_indented_json(reply))
    elif isinstance(reply, ReloadReply):
        click.echo("\n".join(_lines(reply)))
    if isinstance(reply, ErrorReply):
        if not as_json:
            click.echo(reply.error, err=True)
        sys.exit(Verdict.REFUSED if reply.denied else Verdict.NOT_SO)


def _lines(reply: ReloadReply) -> Iterator[str]:
    changed = [one for one in reply.changes if one.verdict != "kept"]
    for change in changed:
        yield from _section(change)
    kept = len(reply.changes) - len(changed)
    done = "the new configuration runs" if reply.applied else "nothing was changed"
    if not changed:
        yield f"{reply.file}: all as it is ({kept} kept); {done}"
    else:
        yield f"{reply.file}: {len(changed)} changed, {kept} kept; {done}"
    yield from (f"warning: {text}" for text in reply.warnings)


def _section(change: ChangeReport) -> Iterator[str]:
    head = f"{_SIGNS[change.verdict]} {change.section} {change.name}".rstrip()
    yield click.style(head, fg=_COLOURS[change.verdict])
    yield from (f"    {_key(one)}" for one in change.keys)
    if change.effect:
        yield f"    => {change.effect}"


def _key(one: KeyReport) -> str:
    old, new = one.old or "(default)", one.new or "(default)"
    return f"{one.key}: {old} -> {new}"
