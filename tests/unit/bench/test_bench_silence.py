"""How long after its limit a takeover came, in literal milliseconds."""

from __future__ import annotations

from math import inf

import pytest
from bench.silence import Limit, excesses, last_ones, silences

MS = 1_000_000
LIMIT = Limit(interval=100 * MS, down=360 * MS)


def at(*moments: int) -> list[int]:
    return [moment * MS for moment in moments]


def test_what_the_protocol_bears_is_no_silence() -> None:
    assert list(silences(at(0, 100, 460), LIMIT)) == [(460 * MS, inf)]


def test_a_longer_gap_is_and_so_is_the_end() -> None:
    assert list(silences(at(0, 100, 461), LIMIT)) == [(100 * MS, 461 * MS), (461 * MS, inf)]


def test_who_never_spoke_is_not_silent() -> None:
    assert list(silences([], LIMIT)) == []


@pytest.mark.parametrize(
    ("done", "excess"),
    [
        (at(465, 470), 5.0),
        (at(40, 90, 465), 5.0),
        (at(455), -5.0),
        (at(250, 465), 5.0),
        (at(251, 465), -209.0),
        ([], inf),
        (at(90), inf),
    ],
)
def test_the_first_deed_counts_that_a_yielding_rival_has_not_done(
    done: list[int], excess: float
) -> None:
    assert excesses(at(0, 100), done, LIMIT) == [excess]


def test_a_deed_is_of_the_silence_that_it_is_in() -> None:
    spoken = at(0, 1000, 2000)
    assert excesses(spoken, at(361, 2362), LIMIT) == [1.0, inf, 2.0]


def test_the_router_that_comes_last_is_told_for_each_silence() -> None:
    assert last_ones([[1.0, 5.0], [3.0, inf], [2.0, 4.0]]) == [3.0, inf]
