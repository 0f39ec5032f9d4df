"""`vipd maintenance`: let this host serve nothing, until it is told otherwise."""

from __future__ import annotations

from pathlib import Path

import click

from vipd.cli.order import Span, give
from vipd.cli.reach import agent_options, readable
from vipd.control.messages import LONGEST_REASON, MaintenanceRequest


@click.group()
def maintenance() -> None:
    """Let this host serve nothing while you work on it.

    A host in maintenance hands over, then stays away from every election: over a restart of the
    agent, over a reboot, until `vipd maintenance off` or until its time is over. `vipd status`, the
    log and the metrics say so.

    \b
    Examples:
      vipd maintenance on --for 30m --reason "a new kernel"
      vipd maintenance off
    """


@maintenance.command()
@click.option("--for", "for_s", type=Span(), help="End it by itself, after 45m, 2h, 1d.")
@click.option("--reason", help="Why, for whoever looks at `vipd status`.")
@click.option("--force", is_flag=True, help="Step down even where nobody may be there to serve.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for programs.")
@agent_options
@click.pass_context
def on(
    ctx: click.Context,
    for_s: float | None,
    reason: str | None,
    socket: Path | None,  # noqa: ARG001
    config: Path | None,  # noqa: ARG001
    *,
    force: bool,
    as_json: bool,
) -> None:
    """Hand over and stay away from every election.

    It is refused when no other host is known to be ready, and ends where it began when nobody
    takes over: this host serves on then. With --force it steps down in any case.

    \b
    The exit code is
      0  if this host serves nothing now
      1  if it serves on
      2  if this user may not order it, or the question is wrong
      3  if no agent answers
    """
    if reason is not None and len(reason) > LONGEST_REASON:
        raise click.UsageError(f"--reason has at most {LONGEST_REASON} characters")
    why = readable(reason) if reason else None
    order = MaintenanceRequest(on=True, for_s=for_s, reason=why, force=force)
    give(ctx, order, as_json=as_json, summed_up=True)


@maintenance.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for programs.")
@agent_options
@click.pass_context
def off(
    ctx: click.Context,
    socket: Path | None,  # noqa: ARG001
    config: Path | None,  # noqa: ARG001
    *,
    as_json: bool,
) -> None:
    """Stand for election again; with `preempt` that brings the addresses back."""
    give(ctx, MaintenanceRequest(on=False), as_json=as_json)
