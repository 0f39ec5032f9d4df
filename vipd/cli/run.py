"""`vipd run`: the agent, in the foreground."""

from __future__ import annotations

import os
from pathlib import Path

import click

from vipd import log
from vipd.agent.main import run as serve
from vipd.config.model import DEFAULT_PATH
from vipd.errors import ConfigError


@click.command()
@click.option(
    "--config",
    "file",
    type=click.Path(path_type=Path),
    default=DEFAULT_PATH,
    show_default=True,
    help="The configuration; `vipd check` tells whether it is good.",
)
@click.option(
    "--log-format",
    type=click.Choice(["auto", "text", "json"]),
    default="auto",
    show_default=True,
    help="How to write the log to standard error; auto is text on a terminal, fields of the "
    "journal under systemd, JSON elsewhere.",
)
def run(file: Path, log_format: log.Format) -> None:
    """Run the agent in the foreground.

    It needs root, or CAP_NET_ADMIN and CAP_NET_RAW. SIGTERM and SIGINT end it: it resigns,
    releases its addresses and exits with 0. SIGHUP reads the configuration anew; a configuration
    with errors is refused and the old one keeps running. It exits with 78 when it cannot start with
    its configuration, which no restart mends, and with 1 for whatever else keeps it from starting.
    """
    log.configure(log_format)
    try:
        serve(file)
    except ConfigError as error:
        click.echo(str(error), err=True)
        raise SystemExit(os.EX_CONFIG) from error
