"""The page: how text is broken into lines, what is painted, and how moments are written."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import click

from vipd.core.model import State

STATE_COLOUR: Final = {
    State.MASTER: "green",
    State.BACKUP: "blue",
    State.FAULT: "red",
    State.INIT: None,
}

NARROWEST_TEXT: Final = 20
NO_BREAK: Final = "\N{NO-BREAK SPACE}"
UNIT: Final = re.compile(r"(?<=\d) (?=(?:m?s|min|h|d)\b)")

MINUTE_S: Final = 60
HOUR_S: Final = 60 * MINUTE_S
DAY_S: Final = 24 * HOUR_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """How wide the output is, and whether it has colours."""

    width: int
    colour: bool

    def state(self, text: str, state: State | None) -> str:
        """Paint the name of a state."""
        return self.strong(text, STATE_COLOUR[state] if state else None)

    def strong(self, text: str, colour: str | None = None) -> str:
        """Paint what the eye looks for first."""
        return click.style(text, fg=colour, bold=True) if self.colour else text

    def alarm(self, text: str) -> str:
        """Paint what is wrong."""
        return click.style(text, fg="red") if self.colour else text

    def wrap(self, text: str, first: str, rest: str) -> list[str]:
        """Break text into lines, but never between a number and its unit."""
        lines = textwrap.wrap(
            UNIT.sub(NO_BREAK, text),
            max(self.width, len(rest) + NARROWEST_TEXT),
            initial_indent=first,
            subsequent_indent=rest,
            break_long_words=False,
            break_on_hyphens=False,
        )
        return [line.replace(NO_BREAK, " ") for line in lines]


def local(iso: str) -> datetime:
    """A moment of a report, in the time zone of whoever reads it."""
    return datetime.fromisoformat(iso).astimezone()


def time_of_day(moment: datetime, now: datetime) -> str:
    """When it was: the time, and the day unless it is today."""
    if moment.date() == now.date():
        return f"{moment:%H:%M:%S}"
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def span(seconds: float) -> str:
    """A length of time as a person counts it: `45 s`, `12 min`, `3 h 24 min`, `2 d 3 h`."""
    whole = max(0, int(seconds))
    for length, unit, finer_length, finer in (
        (DAY_S, "d", HOUR_S, "h"),
        (HOUR_S, "h", MINUTE_S, "min"),
    ):
        if whole >= length:
            rest = whole % length // finer_length
            return f"{whole // length} {unit}" + (f" {rest} {finer}" if rest else "")
    return f"{whole // MINUTE_S} min" if whole >= MINUTE_S else f"{whole} s"


def ago(moment: datetime, now: datetime) -> str:
    """How long ago it was; a clock that was set back does not make it the future."""
    seconds = (now - moment).total_seconds()
    return f"{span(seconds)} ago" if seconds >= 1 else "just now"
