"""What happened on this host: as the agent tells it, or else as its journal does."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from vipd.cli.reach import Verdict, fail
from vipd.control.client import NoAgent, ask
from vipd.control.messages import (
    MOST_EVENTS,
    ErrorReply,
    HistoryReply,
    HistoryRequest,
    no_such_instance,
)
from vipd.control.report import EventReport
from vipd.errors import VipdError

INTERRUPTED: Final = 130
"""What a shell says of a program that Ctrl-C has ended: 128 and the number of the signal."""

PIPE_CLOSED: Final = 141
"""The same of one that nobody listens to any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """All that is known after some event; `living` is whether an agent has told it."""

    node: str
    events: tuple[EventReport, ...]
    missed: int
    living: bool


def past(socket: Path, name: str | None, after: int = 0) -> Past:
    """All events after the one with this number; a name that is nobody's here ends the command.

    Without an agent its journal is read; where that tells nothing either, the command ends.
    """
    try:
        return told(socket, name, after)
    except NoAgent as error:
        return _read(socket, name, after, error)


def told(socket: Path, name: str | None, after: int = 0) -> Past:
    """The same, told by the agent. Raises: NoAgent."""
    if name is not None:
        history(socket, HistoryRequest(name=name, limit=1))
    events, missed, cursor = list[EventReport](), 0, after
    while True:
        reply = history(socket, HistoryRequest(after=cursor, limit=MOST_EVENTS))
        events += reply.events
        missed += reply.missed
        if len(reply.events) < MOST_EVENTS:
            return Past(node=reply.node, events=tuple(events), missed=missed, living=True)
        cursor = events[-1].seq


def history(socket: Path, request: HistoryRequest) -> HistoryReply:
    """Ask the agent; a refusal ends the command. Raises: NoAgent."""
    reply = ask(socket, request)
    if isinstance(reply, ErrorReply):
        fail(reply.error, Verdict.REFUSED)
    return reply


def _read(socket: Path, name: str | None, after: int, why: NoAgent) -> Past:
    """Read the journal. Why: the agent's own module knows its form; only who needs it loads it."""
    from vipd.agent.journal_file import journal_beside, read_journal  # noqa: PLC0415

    file = journal_beside(socket)
    try:
        ring = read_journal(file).ring
    except FileNotFoundError:
        fail(f"{why}\nThere is no journal of an earlier one either.", Verdict.NO_AGENT)
    except (OSError, VipdError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        fail(f"{why}\nIts journal {file} cannot be read: {reason}.", Verdict.NO_AGENT)
    if ring is None:
        fail(f"{why}\nIts journal {file} tells of nothing.", Verdict.NO_AGENT)
    node = os.uname().nodename
    if name is not None and name not in ring.names:
        fail(no_such_instance(name, sorted(ring.names)).error, Verdict.REFUSED)
    click.echo(f"{why}\nThis is what its journal {file} tells.", err=True)
    events, missed = ring.after(after, limit=sys.maxsize)
    return Past(node=node, events=events, missed=missed, living=False)


@contextmanager
def ends_quietly() -> Iterator[None]:
    """Let Ctrl-C, and a reader that has seen enough, end the command without a word."""
    try:
        yield
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # Python flushes standard output once more when it ends, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(PIPE_CLOSED)
