"""`vipd import`: a configuration of keepalived, said in vipd's words."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import Sequence
from glob import glob
from pathlib import Path
from typing import Final

import click

from vipd.cli.import_report import as_json, as_text
from vipd.config.keepalived.convert import convert
from vipd.config.keepalived.guide import table
from vipd.config.keepalived.parse import Document, parse
from vipd.config.keepalived.pattern import patterns
from vipd.config.load import LARGEST_FILE
from vipd.errors import ConfigError, ConfigProblem, VipdError

DEFAULT_FILE: Final = Path("/etc/keepalived/keepalived.conf")
STANDARD_INPUT: Final = Path("-")
SEARCH_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where programs are looked for whose whole path keepalived need not be told."""

EPILOG: Final = """\b
Example:
  vipd import                                     look at the result, and read the report
  vipd import --output /etc/vipd/vipd.toml        write it, if there is no such file yet
  vipd check                                      what vipd thinks of it on this host

docs/from-keepalived.md tells how a cluster is moved from keepalived to vipd, host by host."""


@click.command(name="import", epilog=EPILOG)
@click.argument(
    "file", type=click.Path(path_type=Path), default=DEFAULT_FILE, metavar="[FILE]", required=False
)
@click.option(
    "--output", "-o", type=click.Path(path_type=Path), help="Write vipd's file here, not to stdout."
)
@click.option("--force", is_flag=True, help="Write over a file that is there already.")
@click.option(
    "--host-id",
    "-i",
    default="",
    metavar="NAME",
    help="Read lines that begin with @NAME as this host does: keepalived's -i. "
    "Without it, the name of this host.",
)
@click.option("--json", "json_report", is_flag=True, help="The report as one JSON object.")
@click.option(
    "--keywords", is_flag=True, help="Print what becomes of each keyword, as Markdown, and exit."
)
def import_(  # noqa: PLR0913, RUF100 (each is an option)
    file: Path,
    output: Path | None,
    *,
    force: bool,
    host_id: str,
    json_report: bool,
    keywords: bool,
) -> None:
    """Turn a configuration of keepalived into one of vipd.

    FILE is /etc/keepalived/keepalived.conf if it is not given, and - is standard input. What it
    includes is read as well; nothing is changed, and a keepalived that runs is not asked.

    Standard output gets a vipd.toml with remarks in it that `vipd check` accepts. Standard error
    gets a report of every statement: what is carried over, what is carried over with a different
    meaning, and what is not carried over, with what to do instead. What keepalived itself rounds,
    cuts or ignores is rounded, cut and ignored, and told.

    The exit code is 0 if the result is valid. It is 1 if the file cannot be read, or if something
    must be mended by hand, which the report then names last.
    """
    if keywords:
        click.echo(table(), nl=False)
        return
    document = _read(file, host_id or socket.gethostname().partition(".")[0])
    imported = convert(document, str(file), _find)
    if output is None:
        click.echo(imported.toml, nl=False)
    else:
        _write(output, imported.toml, force=force)
    report = as_json(str(file), imported) if json_report else as_text(str(file), imported, output)
    click.echo(report, err=True)
    if imported.problems:
        sys.exit(1)


def _read(file: Path, host: str) -> Document:
    if file == STANDARD_INPUT:
        text = sys.stdin.buffer.read(LARGEST_FILE + 1)
        return parse(_decode(text, file), "standard input", host=host, include=include)
    return parse(_open(file), str(file), host=host, include=include)


def include(pattern: str, directory: str) -> Sequence[tuple[str, str]]:
    """Open what an include names, relative to the file that it stands in."""
    found: dict[str, str] = {}
    for one in patterns(os.path.join(directory or ".", pattern)):  # noqa: PTH118 (a pattern)
        for name in sorted(glob(one)):  # noqa: PTH207 (it may be absolute)
            path = Path(name)
            if path.is_file():
                found.setdefault(os.path.normpath(name), _open(path))
    return tuple(found.items())


def _open(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return _decode(opened.read(LARGEST_FILE + 1), file)
    except OSError as error:
        problem = f"cannot be read: {(error.strerror or str(error)).lower()}"
        hint = "run this as root" if isinstance(error, PermissionError) else "name another file"
        raise _refusal(file, problem, hint) from error


def _decode(contents: bytes, file: Path) -> str:
    """Why not refused: old files have names and comments in old encodings, which mean nothing."""
    if len(contents) > LARGEST_FILE:
        raise _refusal(file, f"is larger than {LARGEST_FILE} bytes", "is it the right file?")
    return contents.decode("utf-8-sig", errors="replace").replace("\r\n", "\n")


def _refusal(file: Path, problem: str, hint: str) -> ConfigError:
    return ConfigError(str(file), [ConfigProblem(path="", problem=problem, hint=hint)])


def _find(program: str) -> str | None:
    return shutil.which(program, path=SEARCH_PATH)


def _write(file: Path, toml: str, *, force: bool) -> None:
    """Write the file, for its group at most: a password may be in it.

    Why not for root alone: in /etc/vipd the group is that of the service, which has to read it.
    """
    flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if force else os.O_EXCL)
    try:
        with open(os.open(file, flags, 0o640), "w", encoding="utf-8") as opened:  # noqa: PTH123
            opened.write(toml)
    except FileExistsError as error:
        raise VipdError(f"{file} is there already (--force writes over it)") from error
    except OSError as error:
        raise VipdError(f"{file}: cannot be written: {error.strerror}") from error
