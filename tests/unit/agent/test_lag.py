"""How late the loop was, counted."""

from __future__ import annotations

import pytest

from vipd.agent.lag import BOUNDS, LoopLag
from vipd.core.units import MILLISECOND, SECOND


@pytest.mark.parametrize(
    ("late", "bucket"),
    [
        (-5, 0),
        (0, 0),
        (100_000, 0),
        (100_001, 1),
        (MILLISECOND, 3),
        (MILLISECOND + 1, 4),
        (5 * SECOND, 12),
        (5 * SECOND + 1, 13),
        (3600 * SECOND, 13),
    ],
)
def test_each_lateness_is_counted_in_the_first_bucket_that_it_fits(late: int, bucket: int) -> None:
    lag = LoopLag()
    lag.note(late)
    assert lag.counts.index(1) == bucket
    assert sum(lag.counts) == 1


def test_the_sum_and_the_worst_are_kept() -> None:
    lag = LoopLag()
    for late in (3 * MILLISECOND, -MILLISECOND, 7 * MILLISECOND):
        lag.note(late)
    lag.stall()
    assert (lag.total, lag.worst, lag.stalls) == (10 * MILLISECOND, 7 * MILLISECOND, 1)


def test_the_bounds_grow_and_each_has_a_bucket() -> None:
    assert list(BOUNDS) == sorted(set(BOUNDS))
    assert len(LoopLag().counts) == len(BOUNDS) + 1
