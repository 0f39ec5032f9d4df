"""`vipd priority`: stand with another priority for a while."""

from __future__ import annotations

from pathlib import Path

import click

from vipd.cli.order import Span, give
from vipd.cli.reach import agent_options, complete_target, readable
from vipd.control.messages import PriorityRequest


@click.command()
@click.argument("name", shell_complete=complete_target)
@click.argument("priority", type=click.IntRange(1, 254), required=False)
@click.option("--for", "for_s", type=Span(), help="Only for so long: 45m, 2h, 1d.")
@click.option("--reset", is_flag=True, help="Take the configured priority again.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for programs.")
@agent_options
@click.pass_context
def priority(
    ctx: click.Context,
    name: str,
    priority: int | None,
    for_s: float | None,
    socket: Path | None,  # noqa: ARG001
    config: Path | None,  # noqa: ARG001
    *,
    reset: bool,
    as_json: bool,
) -> None:
    """Let NAME stand for election with another PRIORITY (1 to 254).

    It holds until the next reload, or until the agent ends; the weights of trackers still count.
    Instances of one group have one priority: it is given to all of them.

    \b
    The exit code is 0 if it holds now, 1 if not, 2 if this user may not order it, 3 if no agent
    answers.

    \b
    Examples:
      vipd priority web 50 --for 1h      prefer the others for an hour
      vipd priority web --reset          as configured again
    """
    if (priority is None) is not reset:
        raise click.UsageError("say which priority, or --reset")
    if reset and for_s is not None:
        raise click.UsageError("--reset ends the order now: it takes no --for")
    request = PriorityRequest(name=readable(name), priority=priority, for_s=for_s)
    give(ctx, request, as_json=as_json)
