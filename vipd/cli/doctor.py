"""`vipd doctor`: what would stop this host from failing over, and the command that mends it."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TypeAlias

import click
from click.shell_completion import CompletionItem

from vipd import __version__
from vipd.cli.reach import wants_colour
from vipd.config.load import load
from vipd.config.model import DEFAULT_PATH
from vipd.doctor.facts import Facts
from vipd.doctor.finding import Finding, Severity
from vipd.doctor.gather.everything import Wish, gather
from vipd.doctor.host import ThisHost
from vipd.doctor.registry import examine
from vipd.errors import ConfigError

Found: TypeAlias = Sequence[tuple[str, Finding]]
"""Every finding with its topic."""

NARROWEST, WIDEST = 40, 100
"""Columns. What a person reads in sentences is not read across a wide screen."""

INDENT = 9
"""As wide as the longest severity, with a space."""

COLOURS = {
    Severity.OK: "green",
    Severity.NOTE: "cyan",
    Severity.WARNING: "yellow",
    Severity.PROBLEM: "red",
}
EXITS = {Severity.OK: 0, Severity.NOTE: 0, Severity.WARNING: 1, Severity.PROBLEM: 2}


def _complete_name(
    ctx: click.Context,
    param: click.Parameter,  # noqa: ARG001
    incomplete: str,
) -> list[CompletionItem]:
    try:
        config = load(ctx.params.get("config") or DEFAULT_PATH)
    except ConfigError:
        return []
    return [CompletionItem(one.name) for one in config.instances if one.name.startswith(incomplete)]


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=_complete_name)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help=f"The configuration to look at.  [default: {DEFAULT_PATH}, if it is there]",
)
@click.option(
    "--socket",
    type=click.Path(path_type=Path),
    envvar="VIPD_SOCKET",
    show_envvar=True,
    help="The control socket of the agent.  [default: that of the configuration]",
)
@click.option("--no-listen", "silent", is_flag=True, help="Do not listen on the link.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for programs.")
@click.pass_context
def doctor(
    ctx: click.Context,
    names: tuple[str, ...],
    config: Path | None,
    socket: Path | None,
    *,
    silent: bool,
    as_json: bool,
) -> None:
    """Find what would stop this host from failing over.

    Looks at the configuration, the service and its agent, its rights, the interfaces and their
    addresses, the firewall, kernel settings, who else manages the network, who else speaks VRRP on
    the link, and the platform. With NAME, at these instances only; without a configuration, at the
    host only.

    Nothing is changed, and it takes less than five seconds. Three of them it may listen, as a
    member of the VRRP groups. Without root it says what it could not see.

    \b
    Each finding has a code that does not change, what is so, why it matters, and the command
    that mends it. It is one of
      problem   failover does not work, or two hosts may serve at once
      warning   it works, but not in every case, or not as it should
      note      worth knowing, or not to be seen by this user
      ok        as it should be

    \b
    The exit code is
      0  if there is nothing but notes
      1  if there are warnings
      2  if there are problems, or there is no instance NAME

    \b
    Examples:
      sudo vipd doctor
      sudo vipd doctor web --config my.toml
      sudo vipd doctor --json | jq -r '.findings[].commands[]'
    """
    wish = Wish(file=config, names=names, socket=socket, listens=not silent)
    try:
        facts = gather(ThisHost(), wish)
    except ConfigError as error:
        click.echo(error, err=True)
        sys.exit(EXITS[Severity.PROBLEM])
    found = tuple(examine(facts))
    if as_json:
        click.echo(as_object(facts, found))
    else:
        colour = wants_colour(ctx)
        width = min(max(shutil.get_terminal_size().columns, NARROWEST), WIDEST)
        click.echo(as_text(found, width), color=colour)
    sys.exit(EXITS[worst(found)])


def worst(found: Found) -> Severity:
    """The gravest of all findings."""
    gravity = list(Severity)
    return max((one.severity for _, one in found), key=gravity.index, default=Severity.OK)


# -- for programs -----------------------------------------------------------------------------


def as_object(facts: Facts, found: Found) -> str:
    """One JSON object; its shape is told in docs/doctor.md."""
    told = {
        "vipd": __version__,
        "config": str(facts.configuration.path) if facts.configuration.exists else None,
        "root": facts.root,
        "interfaces": list(facts.interfaces),
        "instances": [one.name for one in facts.instances],
        "verdict": worst(found).value,
        "counts": {severity.value: _count(found, severity) for severity in Severity},
        "findings": [_finding(topic, one) for topic, one in found],
    }
    return json.dumps(told, indent=2)


def _finding(topic: str, one: Finding) -> dict[str, object]:
    return {"topic": topic, **asdict(one), "severity": one.severity.value}


def _count(found: Found, severity: Severity) -> int:
    return sum(one.severity is severity for _, one in found)


# -- for people -------------------------------------------------------------------------------


def as_text(found: Found, width: int) -> str:
    """Every finding by its topic: what is well in one line, the rest in a block of its own."""
    lines: list[str] = []
    for topic, one in found:
        block = list(_block(topic, one, width))
        terse = one.severity is Severity.OK
        if lines and lines[-1] and not terse:
            lines.append("")
        lines += block if terse else [*block, ""]
    return "\n".join([*lines, *([""] if lines and lines[-1] else []), _summary(found)])


def _block(topic: str, one: Finding, width: int) -> Iterator[str]:
    mark = click.style(one.severity.value.ljust(INDENT), fg=COLOURS[one.severity], bold=True)
    code = "" if one.severity is Severity.OK else f"  [{one.code}]"
    first, *rest = _wrapped(f"{topic}: {one.what}{code}", width)
    yield mark + first
    yield from (" " * INDENT + line for line in rest)
    for label, text in (("why", one.why), ("hint", one.hint)):
        if text:
            yield from (" " * INDENT + line for line in _wrapped(f"{label}: {text}", width))
    for number, command in enumerate(one.commands):
        label = "mend: " if number == 0 else "      "
        yield " " * INDENT + label + click.style(command, bold=True)


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(
        text, width - INDENT, subsequent_indent="  ", break_on_hyphens=False, break_long_words=False
    )


def _summary(found: Found) -> str:
    counts = [
        f"{count} {noun}{'' if count == 1 else 's'}"
        for severity, noun in (
            (Severity.PROBLEM, "problem"),
            (Severity.WARNING, "warning"),
            (Severity.NOTE, "note"),
        )
        if (count := _count(found, severity))
    ]
    good = _count(found, Severity.OK)
    if not counts:
        text = f"all is well: {good} things were looked at"
    else:
        well = f"{good} thing is well" if good == 1 else f"{good} things are well"
        text = f"{', '.join(counts)}; {well}"
    return click.style(text, fg=COLOURS[worst(found)], bold=True)
