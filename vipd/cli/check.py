"""`vipd check`: is this configuration good, and if not, what are all of its problems?"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import click

from vipd.config.host import load_checked
from vipd.config.load import load
from vipd.config.model import DEFAULT_PATH, Config
from vipd.config.trap import traps
from vipd.core.config import InstanceConfig
from vipd.core.units import format_duration
from vipd.errors import ConfigError, ConfigProblem

MOST_ADDRESSES_SHOWN = 4
"""More would break the line of an instance."""


@click.command()
@click.argument(
    "file", type=click.Path(path_type=Path), default=DEFAULT_PATH, metavar="[FILE]", required=False
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for programs.")
@click.option("--strict", is_flag=True, help="Exit with 1 for warnings, too.")
@click.option(
    "--elsewhere", is_flag=True, help="The file is for another host: do not look at programs."
)
def check(file: Path, *, as_json: bool, strict: bool, elsewhere: bool) -> None:
    """Check a configuration and report every problem at once.

    FILE is /etc/vipd/vipd.toml if it is not given. Nothing is changed; a running agent is not
    asked. Programs that the file names must be there and, as root runs them, safe from others.

    A warning is about what is valid and will hardly do what you had in mind, such as a weight that
    can never change who serves.

    The exit code is 0 if the file is valid and 1 if it is not.
    """
    findings = _look(file, elsewhere=elsewhere)
    click.echo(_as_json(file, findings) if as_json else _report(file, findings))
    if findings.problems or (strict and findings.warnings):
        sys.exit(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What there is to say of a file; without a configuration it could not be read."""

    config: Config | None = None
    problems: tuple[ConfigProblem, ...] = ()
    warnings: tuple[ConfigProblem, ...] = ()


def _look(file: Path, *, elsewhere: bool) -> Findings:
    try:
        config, problems = (load(file), ()) if elsewhere else load_checked(file)
    except ConfigError as error:
        return Findings(problems=error.problems)
    return Findings(config=config, problems=problems, warnings=traps(config))


def _as_json(file: Path, findings: Findings) -> str:
    answer = {
        "file": str(file),
        "valid": not findings.problems,
        "problems": [_as_object(each) for each in findings.problems],
        "warnings": [_as_object(each) for each in findings.warnings],
    }
    return json.dumps(answer, indent=2)


def _as_object(found: ConfigProblem) -> dict[str, str]:
    return {"path": found.path, "problem": found.problem, "hint": found.hint}


def _report(file: Path, findings: Findings) -> str:
    """Order: what must be mended comes last, where the eye of a reader is."""
    blocks = [_block(file, each, "yellow", "warning: ") for each in findings.warnings]
    blocks += [_block(file, each, "red") for each in findings.problems]
    if findings.config and not findings.problems:
        blocks.append(_summary(file, findings.config, len(findings.warnings)))
    else:
        last = f"{_count(len(findings.problems), 'problem')} in {click.format_filename(file)}"
        blocks.append(click.style(last, fg="red", bold=True))
    return "\n\n".join(blocks)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _block(file: Path, found: ConfigProblem, colour: str, kind: str = "") -> str:
    place = click.format_filename(file)
    if found.path:
        place += f": {click.style(found.path, bold=True)}"
    lines = [place, "  " + click.style(kind + found.problem, fg=colour)]
    if found.hint:
        lines.append("  " + click.style("hint: ", fg="cyan") + found.hint)
    return "\n".join(lines)


def _summary(file: Path, config: Config, warnings: int) -> str:
    counts = [
        _count(number, noun)
        for number, noun in (
            (len(config.instances), "instance"),
            (len(config.groups), "group"),
            (len(config.trackers), "tracker"),
            (warnings, "warning"),
        )
        if number
    ]
    title = f"{click.format_filename(file)} is valid: {', '.join(counts)}"
    rows = [_cells(instance) for instance in config.instances]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return "\n  ".join((click.style(title, fg="green", bold=True), *lines))


def _cells(instance: InstanceConfig) -> tuple[str, ...]:
    shown = [str(vip) for vip in instance.addresses[:MOST_ADDRESSES_SHOWN]]
    more = len(instance.addresses) - len(shown)
    return (
        instance.name,
        instance.interface,
        f"vrid {instance.vrid}",
        f"priority {instance.priority}",
        f"every {format_duration(instance.advert_interval)}",
        ", ".join(shown) + (f" and {more} more" if more else ""),
    )
