"""`vipd check`: is this configuration good, and if not, what are all of its problems?"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from vipd.config.load import load
from vipd.config.model import DEFAULT_PATH, Config
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
def check(file: Path, *, as_json: bool) -> None:
    """Check a configuration and report every problem at once.

    FILE is /etc/vipd/vipd.toml if it is not given. Nothing is changed; a running agent is not
    asked. The exit code is 0 if the file is valid and 1 if it is not.
    """
    try:
        config = load(file)
    except ConfigError as error:
        problems = error.problems
        click.echo(_as_json(file, problems) if as_json else _all_problems(file, problems))
        sys.exit(1)
    click.echo(_as_json(file, ()) if as_json else _summary(file, config))


def _as_json(file: Path, problems: tuple[ConfigProblem, ...]) -> str:
    found = [{"path": p.path, "problem": p.problem, "hint": p.hint} for p in problems]
    return json.dumps({"file": str(file), "valid": not found, "problems": found}, indent=2)


def _all_problems(file: Path, problems: tuple[ConfigProblem, ...]) -> str:
    blocks = [_problem(file, problem) for problem in problems]
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    last = f"{count} in {click.format_filename(file)}"
    return "\n\n".join((*blocks, click.style(last, fg="red", bold=True)))


def _problem(file: Path, problem: ConfigProblem) -> str:
    place = click.format_filename(file)
    if problem.path:
        place += f": {click.style(problem.path, bold=True)}"
    lines = [place, "  " + click.style(problem.problem, fg="red")]
    if problem.hint:
        lines.append("  " + click.style("hint: ", fg="cyan") + problem.hint)
    return "\n".join(lines)


def _summary(file: Path, config: Config) -> str:
    count = len(config.instances)
    title = f"{click.format_filename(file)} is valid: {count} instance{'s' if count > 1 else ''}"
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
