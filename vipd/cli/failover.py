"""`vipd failover`: let another host serve, without leaving a gap."""

from __future__ import annotations

from pathlib import Path

import click

from vipd.cli.order import give
from vipd.cli.reach import agent_options, complete_target, readable
from vipd.control.messages import FailoverRequest


@click.command()
@click.argument("name", required=False, shell_complete=complete_target)
@click.option("--all", "everything", is_flag=True, help="Hand over all that is served here.")
@click.option(
    "--wait/--no-wait",
    default=True,
    show_default=True,
    help="Wait until it is known how it ended.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for programs.")
@agent_options
@click.pass_context
def failover(
    ctx: click.Context,
    name: str | None,
    socket: Path | None,  # noqa: ARG001
    config: Path | None,  # noqa: ARG001
    *,
    everything: bool,
    wait: bool,
    as_json: bool,
) -> None:
    """Hand the addresses of NAME over to another host.

    NAME is an instance or a group; instances of one group move together. This host resigns, serves
    on until the successor is heard, and lets go then. When nobody comes, it serves on: no address
    is ever on no host. Afterwards this host does not take the addresses back by itself, as long as
    the other one serves and this agent runs: `vipd failover` there moves them back.

    \b
    The exit code is
      0  if another host serves all of them now (with --no-wait: if it was ordered)
      1  if this host serves on, or is not MASTER
      2  if this user may not order it, or the question is wrong
      3  if no agent answers

    \b
    Examples:
      vipd failover web              move one instance (and its group)
      vipd failover --all            move everything, as before a reboot
    """
    if (name is None) is not everything:
        raise click.UsageError("name one instance or group, or say --all")
    request = FailoverRequest(name=name and readable(name), wait=wait)
    give(ctx, request, as_json=as_json)
