"""The throttle: a line that repeats itself is written once a minute, with how often it came."""

from __future__ import annotations

from vipd.agent.ports import Clock
from vipd.core.units import SECOND, Duration, Instant
from vipd.log import Logger

QUIET: Duration = 60 * SECOND
LINES_REMEMBERED = 1024
"""More different lines than this in one minute are the work of a flood: the oldest is forgotten."""


class Throttle:
    """A log that nobody can flood."""

    def __init__(self, log: Logger, clock: Clock) -> None:
        self._log = log
        self._clock = clock
        self._lines: dict[tuple[str, ...], tuple[Instant, int]] = {}

    def warning(self, event: str, **fields: str) -> None:
        """Write a warning, unless the same one was written less than a minute ago."""
        now = self._clock()
        key = (event, *fields.values())
        since, suppressed = self._lines.pop(key, (now - QUIET, 0))
        if now - since < QUIET:
            self._lines[key] = (since, suppressed + 1)
            return
        if len(self._lines) >= LINES_REMEMBERED:
            del self._lines[next(iter(self._lines))]
        self._lines[key] = (now, 0)
        if suppressed:
            self._log.warning(event, **fields, suppressed=suppressed)
        else:
            self._log.warning(event, **fields)
