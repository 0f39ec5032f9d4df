"""`vipd status`: who serves what, since when and why, as the running agent tells it."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import click

from vipd.cli.reach import (
    Verdict,
    agent_options,
    complete_name,
    fail,
    readable,
    socket_of,
    wants_colour,
)
from vipd.cli.render_text import render_detail, render_text
from vipd.control.client import NoAgent, ask
from vipd.control.messages import ErrorReply, StatusRequest
from vipd.control.report import AgentReport, to_indented_json
from vipd.core.model import State


@click.command()
@click.argument("name", required=False, shell_complete=complete_name)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for programs.")
@agent_options
@click.pass_context
def status(
    ctx: click.Context,
    name: str | None,
    socket: Path | None,  # noqa: ARG001
    config: Path | None,  # noqa: ARG001
    *,
    as_json: bool,
) -> None:
    """Show who serves what on this host, since when and why.

    With NAME, show everything that is known of one instance.

    \b
    The exit code is
      0  if the agent answers and nothing is in FAULT
      1  if an instance that is shown is in FAULT
      2  if there is no instance NAME, or the question is wrong otherwise
      3  if no agent answers
    """
    report = _report(socket_of(ctx), name and readable(name))
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
