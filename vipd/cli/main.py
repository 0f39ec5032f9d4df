"""The command `vipd`: its subcommands, and how errors reach a person.

A command's module is imported when the command is used and not before: `vipd --version` and
`vipd --help` need click and nothing else.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import IO, Any

import click

from vipd import __version__
from vipd.errors import VipdError


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Where a command is found (`module:attribute`), and its line in the help."""

    target: str
    line: str

    def load(self) -> click.Command:
        """Import the command."""
        module, _, attribute = self.target.partition(":")
        gc.disable()  # What an import makes stays; to look for garbage in it takes a tenth longer.
        try:
            command = getattr(import_module(module), attribute)
        finally:
            gc.enable()
        assert isinstance(command, click.Command), f"{self.target} is not a command"
        return command


COMMANDS: dict[str, Entry] = {
    "run": Entry(target="vipd.cli.run:run", line="Run the agent in the foreground."),
    "check": Entry(target="vipd.cli.check:check", line="Check a configuration, find all errors."),
    "import": Entry(
        target="vipd.cli.import_:import_", line="Turn keepalived's configuration into vipd's."
    ),
    "status": Entry(target="vipd.cli.status:status", line="Show who serves what on this host."),
    "why": Entry(target="vipd.cli.why:why", line="Show what led to the last transitions."),
    "events": Entry(target="vipd.cli.events:events", line="Show what happened, and what happens."),
    "failover": Entry(
        target="vipd.cli.failover:failover", line="Let another host serve, without a gap."
    ),
    "maintenance": Entry(
        target="vipd.cli.maintenance:maintenance", line="Let this host serve nothing for a while."
    ),
    "priority": Entry(
        target="vipd.cli.priority:priority", line="Stand with another priority for a while."
    ),
    "announce": Entry(
        target="vipd.cli.announce:announce", line="Tell the link again where the addresses are."
    ),
    "reload": Entry(
        target="vipd.cli.reload:reload", line="Take over the configuration file, or see a plan."
    ),
    "track": Entry(target="vipd.cli.track:track", line="Run one tracker now, show what it sees."),
    "doctor": Entry(target="vipd.cli.doctor:doctor", line="Find what would stop a failover here."),
    "capture": Entry(
        target="vipd.cli.capture:capture", line="Show VRRP packets, live or from a file."
    ),
    "scan": Entry(target="vipd.cli.scan:scan", line="Show who speaks VRRP on a link."),
    "cleanup": Entry(
        target="vipd.cli.cleanup:cleanup", line="Remove what a dead agent left behind."
    ),
    "install": Entry(
        target="vipd.cli.install:install", line="Tell this host about vipd: units, users, pages."
    ),
    "demo": Entry(target="vipd.cli.demo:demo", line="Watch a failover in a lab of its own."),
    "man": Entry(target="vipd.cli.man:man", line="Print a manual page, as roff."),
    "completion": Entry(
        target="vipd.cli.completion:completion", line="Print the completion script of a shell."
    ),
}

EPILOG = """\b
Examples:
  vipd demo                      see what it does; changes nothing on this host
  vipd check                     check /etc/vipd/vipd.toml
  vipd run --config my.toml      run the agent in this terminal
  vipd status --json             the state of every instance, for programs

`vipd COMMAND --help` explains one command."""


class Refusal(click.ClickException):
    """A `VipdError` on its way to the terminal: its text as it is, exit code 1."""

    def show(self, file: IO[Any] | None = None) -> None:
        """Write the text to stderr."""
        click.echo(self.message, file=file, err=True)


class LazyGroup(click.Group):
    """A group whose commands are names and lines of help until one of them is used."""

    def __init__(self, *, entries: Mapping[str, Entry], **attributes: Any) -> None:  # noqa: ANN401
        placeholders = {
            name: click.Command(name, short_help=entry.line) for name, entry in entries.items()
        }
        super().__init__(commands=placeholders, **attributes)
        self._entries = entries

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Keep the order in which the commands are needed."""
        return list(self._entries)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Replace the placeholder by the command, now that it is used."""
        name, placeholder, rest = super().resolve_command(ctx, args)
        if name is None or placeholder is None:
            return name, placeholder, rest
        return name, self._entries[name].load(), rest

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; what an operator can mend is told without a traceback."""
        try:
            return super().invoke(ctx)
        except VipdError as error:
            raise Refusal(str(error)) from error


@click.group(
    cls=LazyGroup,
    entries=COMMANDS,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, message="vipd %(version)s")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Keep virtual IP addresses alive on a group of Linux hosts.

    One agent runs on each host. The agents elect a MASTER over VRRPv3 (RFC 9568), the protocol
    of keepalived and of routers; the MASTER holds the addresses. When it falls silent, another
    takes them over within a few advert intervals, and `vipd status` says who, since when and why.
    """
    if os.environ.get("NO_COLOR"):
        ctx.color = False


def main() -> None:
    """Run the command line."""
    cli(prog_name="vipd")
