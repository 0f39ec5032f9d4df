"""What follows a silence: how long after the protocol's limit a BACKUP has done something. Pure.

A silence is a gap between two adverts of the MASTER that is longer than the BACKUP may wait; also
the time after its last one. Who was heard in the first interval and a half of a silence has not
taken over: he has not yet heard that he was to yield.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf
from typing import TypeAlias

from vipd.core.units import MILLISECOND, Duration

Silence: TypeAlias = tuple[int, float]
"""The last advert before it and the first after it, or infinity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What the protocol allows a BACKUP to wait, at an interval. Units: nanoseconds."""

    interval: Duration
    down: Duration


def silences(spoken: Sequence[int], limit: Limit) -> Iterator[Silence]:
    """The silences of a MASTER, by the moments of its adverts; the one after the last included."""
    for last, following in pairwise((*spoken, inf)):
        if following - last > limit.down:
            yield int(last), following


def excesses(spoken: Sequence[int], done: Sequence[int], limit: Limit) -> list[float]:
    """For each silence, how much later than the limit the first deed came; infinite for never.

    Units: milliseconds. A value below zero is a takeover before its time.
    """
    return [_excess(silence, done, limit) for silence in silences(spoken, limit)]


def _excess(silence: Silence, done: Sequence[int], limit: Limit) -> float:
    last, following = silence
    place = bisect_right(done, last + limit.interval * 3 // 2)
    if place == len(done) or done[place] >= following:
        return inf
    return (done[place] - last - limit.down) / MILLISECOND


def last_ones(excesses_by_router: Sequence[Sequence[float]]) -> list[float]:
    """For each silence, the excess of the router that came last."""
    return [max(take) for take in zip(*excesses_by_router, strict=False)]
