"""`vipd track`: runs one tracker here and now, and shows what it sees; explains every kind."""

from __future__ import annotations

import asyncio
import json
import sys
import textwrap
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from functools import partial
from pathlib import Path
from typing import NoReturn

import click
from click.shell_completion import CompletionItem

from vipd.config.explain import explain, page
from vipd.config.load import load
from vipd.config.model import DEFAULT_PATH, Config
from vipd.config.phrase import nearest
from vipd.config.track_schema import TRACKERS
from vipd.core.config import TrackerConfig
from vipd.core.units import SECOND, format_duration
from vipd.errors import ConfigError
from vipd.track.outcome import Outcome
from vipd.track.registry import make
from vipd.track.verdict import Verdict

WIDTH = 96
"""Columns. What is explained is read as a page, on a wide terminal too."""


class Exit(IntEnum):
    """What the exit code says."""

    UP = 0
    DOWN = 1
    REFUSED = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look, and the verdict after it."""

    outcome: Outcome
    up: bool
    verdict: str


def _complete_name(
    ctx: click.Context,
    param: click.Parameter,  # noqa: ARG001
    incomplete: str,
) -> list[CompletionItem]:
    names = TRACKERS if ctx.params.get("explains") else _declared(ctx)
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def _declared(ctx: click.Context) -> Sequence[str]:
    try:
        config = load(ctx.params.get("config") or DEFAULT_PATH)
    except ConfigError:
        return ()
    return [tracker.name for tracker in config.trackers]


@click.command()
@click.argument("name", required=False, shell_complete=_complete_name)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    default=DEFAULT_PATH,
    show_default=True,
    help="The configuration that declares the tracker.",
)
@click.option(
    "--count",
    type=click.IntRange(min=1),
    metavar="N",
    help="Look N times.  [default: as often as a verdict takes]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for programs.")
@click.option(
    "--explain", "explains", is_flag=True, help="Explain the kind NAME, or every kind of tracker."
)
@click.option("--markdown", is_flag=True, help="With --explain: as a page, docs/trackers.md.")
def track(
    name: str | None,
    config: Path,
    count: int | None,
    *,
    as_json: bool,
    explains: bool,
    markdown: bool,
) -> None:
    """Run one tracker here and now, and show what it sees.

    NAME is what stands in [track.NAME]. A running agent is not asked, and learns nothing of it.

    \b
    The exit code is
      0  if the tracker is up
      1  if it is down
      2  if there is no tracker NAME, or the configuration cannot be used

    \b
    Examples:
      vipd track nginx               look until a verdict is found
      vipd track nginx --count 60    look sixty times
      vipd track --explain           the keys of every kind, with an example each
      vipd track --explain http      the keys of one kind
    """
    if explains or markdown:
        click.echo(_explanation(name, as_page=markdown), nl=False)
        return
    tracker = _named(config, name)
    looks = asyncio.run(_run(tracker, count or max(tracker.rise, tracker.fall), as_json=as_json))
    if as_json:
        click.echo(_as_json(tracker, looks))
    else:
        click.echo(_verdict(tracker, looks[-1]))
    sys.exit(Exit.UP if looks[-1].up else Exit.DOWN)


def _named(file: Path, name: str | None) -> TrackerConfig:
    try:
        config = load(file, with_secrets=True)
    except ConfigError as error:
        _refuse(str(error))
    trackers = {tracker.name: tracker for tracker in config.trackers}
    if name not in trackers:
        _refuse(_no_such(file, config, name))
    return trackers[name]


def _no_such(file: Path, config: Config, name: str | None) -> str:
    names = [tracker.name for tracker in config.trackers]
    if not names:
        return f"{file} declares no tracker. See: vipd track --explain"
    if name and (meant := nearest(name, names)):
        return f"There is no tracker {name} in {file}. Did you mean {meant}?"
    return f"Which tracker of {file}? There are: {', '.join(names)}"


def _refuse(text: str) -> NoReturn:
    click.echo(text, err=True)
    sys.exit(Exit.REFUSED)


# -- looking --------------------------------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class Run:
    """Takes what the tracker reports, until it has been enough."""

    verdict: Verdict
    count: int
    quiet: bool
    done: asyncio.Event = field(default_factory=asyncio.Event)
    looks: list[Look] = field(default_factory=list)

    def take(self, outcome: Outcome) -> None:
        """Take one report."""
        if self.done.is_set():
            return
        self.verdict.take(outcome, time.monotonic_ns())
        look = Look(outcome=outcome, up=self.verdict.up, verdict=self.verdict.describe())
        self.looks.append(look)
        if not self.quiet:
            click.echo(_line(len(self.looks), look))
        if len(self.looks) >= self.count:
            self.done.set()


async def _run(config: TrackerConfig, count: int, *, as_json: bool) -> list[Look]:
    """Let the tracker report `count` times."""
    run = Run(verdict=Verdict(config, time.monotonic_ns()), count=count, quiet=as_json)
    tracker = make(config)
    tracker.start(run.take)
    try:
        await run.done.wait()
    finally:
        tracker.stop()
    return run.looks


# -- showing --------------------------------------------------------------------------------


def _line(number: int, look: Look) -> str:
    mark = click.style("good", fg="green") if look.outcome.ok else click.style("bad ", fg="red")
    weight = "" if look.outcome.weight is None else f"  weight {look.outcome.weight}"
    took = format_duration(look.outcome.took)
    return f"{number:>4}  {mark}  {took:>9}  {look.outcome.text}{weight}"


def _verdict(tracker: TrackerConfig, last: Look) -> str:
    state = click.style("up", fg="green") if last.up else click.style("down", fg="red")
    return f"{tracker.name} ({tracker.kind}) is {state}: {last.verdict}"


def _as_json(tracker: TrackerConfig, looks: list[Look]) -> str:
    seen = [
        {
            "ok": look.outcome.ok,
            "text": look.outcome.text,
            "took_s": look.outcome.took / SECOND,
            "weight": look.outcome.weight,
            "up": look.up,
        }
        for look in looks
    ]
    last = looks[-1]
    answer = {"name": tracker.name, "kind": tracker.kind, "up": last.up, "verdict": last.verdict}
    return json.dumps({**answer, "looks": seen}, indent=2)


# -- explaining -----------------------------------------------------------------------------


def _explanation(kind: str | None, *, as_page: bool) -> str:
    if as_page:
        return page()
    if kind is None:
        return "\n\n".join(map(_explain, TRACKERS))
    if kind not in TRACKERS:
        meant = nearest(kind, TRACKERS)
        hint = f"Did you mean {meant}?" if meant else f"There are: {', '.join(TRACKERS)}"
        _refuse(f"There is no kind of tracker {kind}. {hint}")
    return _explain(kind)


def _explain(kind: str) -> str:
    text = explain(kind)
    keys = (*text.own, *text.shared)
    width = max(len(key.name) for key in keys)
    wrap = partial(textwrap.fill, width=WIDTH)
    lines = [click.style(text.name, bold=True), wrap(text.line, initial_indent="  "), ""]
    for key in keys:
        told = f"{key.about}. Takes {key.takes}; {_default(key.default)}."
        indent = " " * (width + 4)
        lines.append(
            wrap(told, initial_indent=f"  {key.name:<{width}}  ", subsequent_indent=indent)
        )
    return "\n".join([*lines, "", textwrap.indent(text.example, "    "), ""])


def _default(default: str) -> str:
    if default == "required":
        return "required"
    return "by default there is none" if default == "none" else f"by default {default}"
