"""How a command reaches the agent: the options that name its socket, and what an exit code says."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from enum import IntEnum
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from vipd.config.load import load
from vipd.config.model import DEFAULT_PATH, default_control_socket
from vipd.control.client import ask
from vipd.control.messages import StatusReply, StatusRequest
from vipd.control.report import InstanceReport
from vipd.errors import ConfigError, VipdError

COMPLETION_TIMEOUT_S = 0.5
"""A person who presses Tab waits no longer for names."""

Command = TypeVar("Command", bound=Callable[..., Any])


class Verdict(IntEnum):
    """What the exit code of a command that asks an agent says."""

    GOOD = 0
    NOT_SO = 1
    REFUSED = 2
    NO_AGENT = 3


def agent_options(command: Command) -> Command:
    """Give a command the options that `socket_of` makes of where to ask."""
    config = click.option(
        "--config",
        type=click.Path(path_type=Path),
        help=f"The configuration that names the control socket.  [default: {DEFAULT_PATH}]",
    )
    socket = click.option(
        "--socket",
        type=click.Path(path_type=Path, readable=False),
        envvar="VIPD_SOCKET",
        show_envvar=True,
        help="The control socket of the agent.",
    )
    return socket(config(command))


def socket_of(ctx: click.Context) -> Path:
    """Find the agent's socket; what stands on the command line goes before the environment.

    A default configuration that is missing or broken decides nothing: an agent that was started
    before it broke still answers. One that was asked for and cannot be used ends the command.
    """
    try:
        return _socket(ctx, ctx.params.get("socket"), ctx.params.get("config"))
    except ConfigError as error:
        fail(str(error), Verdict.REFUSED)


def fail(text: str, verdict: Verdict) -> NoReturn:
    """Say what went wrong on standard error, and end with this exit code."""
    click.echo(text, err=True)
    sys.exit(verdict)


def readable(argument: str) -> str:
    """Make text of any bytes that a shell may pass, so that they can be sent and shown."""
    return os.fsencode(argument).decode(errors="replace")


def wants_colour(ctx: click.Context) -> bool:
    """Colours are for terminals. `ctx.color` is what somebody has decided before, if at all."""
    if os.environ.get("NO_COLOR"):
        return False
    return sys.stdout.isatty() if ctx.color is None else ctx.color


def complete_name(
    ctx: click.Context,
    param: click.Parameter,  # noqa: ARG001
    incomplete: str,
) -> list[CompletionItem]:
    """The names of the agent's instances that begin so."""
    return _beginning(incomplete, (one.name for one in _instances(ctx)))


def complete_target(
    ctx: click.Context,
    param: click.Parameter,  # noqa: ARG001
    incomplete: str,
) -> list[CompletionItem]:
    """The names of its instances and groups that begin so: what an order may be about."""
    instances = _instances(ctx)
    groups = dict.fromkeys(one.group for one in instances if one.group)
    return _beginning(incomplete, (*(one.name for one in instances), *groups))


def _beginning(incomplete: str, names: Iterable[str]) -> list[CompletionItem]:
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def _instances(ctx: click.Context) -> Sequence[InstanceReport]:
    try:
        socket = _socket(ctx, ctx.params.get("socket"), ctx.params.get("config"))
        reply = ask(socket, StatusRequest(), timeout_s=COMPLETION_TIMEOUT_S)
    except VipdError:
        return ()
    return reply.status.instances if isinstance(reply, StatusReply) else ()


def _socket(ctx: click.Context, socket: Path | None, config: Path | None) -> Path:
    """Raises: ConfigError."""
    ambient = ctx.get_parameter_source("socket") is ParameterSource.ENVIRONMENT
    if socket is not None and not (ambient and config):
        return socket
    if config is not None:
        return load(config).agent.control_socket
    return usual_socket()


def usual_socket(config: Path = DEFAULT_PATH) -> Path:
    """Where the agent of a configuration answers; one that cannot be used decides nothing."""
    try:
        return load(config).agent.control_socket
    except ConfigError:
        return default_control_socket(os.environ)
