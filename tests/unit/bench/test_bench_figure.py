"""Readings of two daemons put side by side: for a person, and for a script."""

from __future__ import annotations

import json
from math import inf

import pytest
from bench.figure import KEEPALIVED, VIPD, Figure, Reading, figures
from bench.table import number, table


def figure(vipd: list[float], keepalived: list[float]) -> Figure:
    values = {VIPD: vipd, KEEPALIVED: keepalived}
    return Figure(topic="takeover", what="first advert", unit="ms", values=values)


def reading(topic: str, what: str, *values: float) -> Reading:
    return Reading(topic=topic, what=what, unit="ms", values=values)


@pytest.mark.parametrize(
    ("vipd", "keepalived", "ratio"),
    [
        ([1, 2, 9], [4, 4], 0.5),
        ([0], [5], 0.0),
        ([0], [0], None),
        ([1], [-2], None),
        ([inf], [2], None),
        ([1, inf, 1], [2, inf, 2], 0.5),
        ([1], [], None),
    ],
)
def test_the_ratio_is_that_of_the_medians_where_it_means_something(
    vipd: list[float], keepalived: list[float], ratio: float | None
) -> None:
    assert figure(vipd, keepalived).ratio == ratio


def test_readings_of_the_same_name_come_together_below_their_topic() -> None:
    found = figures(
        [
            (KEEPALIVED, reading("start", "listens", 1)),
            (KEEPALIVED, reading("takeover", "first advert", 3)),
            (VIPD, reading("start", "listens", 5)),
            (VIPD, reading("start", "answers", 6)),
            (KEEPALIVED, reading("start", "listens", 2)),
        ]
    )
    assert [(one.topic, one.what, one.values) for one in found] == [
        ("start", "listens", {KEEPALIVED: [1, 2], VIPD: [5]}),
        ("start", "answers", {VIPD: [6]}),
        ("takeover", "first advert", {KEEPALIVED: [3]}),
    ]


def test_a_script_reads_null_for_what_never_came() -> None:
    told = json.loads(json.dumps(figure([1, 2, inf], [4]).as_json(), allow_nan=False))
    assert told == {
        "topic": "takeover",
        "what": "first advert",
        "unit": "ms",
        "ratio": 0.5,
        "vipd": {"median": 2, "worst": None, "values": [1, 2, None]},
        "keepalived": {"median": 4, "worst": 4, "values": [4]},
    }


def test_a_person_reads_a_table() -> None:
    assert list(table([figure([1.5, inf, 1.25], [0.5])]))[:3] == [
        "                           vipd  keepalived  ratio",
        "takeover",
        "  first advert  ms  1.5 / never         0.5   3.00",
    ]


def test_a_figure_of_one_daemon_has_no_ratio() -> None:
    alone = Figure(topic="start", what="answers", unit="ms", values={VIPD: [1.0]})
    assert list(table([alone]))[2] == "  answers  ms     1           -"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (0.2341, "0.234"), (12.34, "12.3"), (1234.5, "1234"), (inf, "never"), (7, "7")],
)
def test_numbers_have_the_digits_that_mean_something(value: float, text: str) -> None:
    assert number(value) == text
