"""How long and how much: the bounds of one look at a host."""

from __future__ import annotations

from typing import Final

from vipd.core.units import MILLISECOND, SECOND, Duration

LISTEN_LONGEST: Duration = 3 * SECOND
LISTEN_SHORTEST: Duration = 500 * MILLISECOND
LISTEN_DEFAULT: Duration = 2500 * MILLISECOND
"""Where no interval is known: more than two of the usual one."""

LISTEN_HALVES: Final = 5
"""Half intervals to listen: two adverts of whoever speaks are heard surely, and it is less than
the three intervals after which a MASTER counts as gone."""

MOST_INTERFACES: Final = 8
"""Interfaces that are looked at when no configuration names one, and listened on at all."""

LINES_READ: Final = 20_000
"""Lines of one configuration file of the host; no such file is longer."""


def listening_time(intervals: tuple[Duration, ...]) -> Duration:
    """How long to listen for routers with these intervals."""
    if not intervals:
        return LISTEN_DEFAULT
    return max(min(max(intervals) * LISTEN_HALVES // 2, LISTEN_LONGEST), LISTEN_SHORTEST)
