"""Whether a MASTER has kept its rhythm: adverts that were missed or late, and the widest gap. Pure.

An advert that comes more than an interval after it was due is as bad as a missed one: for every
whole interval that a gap has beyond the first, one is counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from vipd.core.units import Duration

TOLERANCE = 0.02
"""A gap of two intervals is one missed advert, also where the next was sent a little early."""


def within(moments: Sequence[int], start: int, end: int) -> list[int]:
    """The moments in a span."""
    return [moment for moment in moments if start <= moment < end]


def missed_or_late(moments: Sequence[int], start: int, end: int, interval: Duration) -> int:
    """How many adverts of one router a span lacks, in their time."""
    return sum(_lacking(gap, interval) for gap in gaps(moments, start, end))


def widest_gap(moments: Sequence[int], start: int, end: int) -> int:
    """The longest time without an advert of one router. Units: nanoseconds."""
    return max(gaps(moments, start, end))


def gaps(moments: Sequence[int], start: int, end: int) -> list[int]:
    """The times between adverts; from the span's start to the first, and from the last to its end.

    Why: a daemon that falls silent for ever has only this last gap.
    """
    return [
        later - earlier for earlier, later in pairwise((start, *within(moments, start, end), end))
    ]


def _lacking(gap: int, interval: Duration) -> int:
    return max(0, int(gap / interval + TOLERANCE) - 1)
