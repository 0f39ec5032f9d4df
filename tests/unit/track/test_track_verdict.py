"""When a tracker is up: rise, fall, what is assumed before, and flaps."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vipd.core.config import TrackerConfig
from vipd.core.units import SECOND
from vipd.track.outcome import Outcome
from vipd.track.verdict import Verdict


def config(**changes: int) -> TrackerConfig:
    fields = {"name": "web", "kind": "http", "interval": SECOND, "timeout": SECOND}
    return TrackerConfig(**{**fields, **changes})  # type: ignore[arg-type]


def outcome(ok: bool, weight: int | None = None) -> Outcome:
    return Outcome(ok=ok, text="HTTP 200" if ok else "connection refused", weight=weight)


@dataclass(frozen=True)
class Row:
    """What comes (+ good, - bad), and what the tracker is after each."""

    rise: int
    fall: int
    initially_up: bool
    comes: str
    up: str


@pytest.mark.parametrize(
    "row",
    [
        Row(1, 1, False, "+-+-", "UDUD"),
        Row(1, 1, True, "+-+-", "UDUD"),
        Row(2, 3, False, "+++---+", "DUUUUDD"),
        Row(2, 3, False, "+-+-+-", "DDDDDD"),
        Row(2, 3, True, "--+--+---", "UUUUUUUUD"),
        Row(3, 1, True, "-++-+++", "DDDDDDU"),
        Row(1, 2, False, "--+", "DDU"),
    ],
)
def test_rows_of_outcomes(row: Row) -> None:
    verdict = Verdict(config(rise=row.rise, fall=row.fall, initially_up=row.initially_up))
    seen, was = "", row.initially_up
    for now, sign in enumerate(row.comes):
        changed = verdict.take(outcome(sign == "+"), now)
        assert changed is (verdict.up is not was)
        assert not changed or verdict.since == now
        was = verdict.up
        seen += "U" if verdict.up else "D"
    assert seen == row.up


def test_it_begins_as_it_is_told_to_and_knows_nothing() -> None:
    verdict = Verdict(config(initially_up=True), now=7)
    assert (verdict.up, verdict.since, verdict.last, verdict.held_until) == (True, 7, None, None)
    assert verdict.describe() == "no result yet"


def test_it_says_how_far_it_is() -> None:
    verdict = Verdict(config(rise=2, fall=3))
    said = []
    for now, sign in enumerate("-++---"):
        verdict.take(outcome(sign == "+"), now)
        said.append(verdict.describe())
    assert said == [
        "connection refused",
        "success 1 of 2: HTTP 200",
        "HTTP 200",
        "failure 1 of 3: connection refused",
        "failure 2 of 3: connection refused",
        "3 failures in a row: connection refused",
    ]


def test_a_tracker_that_flaps_is_held_down_and_says_so() -> None:
    verdict = Verdict(config(flaps=2, flap_window=10 * SECOND))
    changes = [verdict.take(outcome(second % 2 == 0), second * SECOND) for second in range(3)]
    assert changes == [True, True, False]
    assert not verdict.up
    assert verdict.held_until == 12 * SECOND
    assert verdict.describe() == "held down: changed more than 2 times in 10 s; now HTTP 200"
    assert not verdict.take(outcome(ok=True), 12 * SECOND - 1)
    assert verdict.review(12 * SECOND)
    assert (bool(verdict.up), verdict.since) == (True, 12 * SECOND)
    assert verdict.describe() == "HTTP 200"


def test_a_tracker_that_goes_on_flapping_stays_held() -> None:
    verdict = Verdict(config(flaps=2, flap_window=10 * SECOND))
    for second in range(30):
        verdict.take(outcome(second % 2 == 0), second * SECOND)
        assert second < 2 or not verdict.up
    assert verdict.held_until == 39 * SECOND


def test_slow_changes_are_no_flaps() -> None:
    verdict = Verdict(config(flaps=2, flap_window=10 * SECOND))
    for second in range(0, 100, 5):
        assert verdict.take(outcome(second % 2 == 0), second * SECOND)
    assert verdict.held_until is None


def test_another_weight_is_a_change_and_no_flap() -> None:
    verdict = Verdict(config(flaps=1))
    weights = [None, 5, 5, -20]
    assert [verdict.take(outcome(True, w), i) for i, w in enumerate(weights)] == [
        True,
        True,
        False,
        True,
    ]
    assert verdict.weight == -20
    assert verdict.held_until is None
    verdict.take(outcome(False), 9)
    assert verdict.weight is None


@given(
    rise=st.integers(1, 4),
    fall=st.integers(1, 4),
    initially_up=st.booleans(),
    flaps=st.integers(0, 4),
    window=st.integers(1, 20),
    looks=st.lists(st.tuples(st.booleans(), st.integers(0, 6)), max_size=60),
)
def test_against_its_definition(
    rise: int,
    fall: int,
    initially_up: bool,
    flaps: int,
    window: int,
    looks: list[tuple[bool, int]],
) -> None:
    """The definition, with the whole history at hand."""
    verdict = Verdict(
        config(rise=rise, fall=fall, initially_up=initially_up, flaps=flaps, flap_window=window)
    )
    history: list[bool] = []
    changes: list[int] = []
    judged, now = initially_up, 0
    for ok, wait in looks:
        now += wait
        history.append(ok)
        needed = rise if ok else fall
        if len(history) >= needed and set(history[-needed:]) == {ok} and judged is not ok:
            judged = ok
            changes.append(now)
        held = flaps > 0 and any(
            now < at + window and sum(at - window < c <= at for c in changes[: index + 1]) > flaps
            for index, at in enumerate(changes)
        )
        was = verdict.up
        assert verdict.take(outcome(ok), now) is (verdict.up is not was)
        assert verdict.up is (judged and not held)
        assert (verdict.held_until is not None) is held
        assert not verdict.review(now)
