"""`vipd why`: the last transitions, and what led to each."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click

from vipd.cli.account import Account, Step, accounts
from vipd.cli.outlook import outlook
from vipd.cli.page import local
from vipd.cli.past import Past, ends_quietly, past
from vipd.cli.reach import (
    Verdict,
    agent_options,
    complete_name,
    readable,
    socket_of,
    wants_colour,
)
from vipd.cli.render_why import Scene, render_why
from vipd.control.client import NoAgent, ask
from vipd.control.messages import StatusReply, StatusRequest, encode
from vipd.control.report import AgentReport, EventReport, timestamp
from vipd.core.model import State

STEPS_OF_ONE: Final = 5
STEPS_OF_EACH: Final = 3
MOST_SHOWN: Final = 5
"""How many instances a person wants to read of who has named none."""


@click.command()
@click.argument("name", required=False, shell_complete=complete_name)
@click.option(
    "-n",
    "count",
    type=click.IntRange(1, 1000),
    metavar="N",
    help=f"Tell the last N transitions.  [default: {STEPS_OF_ONE}, or {STEPS_OF_EACH} of each]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for programs.")
@agent_options
@click.pass_context
def why(
    ctx: click.Context,
    name: str | None,
    count: int | None,
    socket: Path | None,  # noqa: ARG001
    config: Path | None,  # noqa: ARG001
    *,
    as_json: bool,
) -> None:
    """Show why an instance is what it is: its last transitions, and what led to each.

    Each transition has its cause, what was seen before it, what happened to the instance in the
    minute before, and how long it took to act. At the end stands what is now, and what would
    happen next. Without NAME the instances that have moved last are shown.

    The agent keeps the last 2000 events, over restarts too. Where no agent answers, its journal is
    read, which lies beside the control socket.

    \b
    Examples:
      vipd why web
      vipd why web -n 1
      vipd why --json | jq '.instances[].transitions[-1].text'

    \b
    The exit code is
      0  if nothing that is shown is in FAULT
      1  if an instance that is shown is in FAULT
      2  if there is no instance NAME, or the question is wrong otherwise
      3  if no agent answers and there is no journal
    """
    place, name = socket_of(ctx), name and readable(name)
    with ends_quietly():
        story = past(place, name)
        report = _status(place) if story.living else None
        told = _accounts(story, report, name, count)
        shown = told if as_json else told[-MOST_SHOWN:]
        if as_json:
            click.echo(_as_json(shown, story, report))
        else:
            _show(shown, len(told) - len(shown), _scene(story, report), colour=wants_colour(ctx))
    faulty = any(account.state is State.FAULT for account in shown)
    sys.exit(Verdict.NOT_SO if faulty else Verdict.GOOD)


def _status(socket: Path) -> AgentReport | None:
    """What is now; an agent that has just ended has told all that it could."""
    try:
        reply = ask(socket, StatusRequest())
    except NoAgent:
        return None
    return reply.status if isinstance(reply, StatusReply) else None


def _accounts(
    story: Past, report: AgentReport | None, name: str | None, count: int | None
) -> list[Account]:
    instances = report.instances if report else ()
    if name is None:
        return accounts(story.events, instances, count=count or STEPS_OF_EACH)
    events = [event for event in story.events if event.instance == name]
    own = [one for one in instances if one.name == name]
    told = accounts(events, own, count=count or STEPS_OF_ONE)
    return told or [Account(name=name, steps=(), present=own[0] if own else None)]


# -- for a person -----------------------------------------------------------------------------


def _scene(story: Past, report: AgentReport | None) -> Scene:
    now = local(report.generated_at) if report else datetime.now(UTC).astimezone()
    return Scene(node=story.node, now=now, report=report)


def _show(told: Sequence[Account], more: int, scene: Scene, *, colour: bool) -> None:
    width = shutil.get_terminal_size().columns
    text = render_why(told, scene, width=width, colour=colour)
    if more:
        others = "one other instance has" if more == 1 else f"{more} other instances have"
        text += f"\n\n{others.capitalize()} moved earlier: name one, `vipd why NAME`."
    click.echo(text, color=colour)


# -- for programs -----------------------------------------------------------------------------


def _as_json(told: Sequence[Account], story: Past, report: AgentReport | None) -> str:
    document = {
        "node": story.node,
        "generated_at": report.generated_at if report else timestamp(time.time_ns()),
        "source": "agent" if story.living else "journal",
        "instances": [_account_object(account, report) for account in told],
    }
    return json.dumps(document, indent=2)


def _account_object(account: Account, report: AgentReport | None) -> dict[str, Any]:
    present = account.present
    return {
        "name": account.name,
        "state": account.state.value if account.state else None,
        "since": account.since,
        "outlook": [*outlook(present, report)] if present and report else [],
        "transitions": [_step_object(step) for step in account.steps],
    }


def _step_object(step: Step) -> dict[str, Any]:
    incidents = [{**_event_object(one.event), "times": one.times} for one in step.incidents]
    return {**_event_object(step.event), "incidents": incidents}


def _event_object(event: EventReport) -> dict[str, Any]:
    """An event as `vipd events --json` prints it."""
    fields: dict[str, Any] = json.loads(encode(event))
    return fields
