"""Adverts that were missed or late, in literal milliseconds."""

from __future__ import annotations

import pytest
from bench.rhythm import missed_or_late, widest_gap, within

MS = 1_000_000
START, END, INTERVAL = 0, 100 * MS, 20 * MS


def at(*moments: int) -> list[int]:
    return [moment * MS for moment in moments]


@pytest.mark.parametrize(
    ("moments", "lacking", "widest"),
    [
        (at(10, 30, 50, 70, 90), 0, 20),
        (at(10, 30, 69, 90), 0, 39),
        (at(10, 30, 70, 90), 1, 40),
        (at(30, 50, 70, 90), 0, 30),
        (at(41, 50, 70, 90), 1, 41),
        (at(10, 30), 2, 70),
        ([], 4, 100),
        (at(-5, 10, 30, 50, 70, 90, 105), 0, 20),
    ],
)
def test_every_interval_beyond_the_first_lacks_an_advert(
    moments: list[int], lacking: int, widest: int
) -> None:
    assert missed_or_late(moments, START, END, INTERVAL) == lacking
    assert widest_gap(moments, START, END) == widest * MS


def test_two_intervals_lack_one_also_where_the_next_is_a_little_early() -> None:
    moments = [10 * MS, 30 * MS, 70 * MS - 10_000, 90 * MS]
    assert missed_or_late(moments, START, END, INTERVAL) == 1


def test_a_span_ends_before_its_end() -> None:
    assert within(at(0, 50, 100), START, END) == at(0, 50)
