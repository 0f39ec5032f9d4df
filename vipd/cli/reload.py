"""`vipd reload`: take over what is in the file now, or see what that would do."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import click

from vipd.cli.order import PATIENCE_S
from vipd.cli.page import Page
from vipd.cli.reach import Verdict, agent_options, fail, socket_of, wants_colour
from vipd.control.client import NoAgent, ask
from vipd.control.messages import ChangeReport, ErrorReply, KeyReport, ReloadReply, ReloadRequest
from vipd.control.report import to_indented_json

_SIGNS = {"changed": "~", "added": "+", "removed": "-", "kept": " "}
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
        width = shutil.get_terminal_size().columns
        page = Page(width=width, colour=wants_colour(ctx))
        click.echo("\n".join(_lines(reply, page)), color=page.colour)
    if isinstance(reply, ErrorReply):
        if not as_json:
            click.echo(reply.error, err=True)
        sys.exit(Verdict.REFUSED if reply.denied else Verdict.NOT_SO)


def _lines(reply: ReloadReply, page: Page) -> Iterator[str]:
    """What changes section by section, then how much that is."""
    changed = [one for one in reply.changes if one.verdict != "kept"]
    for change in changed:
        yield from _section(change, page)
    if changed:
        yield ""
    yield from page.wrap(f"{reply.file}: {_count(reply)}; {_done(reply)}", "", "  ")
    for text in reply.warnings:
        yield from page.wrap(f"warning: {text}", "", "  ")


def _count(reply: ReloadReply) -> str:
    """How many sections there are of each verdict: `1 changed, 1 added, 3 kept`."""
    verdicts = [one.verdict for one in reply.changes]
    if set(verdicts) <= {"kept"}:
        return "all as it is"
    return ", ".join(f"{verdicts.count(one)} {one}" for one in _SIGNS if one in verdicts)


def _done(reply: ReloadReply) -> str:
    if reply.applied:
        return "the new configuration runs"
    return "nothing was done yet"


def _section(change: ChangeReport, page: Page) -> Iterator[str]:
    head = f"{_SIGNS[change.verdict]} {change.section} {change.name}".rstrip()
    yield page.strong(f"{head}: {change.verdict}", _COLOURS[change.verdict])
    for key, ones in groupby(change.keys, lambda one: one.key):
        yield from page.wrap(f"{key}: {', '.join(map(_difference, ones))}", "    ", "        ")
    if change.effect:
        yield from page.wrap(f"=> {change.effect}", "    ", "       ")


def _difference(one: KeyReport) -> str:
    """How the value of a key differs; what is never shown has neither an old nor a new one."""
    if one.old is None and one.new is None:
        return "(changed)"
    if one.old is None:
        return f"+ {one.new}"
    return f"- {one.old}" if one.new is None else f"{one.old} -> {one.new}"
