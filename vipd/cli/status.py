"""`vipd status`: who serves what, since when and why, as the running agent tells it."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import NoReturn

import click

from vipd.cli.nagios import PluginAnswer, PluginExit, nagios, unanswered
from vipd.cli.past import ends_quietly
from vipd.cli.reach import (
    Verdict,
    agent_options,
    complete_name,
    fail,
    readable,
    socket_of,
    wants_colour,
)
from vipd.cli.render_detail import render_detail
from vipd.cli.render_text import render_text
from vipd.control.client import NoAgent, ask
from vipd.control.messages import ErrorReply, StatusRequest
from vipd.control.report import AgentReport, to_indented_json
from vipd.core.model import State


@click.command()
@click.argument("name", required=False, shell_complete=complete_name)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for programs.")
@click.option("--watch", "live", is_flag=True, help="Show it on the whole screen, live.")
@click.option("--nagios", "plugin", is_flag=True, help="Be a plugin for Nagios and its kind.")
@agent_options
@click.pass_context
def status(
    ctx: click.Context,
    name: str | None,
    socket: Path | None,  # noqa: ARG001
    config: Path | None,  # noqa: ARG001
    *,
    as_json: bool,
    live: bool,
    plugin: bool,
) -> None:
    """Show who serves what on this host, since when and why.

    The first line says whether all is well. With NAME, everything that is known of one instance
    is shown. Of more than eight instances, only those that are not well are told at length; they
    come first.

    \b
    Examples:
      vipd status
      vipd status web
      vipd status --watch
      vipd status --nagios             for Nagios, Icinga, check_mk (as mrpe)
      vipd status --json | jq '.instances[] | {name, state, since}'

    \b
    The exit code is
      0  if the agent answers and nothing is in FAULT
      1  if an instance that is shown is in FAULT
      2  if there is no instance NAME, or the question is wrong otherwise
      3  if no agent answers

    \b
    With --watch it is 0 after q and 130 after Ctrl-C. With --nagios it is
      0  OK
      1  WARNING: maintenance; a warning, such as a conflict; nobody is ready
         of the peers that tell; a peer is set up in another way; a tracker
         lowers the priority; a hook failed; a reload was refused
      2  CRITICAL: FAULT; nobody serves; an address is in the kernel and not
         held, or the other way round; no agent answers
      3  UNKNOWN: there is no instance NAME, or this user may not ask
    In maintenance FAULT is a WARNING, as long as another host serves.
    """
    if as_json + live + plugin > 1:
        raise click.UsageError("--json, --watch and --nagios exclude each other.")
    place, name = socket_of(ctx), name and readable(name)
    if plugin:
        _be_plugin(place, name)
    if live:
        _watch(place, name, colour=wants_colour(ctx))
    report = _report(place, name)
    with ends_quietly():
        if as_json:
            click.echo(to_indented_json(report))
        else:
            _show(report, detailed=name is not None, colour=wants_colour(ctx))
    faulty = any(instance.state is State.FAULT for instance in report.instances)
    sys.exit(Verdict.NOT_SO if faulty else Verdict.GOOD)


def _report(socket: Path, name: str | None) -> AgentReport:
    try:
        reply = ask(socket, StatusRequest(name=name))
    except NoAgent as error:
        fail(str(error), Verdict.NO_AGENT)
    if isinstance(reply, ErrorReply):
        fail(reply.error, Verdict.REFUSED)
    return reply.status


def _show(report: AgentReport, *, detailed: bool, colour: bool) -> None:
    width = shutil.get_terminal_size().columns
    render = render_detail if detailed else render_text
    click.echo(render(report, width=width, colour=colour), color=colour)


# -- other ways to show it ----------------------------------------------------------------------


def _be_plugin(socket: Path, name: str | None) -> NoReturn:
    answer = _plugin_answer(socket, name)
    click.echo(answer.text)
    sys.exit(answer.exit)


def _plugin_answer(socket: Path, name: str | None) -> PluginAnswer:
    """Why: whoever may not ask knows nothing; that is no outage."""
    try:
        reply = ask(socket, StatusRequest(name=name))
    except NoAgent as error:
        forbidden = isinstance(error.__cause__, PermissionError)
        return unanswered(str(error), PluginExit.UNKNOWN if forbidden else PluginExit.CRITICAL)
    if isinstance(reply, ErrorReply):
        return unanswered(reply.error, PluginExit.UNKNOWN)
    return nagios(reply.status, named=name is not None)


def _watch(socket: Path, name: str | None, *, colour: bool) -> NoReturn:
    """Why: the library for it takes longer to import than all the rest."""
    from vipd.cli.watch import watch  # noqa: PLC0415

    with ends_quietly():
        watch(socket, name, colour=colour)
    sys.exit(Verdict.GOOD)
