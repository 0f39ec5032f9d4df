"""`vipd demo`: watch an address move between two hosts, in a lab that leaves nothing behind."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
import time
from contextlib import suppress
from dataclasses import asdict
from typing import Any, assert_never

import click

from vipd.cli.render_text import render_text
from vipd.control.report import to_indented_json
from vipd.core.units import MILLISECOND, SECOND, format_duration
from vipd.lab.guide import guide
from vipd.lab.lab import Lab
from vipd.lab.pause import StopRequested, StopSignals
from vipd.lab.story import ALLOWANCE, INTERVAL, PRIORITIES, Scene, Statuses, Step, Story, Told

SIGNAL_EXIT = 128
"""What shells add to the number of the signal that ended a program."""

INTRODUCTION = """\
Two hosts, {hosts}, and a client, each in a network
namespace: the network of this machine is not touched. {first} and {second}
move together. The client asks both for an echo every 2 ms; an outage is the time between
two answers, of the address that was away longer."""

ALLOWANCE_MS = ALLOWANCE // MILLISECOND
NOTE = f"The {ALLOWANCE_MS} ms are for a machine that is busy with other things as well."

INDENT = "   "
HOLD_LOOK_S = 0.2


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for programs.")
@click.option("--hold", is_flag=True, help="Keep the lab afterwards, to play in it until Ctrl-C.")
def demo(*, as_json: bool, hold: bool) -> None:
    """Watch a failover of real agents, as a client sees it.

    Two hosts and a client are made of network namespaces; an IPv4 and an IPv6 address move
    between the hosts, and the time that the client is without them is measured. It takes 20
    seconds and leaves nothing behind; it needs root, or a kernel that lets users make namespaces.

    The exit code is 0 if every step was as fast as the protocol promises, and 1 if not.
    """
    began = time.monotonic()
    told: list[Told] = []
    try:
        with StopSignals() as signals, Lab(pause=signals.pause) as lab:
            story = Story(lab)
            _perform(story, told, aloud=not as_json)
            _conclude(told, time.monotonic() - began, as_json=as_json)
            if hold:
                _hold(lab, story, to_stderr=as_json)
    except StopRequested as stop:
        click.echo(f"\n{stop}; nothing is left behind.", err=True)
        sys.exit(SIGNAL_EXIT + stop.number)
    if hold:
        click.echo("\nThe lab is gone; nothing is left behind.", err=True)
    sys.exit(0 if _all_good(told) else 1)


def _perform(story: Story, told: list[Told], *, aloud: bool) -> None:
    """Let the story happen, and tell it as it does."""
    if aloud:
        click.echo(_introduction(story))
    for one in story.play():
        told.append(one)
        if aloud:
            _tell(one, count=len(_steps(told)))


def _introduction(story: Story) -> str:
    hosts = " and ".join(f"{name} (priority {value})" for name, value in PRIORITIES.items())
    first, second = (probe.address for probe in story.probes)
    return INTRODUCTION.format(hosts=hosts, first=first, second=second)


def _tell(one: Told, *, count: int) -> None:
    match one:
        case Scene():
            click.echo("\n" + click.style(f"{count + 1}. {one.title}", bold=True))
        case Step():
            click.echo(textwrap.indent(_verdict(one), INDENT))
        case Statuses():
            width = shutil.get_terminal_size().columns - len(INDENT)
            for name, report in one.reports.items():
                shown = render_text(report, width=width, colour=True)
                title = click.style(f"{name}$ vipd status", dim=True)
                click.echo("\n" + textwrap.indent(f"{title}\n{shown}", INDENT))
        case _:
            assert_never(one)


def _verdict(step: Step) -> str:
    """One step's outcome in one line, and what else must be said in another."""
    mark = click.style(_glyph("✓", "ok"), fg="green", bold=True)
    if not step.ok:
        mark = click.style(_glyph("✗", "MISSED"), fg="red", bold=True)
    outage = "not back" if step.outage_ms is None else f"outage {step.outage_ms:.0f} ms"
    move = f"{step.owner_before or 'nobody'} {_glyph('→', '->')} {step.owner_after or 'nobody'}"
    allowed = f"allowed {step.protocol_ms:.0f} + {ALLOWANCE_MS} ms: {step.rule}"
    line = f"{mark} {move:<11}  {click.style(f'{outage:<14}', bold=True)}  {allowed}"
    return f"{line}\n  both hosts answered, in turns" if step.alternated else line


def _glyph(nice: str, plain: str) -> str:
    """The nice one where the output can carry it."""
    try:
        nice.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return plain
    return nice


def _conclude(told: list[Told], took_s: float, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(_as_object(told, took_s), indent=2))
        return
    missed = sum(not step.ok for step in _steps(told))
    result = (
        click.style(f"{missed} of {len(_steps(told))} steps missed their bound.", fg="red")
        if missed
        else click.style("Every step was as fast as the protocol promises.", fg="green")
    )
    interval = format_duration(INTERVAL)
    click.echo(f"\n{result} Adverts every {interval}; {took_s:.1f} s in all.")
    click.echo(click.style(NOTE, dim=True))


def _as_object(told: list[Told], took_s: float) -> dict[str, Any]:
    reports = next((one.reports for one in told if isinstance(one, Statuses)), {})
    return {
        "ok": _all_good(told),
        "took_s": round(took_s, 3),
        "advert_interval_s": INTERVAL / SECOND,
        "allowance_ms": ALLOWANCE / MILLISECOND,
        "steps": [asdict(step) for step in _steps(told)],
        "statuses": {name: json.loads(to_indented_json(one)) for name, one in reports.items()},
    }


def _hold(lab: Lab, story: Story, *, to_stderr: bool) -> None:
    """Show what can be done in the lab, and keep it until a signal says otherwise."""
    story.encore()
    click.echo(
        "\nThe lab stays until Ctrl-C. In another terminal, as the same user:", err=to_stderr
    )
    address = story.probes[0].address
    for what, command in guide(lab, tuple(story.agents.values()), story.client, address):
        click.echo(f"\n{INDENT}{click.style(what, dim=True)}\n{INDENT}{command}", err=to_stderr)
    with suppress(StopRequested):
        while True:
            lab.pause(HOLD_LOOK_S)


def _steps(told: list[Told]) -> list[Step]:
    return [one for one in told if isinstance(one, Step)]


def _all_good(told: list[Told]) -> bool:
    return all(step.ok for step in _steps(told))
