"""`vipd announce`: tell the link once more where the addresses are."""

from __future__ import annotations

from pathlib import Path

import click

from vipd.cli.order import give
from vipd.cli.reach import agent_options, complete_target, readable
from vipd.control.messages import AnnounceRequest


@click.command()
@click.argument("name", shell_complete=complete_target)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for programs.")
@agent_options
@click.pass_context
def announce(
    ctx: click.Context,
    name: str,
    socket: Path | None,  # noqa: ARG001
    config: Path | None,  # noqa: ARG001
    *,
    as_json: bool,
) -> None:
    """Announce the addresses of NAME again: gratuitous ARP and unsolicited neighbor adverts.

    For a switch or a router that has missed it, or has forgotten. The whole series is sent, as
    after a takeover. Only the MASTER can: anybody else would mislead the link.

    \b
    The exit code is 0 if it was begun, 1 if this host does not serve NAME, 2 if this user may not
    order it, 3 if no agent answers.
    """
    give(ctx, AnnounceRequest(name=readable(name)), as_json=as_json)
