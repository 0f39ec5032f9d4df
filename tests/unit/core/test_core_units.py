"""Nanoseconds inside, centiseconds on the wire, words for a person."""

from __future__ import annotations

import pytest

from vipd.core.units import format_duration, from_centiseconds, to_centiseconds


@pytest.mark.parametrize(
    ("nanoseconds", "centiseconds"),
    [(10_000_000, 1), (1_000_000_000, 100), (40_950_000_000, 4095), (19_999_999, 1)],
)
def test_durations_go_onto_the_wire_rounded_down(nanoseconds: int, centiseconds: int) -> None:
    assert to_centiseconds(nanoseconds) == centiseconds


def test_durations_come_from_the_wire_exactly() -> None:
    assert from_centiseconds(4095) == 40_950_000_000


@pytest.mark.parametrize(
    ("nanoseconds", "words"),
    [
        (20_000_000, "20 ms"),
        (36_093_750, "36.1 ms"),
        (1_000_000_000, "1 s"),
        (3_414_062_500, "3.414 s"),
    ],
)
def test_durations_in_words(nanoseconds: int, words: str) -> None:
    assert format_duration(nanoseconds) == words
