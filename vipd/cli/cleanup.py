"""`vipd cleanup`: remove what an agent left behind that did not end in order."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path

import click

from vipd import log
from vipd.agent.cleanup import Outcome, Remains, clean_up, find
from vipd.cli.reach import usual_socket
from vipd.config.model import DEFAULT_PATH
from vipd.control.client import NoAgent, ask
from vipd.control.messages import StatusRequest

ANSWER_TIMEOUT_S = 2.0
"""An agent that runs answers much sooner; one that hangs is not worth a longer wait."""

NOBODY_THERE = (FileNotFoundError, ConnectionRefusedError, NotADirectoryError)
"""How a connection fails when there is no agent; otherwise something is there, if only to hang."""


class Verdict(IntEnum):
    """What the exit code says."""

    CLEAN = 0
    LEFT = 1
    AGENT_RUNS = 3


@click.command()
@click.option("--dry-run", is_flag=True, help="Only show what would be removed; needs no right.")
@click.option(
    "--keep-leased",
    is_flag=True,
    help="Leave what the kernel removes by itself, for an agent that is started again at once.",
)
@click.option("--force", is_flag=True, help="Do it even while an agent runs.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for programs.")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    default=DEFAULT_PATH,
    show_default=True,
    help="The configuration; it says where an agent that runs would answer.",
)
def cleanup(config: Path, *, dry_run: bool, keep_leased: bool, force: bool, as_json: bool) -> None:
    """Remove the addresses that agents left behind, and nothing else.

    An agent that ends in order leaves nothing, and the kernel removes the addresses of one that
    dies when their lease ends. This is for the others: `lease = "off"`, and impatience. It looks
    on all interfaces of this network namespace for addresses that carry the tag of vipd (protocol
    112; Linux keeps it since 5.18) and for its virtual MAC addresses, whichever agent made them.

    \b
    The exit code is
      0  if nothing is left that should have been removed
      1  if something is left, or if it is not permitted
      2  if the question is wrong
      3  if an agent of this configuration runs, without --force
    """
    log.configure()
    if not (dry_run or force) and (runs := _running(usual_socket(config))):
        click.echo(runs, err=True)
        sys.exit(Verdict.AGENT_RUNS)
    outcome = _dry(leased=not keep_leased) if dry_run else clean_up(leased=not keep_leased)
    if as_json:
        click.echo(_as_json(outcome, dry_run=dry_run))
    else:
        click.echo("\n".join(_lines(outcome, dry_run=dry_run)))
    sys.exit(Verdict.LEFT if outcome.left and not dry_run else Verdict.CLEAN)


def _dry(*, leased: bool) -> Outcome:
    wanted = find(leased=leased)
    return Outcome(removed=Remains(), kept=find() - wanted, left=wanted)


def _running(socket: Path) -> str | None:
    """What to say of an agent that is there; None when there is none."""
    try:
        ask(socket, StatusRequest(), timeout_s=ANSWER_TIMEOUT_S)
    except NoAgent as error:
        if isinstance(error.__cause__, NOBODY_THERE):
            return None
    return (
        f"an agent has the socket {socket}, and its addresses are in use.\n"
        "Stop it with `systemctl stop vipd`, or use --force: it then puts them back."
    )


def _lines(outcome: Outcome, *, dry_run: bool) -> Iterator[str]:
    yield from _told("removed", outcome.removed)
    yield from _told("would remove" if dry_run else "could not remove", outcome.left)
    yield from _told("kept, because the kernel removes it soon:", outcome.kept)
    if not (outcome.removed or outcome.left or outcome.kept):
        yield "nothing of vipd is left here"


def _told(verb: str, remains: Remains) -> Iterator[str]:
    for interface, vip in remains.addresses:
        yield f"{verb} {vip} on {interface}"
    for device in remains.devices:
        yield f"{verb} the virtual MAC address {device}"


def _as_json(outcome: Outcome, *, dry_run: bool) -> str:
    parts = {"removed": outcome.removed, "kept": outcome.kept, "left": outcome.left}
    told = {name: _as_object(remains) for name, remains in parts.items()}
    return json.dumps({"dry_run": dry_run, **told}, indent=2)


def _as_object(remains: Remains) -> dict[str, object]:
    addresses = [
        {"interface": interface, "address": str(vip)} for interface, vip in remains.addresses
    ]
    return {"addresses": addresses, "devices": list(remains.devices)}
