"""`vipd status`: who serves what, since when and why, as the running agent tells it."""

from __future__ import annotations

import os
import shutil
import sys
from enum import IntEnum
from pathlib import Path
from typing import NoReturn

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from vipd.cli.render_text import render_detail, render_text
from vipd.config.load import load
from vipd.config.model import DEFAULT_PATH, default_control_socket
from vipd.control.client import NoAgent, ask
from vipd.control.messages import (
    AgentReport,
    ErrorReply,
    StatusReply,
    StatusRequest,
    to_indented_json,
)
from vipd.core.model import State
from vipd.errors import ConfigError, VipdError

COMPLETION_TIMEOUT_S = 0.5
"""A person who presses Tab waits no longer for names."""


class Verdict(IntEnum):
    """What the exit code says."""

    HEALTHY = 0
    FAULT = 1
    REFUSED = 2
    NO_AGENT = 3


def _complete_name(
    ctx: click.Context,
    param: click.Parameter,  # noqa: ARG001
    incomplete: str,
) -> list[CompletionItem]:
    try:
        socket = _socket(ctx, ctx.params.get("socket"), ctx.params.get("config"))
        reply = ask(socket, StatusRequest(), timeout_s=COMPLETION_TIMEOUT_S)
    except VipdError:
        return []
    known = reply.status.instances if isinstance(reply, StatusReply) else ()
    return [CompletionItem(each.name) for each in known if each.name.startswith(incomplete)]


@click.command()
@click.argument("name", required=False, shell_complete=_complete_name)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for programs.")
@click.option(
    "--socket",
    type=click.Path(path_type=Path),
    envvar="VIPD_SOCKET",
    show_envvar=True,
    help="The control socket of the agent.",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help=f"The configuration that names the control socket.  [default: {DEFAULT_PATH}]",
)
@click.pass_context
def status(
    ctx: click.Context, name: str | None, socket: Path | None, config: Path | None, *, as_json: bool
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
    try:
        report = _report(_socket(ctx, socket, config), name and _readable(name))
    except ConfigError as error:
        _fail(str(error), Verdict.REFUSED)
    if as_json:
        click.echo(to_indented_json(report))
    else:
        _show(report, detailed=name is not None, colour=_wants_colour(ctx))
    faulty = any(instance.state is State.FAULT for instance in report.instances)
    sys.exit(Verdict.FAULT if faulty else Verdict.HEALTHY)


def _report(socket: Path, name: str | None) -> AgentReport:
    try:
        reply = ask(socket, StatusRequest(name=name))
    except NoAgent as error:
        _fail(str(error), Verdict.NO_AGENT)
    if isinstance(reply, ErrorReply):
        _fail(reply.error, Verdict.REFUSED)
    return reply.status


def _readable(argument: str) -> str:
    """Make text of any bytes that a shell may pass, so that they can be sent and shown."""
    return os.fsencode(argument).decode(errors="replace")


def _fail(text: str, verdict: Verdict) -> NoReturn:
    click.echo(text, err=True)
    sys.exit(verdict)


def _socket(ctx: click.Context, socket: Path | None, config: Path | None) -> Path:
    """Find the agent's socket; what stands on the command line goes before the environment.

    A default configuration that is missing or broken decides nothing: an agent that was started
    before it broke still answers.
    Raises: ConfigError when the configuration that was asked for cannot be used.
    """
    ambient = ctx.get_parameter_source("socket") is ParameterSource.ENVIRONMENT
    if socket is not None and not (ambient and config):
        return socket
    if config is not None:
        return load(config).agent.control_socket
    try:
        return load(DEFAULT_PATH).agent.control_socket
    except ConfigError:
        return default_control_socket(os.environ)


def _show(report: AgentReport, *, detailed: bool, colour: bool) -> None:
    width = shutil.get_terminal_size().columns
    render = render_detail if detailed else render_text
    click.echo(render(report, width=width, colour=colour), color=colour)


def _wants_colour(ctx: click.Context) -> bool:
    """Colours are for terminals. `ctx.color` is what somebody has decided before, if at all."""
    if os.environ.get("NO_COLOR"):
        return False
    return sys.stdout.isatty() if ctx.color is None else ctx.color
