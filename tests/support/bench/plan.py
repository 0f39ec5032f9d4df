"""What is measured for how long: a run of less than eight minutes, or of less than two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

MANY: Final = 255
"""As many virtual routers as an interface can have. RFC: 9568 §5.2.3."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is measured, and for how long. Units: seconds; intervals are in milliseconds.

    `takes` counts takeovers by the number of instances and the interval, `load_s` are the spans
    that are watched under load, `rest_s` is waited before, `stops` counts planned stops,
    `questions` those for the status.
    """

    takes: Mapping[tuple[int, int], int]
    load_s: Mapping[int, float]
    rest_s: float
    stops: Mapping[int, int]
    questions: int
    profile_s: float


FULL = Plan(
    takes={
        (1, 1000): 2,
        (1, 100): 20,
        (1, 10): 20,
        (MANY, 1000): 2,
        (MANY, 100): 5,
        (MANY, 10): 4,
    },
    load_s={1000: 8, 100: 8, 20: 60},
    rest_s=6,
    stops={1000: 2, 100: 5},
    questions=50,
    profile_s=10,
)
"""Order: the rest is longer than the last announcements after a takeover take, which is 5 s."""

QUICK = Plan(
    takes={(1, 1000): 1, (1, 100): 3, (1, 10): 5, (MANY, 1000): 1, (MANY, 100): 1, (MANY, 10): 1},
    load_s={100: 2, 20: 2},
    rest_s=2.5,
    stops={100: 1},
    questions=10,
    profile_s=3,
)
"""Enough to see that everything can be measured. The spans lie between the announcements 2 s and
5 s after a takeover."""
