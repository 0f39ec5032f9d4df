"""`--since`: from an event, from so long ago, or from a moment on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Final, TypeAlias

import click

from vipd.config.text import DurationText, RefusedText
from vipd.control.report import EventReport
from vipd.core.units import MILLISECOND, SECOND

LONGEST_AGO: Final = 366 * 24 * 3600 * SECOND

_AGO: Final = DurationText(least=MILLISECOND, most=LONGEST_AGO, step=MILLISECOND, why="")
_NUMBER: Final = re.compile(r"[0-9]{1,16}")
_DURATION: Final = re.compile(r"[0-9.]+[a-z]+")
_CLOCK: Final = re.compile(r"[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?")

DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class AfterEvent:
    """All that followed the event with this number."""

    seq: int

    def covers(self, event: EventReport) -> bool:  # noqa: ARG002
        """The journal gives nothing else."""
        return True


@dataclass(frozen=True, slots=True)
class FromMoment:
    """All that happened at this moment or after it."""

    moment: datetime

    def covers(self, event: EventReport) -> bool:
        """Whether an event is among it."""
        return datetime.fromisoformat(event.at) >= self.moment


Since: TypeAlias = AfterEvent | FromMoment


def since_option(
    ctx: click.Context,  # noqa: ARG001
    param: click.Parameter,  # noqa: ARG001
    value: str | None,
) -> Since | None:
    """Read the option, or end the command."""
    try:
        return None if value is None else read_since(value, datetime.now(UTC).astimezone())
    except RefusedText as refused:
        raise click.BadParameter(refused.problem) from None


def read_since(text: str, now: datetime) -> Since:
    """Read the number of an event, a length of time, a moment in ISO 8601, or a time of day.

    What has no time zone is in that of `now`; a time of day is the last one that has been.
    Raises: RefusedText.
    """
    if _NUMBER.fullmatch(text):
        return AfterEvent(int(text))
    if _DURATION.fullmatch(text):
        return FromMoment(now - timedelta(microseconds=_AGO(text) // 1000))
    try:
        if _CLOCK.fullmatch(text):
            return FromMoment(_last(time.fromisoformat(text.zfill(5)), now))
        moment = datetime.fromisoformat(text)
    except ValueError:
        way_out = 'the "seq" of an event, "10m", "03:14", or "2026-01-02T03:14"'
        raise RefusedText(f"must be one of these: {way_out}") from None
    return FromMoment(moment if moment.tzinfo else moment.replace(tzinfo=now.tzinfo))


def _last(at: time, now: datetime) -> datetime:
    moment = datetime.combine(now.date(), at, now.tzinfo)
    return moment if moment <= now else moment - DAY
