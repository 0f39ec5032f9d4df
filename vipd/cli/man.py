"""`vipd man`: the manual pages, made from the commands and from the schema of the configuration.

`make docs` writes them into docs/man, where packages take them from. They are the same on every
day and every machine: their date is that of the release, and nothing of the host is in them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from vipd import __version__
from vipd.cli.main import COMMANDS
from vipd.cli.man_agent import agent_manual
from vipd.cli.man_command import command_manual
from vipd.cli.man_toml import NAME, toml_manual
from vipd.cli.roff import Manual, render
from vipd.errors import VipdError

RELEASED: Final = "2026-11-23"
"""The date on every page: that of the release of this version."""

ITSELF: Final = "vipd"


@click.command()
@click.argument("page", type=click.Choice([*COMMANDS, NAME]), required=False, metavar="[COMMAND]")
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIRECTORY",
    help="Write all pages here, a file for each.",
)
def man(page: str | None, output: Path | None) -> None:
    """Print the manual page of a command, as roff.

    Without COMMAND it is that of vipd itself; `vipd man vipd.toml` explains every key of the
    configuration. A package has installed them already: try `man vipd`, `man vipd-status` and
    `man vipd.toml` first.

    \b
    The exit code is
      0  if it is printed, or all are written
      1  if a file cannot be written
      2  if there is no such page

    \b
    Examples:
      vipd man status | man -l -                    read a page that is not installed
      vipd man vipd.toml | man -l -                 every key of the configuration
      vipd man --output pages                       write all pages into a directory
    """
    if output is None:
        click.echo(written(_manual(page or ITSELF)), nl=False)
    elif page is not None:
        raise click.UsageError("--output writes all pages: leave COMMAND out.")
    else:
        _write_all(output)


def manuals() -> tuple[Manual, ...]:
    """Every page."""
    return tuple(map(_manual, (ITSELF, *COMMANDS, NAME)))


def written(manual: Manual) -> str:
    """A page as it stands in its file."""
    return render(manual, release=f"vipd {__version__}", date=RELEASED)


def _manual(page: str) -> Manual:
    if page == ITSELF:
        return agent_manual()
    return toml_manual() if page == NAME else command_manual(page)


def _write_all(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for manual in manuals():
            (directory / manual.file).write_text(written(manual), encoding="utf-8")
    except OSError as error:
        raise VipdError(f"{error.filename or directory}: {error.strerror}") from error
