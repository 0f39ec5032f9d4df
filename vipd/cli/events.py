"""`vipd events`: what happens on this host, a line for each event, from wherever one wants."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import click

from vipd.cli.past import Past, ends_quietly, history, past, told
from vipd.cli.reach import (
    Verdict,
    agent_options,
    complete_name,
    fail,
    readable,
    socket_of,
    wants_colour,
)
from vipd.cli.render_event import EventLines, name_of
from vipd.cli.since import AfterEvent, Since, since_option
from vipd.control.client import NoAgent, follow
from vipd.control.messages import FollowRequest, HistoryRequest, encode
from vipd.control.report import EventReport
from vipd.errors import VipdError

KINDS: Final = (
    "transition",
    "incident",
    "tracker",
    "hook",
    "order",
    "reload",
    "agent",
    "peer",
)

USUALLY_SHOWN: Final = 20
LOOKS_AGAIN_S: Final = 0.5
"""How often it is asked whether an agent is back."""

FORGOTTEN: Final = "the agent has forgotten them"

Show: TypeAlias = Callable[[EventReport], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which events are asked for."""

    name: str | None
    kinds: Sequence[str]
    since: Since | None

    def __contains__(self, event: EventReport) -> bool:
        return (
            self.name in (None, event.instance)
            and (not self.kinds or event.kind in self.kinds)
            and (self.since is None or self.since.covers(event))
        )

    @property
    def after(self) -> int:
        """The number of the event that they follow."""
        return self.since.seq if isinstance(self.since, AfterEvent) else 0


@click.command()
@click.argument("name", required=False, shell_complete=complete_name)
@click.option("-f", "--follow", "following", is_flag=True, help="Go on until Ctrl-C.")
@click.option(
    "--since",
    metavar="SEQ|DURATION|TIME",
    callback=since_option,
    help="Begin after this event, or at this moment.",
)
@click.option(
    "--kind",
    "kinds",
    type=click.Choice(KINDS),
    multiple=True,
    help="Only events of this kind; may be repeated.",
)
@click.option(
    "-n",
    "count",
    type=click.IntRange(0, 1_000_000),
    metavar="N",
    help=f"Only the last N.  [default: {USUALLY_SHOWN}; all with --since]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
@agent_options
@click.pass_context
def events(
    ctx: click.Context,
    name: str | None,
    since: Since | None,
    kinds: Sequence[str],
    count: int | None,
    socket: Path | None,  # noqa: ARG001
    config: Path | None,  # noqa: ARG001
    *,
    following: bool,
    as_json: bool,
) -> None:
    """Show what happened on this host, a line for each event, and what happens.

    Each event has a number, `seq` in JSON, that grows over restarts and reboots. A script that
    begins with `--since SEQ`, where SEQ is the last one that it has seen, continues where it was;
    0 is all that the agent still has, the last 2000. If some were forgotten meanwhile, a line on
    standard error says so. `--follow` comes back by itself when the agent does. Where no agent
    answers, its journal is read, which lies beside the control socket.

    \b
    SEQ|DURATION|TIME is a number, or how long ago ("90s", "10m", "36h"), or a local time of day
    ("03:14"), or a moment ("2026-01-02T03:14", "2026-01-02T03:14:07Z").

    \b
    Examples:
      vipd events --follow
      vipd events web --kind transition --since 24h
      vipd events --json --since "$(cat seq)" >> log; tail -n1 log | jq .seq > seq

    \b
    The exit code is
      0    if all that was asked for is shown
      1    if events after SEQ are forgotten; what is left is shown
      2    if there is no instance NAME, or the question is wrong otherwise
      3    if no agent answers and, without --follow, there is no journal
      130  after Ctrl-C
    """
    place, name = socket_of(ctx), name and readable(name)
    wanted = Wanted(name=name, kinds=kinds, since=since)
    with ends_quietly():
        story = _story(place, wanted, following=following)
        missed = story.missed if isinstance(since, AfterEvent) else 0
        _tell_missed(missed)
        shown = _last(
            [event for event in story.events if event in wanted],
            USUALLY_SHOWN if count is None and since is None else count,
        )
        show = _show_json if as_json else _show_text(shown, colour=wants_colour(ctx))
        for event in shown:
            show(event)
        if following:
            _follow(place, _begin(story, wanted), wanted, show)
    sys.exit(Verdict.NOT_SO if missed else Verdict.GOOD)


def _story(socket: Path, wanted: Wanted, *, following: bool) -> Past:
    """What has happened already. Only an agent can be followed."""
    if not following:
        return past(socket, wanted.name, wanted.after)
    try:
        return told(socket, wanted.name, wanted.after)
    except NoAgent as error:
        fail(str(error), Verdict.NO_AGENT)


def _last(shown: Sequence[EventReport], count: int | None) -> Sequence[EventReport]:
    return shown if count is None else shown[max(0, len(shown) - count) :]


# -- going on ---------------------------------------------------------------------------------


def _follow(socket: Path, last: int, wanted: Wanted, show: Show) -> None:
    """Show each event as it comes, over as many lives of the agent as there are.

    Why: all events are asked for, those that nobody wants too. So `last` is where we are, and a
    number that does not follow on it tells that something was missed.
    """
    while True:
        try:
            for event in follow(socket, FollowRequest(after=last)):
                if last and event.seq != last + 1:
                    click.echo(f"events after {last} were missed: {FORGOTTEN}", err=True)
                last = event.seq
                if event in wanted:
                    show(event)
        except NoAgent:
            pass
        except VipdError as error:
            fail(str(error), Verdict.REFUSED)
        click.echo("lost the agent; waits until one answers", err=True)
        _wait(socket)
        click.echo("found the agent again", err=True)


def _wait(socket: Path) -> None:
    while True:
        try:
            history(socket, HistoryRequest(limit=1))
        except NoAgent:
            time.sleep(LOOKS_AGAIN_S)
        else:
            return


def _begin(story: Past, wanted: Wanted) -> int:
    """The number of the event that is to be followed on; 0 where nobody knows."""
    if story.events:
        return story.events[-1].seq
    return 0 if story.missed else wanted.after


def _tell_missed(count: int) -> None:
    if count:
        what = "one event was" if count == 1 else f"at least {count} events were"
        click.echo(f"{what} missed: {FORGOTTEN}", err=True)


# -- lines ------------------------------------------------------------------------------------


def _show_json(event: EventReport) -> None:
    click.echo(encode(event), nl=False)


def _show_text(shown: Sequence[EventReport], *, colour: bool) -> Show:
    names = max((len(name_of(event)) for event in shown), default=0)
    lines = EventLines(names=names, colour=colour)

    def show(event: EventReport) -> None:
        click.echo(lines.render(event), color=colour)

    return show
