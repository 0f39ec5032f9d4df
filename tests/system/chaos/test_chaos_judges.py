"""The judges of the chaos suite, in literal times: what they count, and that they can say no."""

from __future__ import annotations

from dataclasses import replace
from math import inf

import pytest
from chaos.bound import bound, misses
from chaos.scenario import CUT, DELETED, FROZEN, KILLED, RESTARTED, STOPPED
from chaos.seen import Row, Seen
from chaos.timeline import Moment, Timeline

MS = 1_000_000
CALM = Seen(
    outage=0,
    outages=0,
    lost=0,
    two=0,
    none=0,
    for_ever=False,
    misled=0,
    transitions={"a": 0, "b": 0},
)


def timeline(text: str) -> Timeline:
    """One sign a millisecond: a or b has the address, 2 is both, a dot nobody.

    The client sends to a until b alone has had it once, and then to b.
    """
    holders = {"a": {"a"}, "b": {"b"}, "2": {"a", "b"}, ".": set[str]()}
    moments = [
        Moment(
            at_ns=at * MS,
            holders=frozenset(holders[sign]),
            target="b" if "b" in text[:at] else "a",
        )
        for at, sign in enumerate(text)
    ]
    return Timeline(moments, len(text) * MS)


def row(scenario: str, *seen: Seen, interval_ms: int = 1000, daemon: str = "vipd") -> Row:
    return Row(scenario=scenario, interval_ms=interval_ms, daemon=daemon, seen=seen)


def missed(one: Row, rival: Row | None = None) -> list[str]:
    return misses(one, bound(one.scenario, one.interval_ms, rival))


class TestTimelines:
    @pytest.mark.parametrize(
        ("text", "total", "longest", "lasts"),
        [("aabb", 0, 0, False), ("a22b2", 3, 2, True), ("2..2b", 2, 1, False), ("", 0, 0, False)],
    )
    def test_two_owners_are_summed(
        self, text: str, total: float, longest: float, lasts: bool
    ) -> None:
        seen = timeline(text)
        assert seen.total_ms(lambda now: now.double) == total
        assert seen.longest_ms(lambda now: now.double) == longest
        assert seen.lasts(lambda now: now.double) is lasts

    def test_a_client_is_misled_until_it_learns_where_the_address_is(self) -> None:
        assert timeline("aabbb").total_ms(lambda now: now.misled) == 1
        assert timeline("a...b").total_ms(lambda now: now.misled) == 1
        assert timeline("a2222").total_ms(lambda now: now.misled) == 0

    def test_a_part_begins_with_what_was_so(self) -> None:
        part = timeline("222aa").between(1_500_000, 4 * MS)
        assert part.total_ms(lambda now: now.double) == 1.5
        assert part.total_ms(lambda now: bool(now.holders)) == 2.5

    def test_before_anything_was_heard_nobody_has_it(self) -> None:
        assert (
            Timeline((), 5 * MS).between(2 * MS, 4 * MS).total_ms(lambda now: not now.holders) == 2
        )


class TestBounds:
    @pytest.mark.parametrize(
        "one",
        [
            row(KILLED, CALM),
            row(KILLED, replace(CALM, two=1100), interval_ms=100),
            row(STOPPED, replace(CALM, outage=3.5)),
            row(RESTARTED, replace(CALM, transitions={"a": 1, "b": 0})),
            row(RESTARTED, replace(CALM, outage=900), interval_ms=100),
            row(DELETED, replace(CALM, outage=100)),
        ],
    )
    def test_what_is_reached_is_not_missed(self, one: Row) -> None:
        assert missed(one) == []

    @pytest.mark.parametrize(
        ("one", "said"),
        [
            (row(KILLED, CALM, replace(CALM, two=1)), "two 1 > 0"),
            (row(KILLED, replace(CALM, two=9, for_ever=True), interval_ms=100), "two inf > 1100"),
            (row(STOPPED, replace(CALM, outage=inf)), "outage inf > 3.5"),
            (row(RESTARTED, replace(CALM, transitions={"a": 1, "b": 1})), "changes 2 > 1"),
            (row(DELETED, replace(CALM, transitions={"a": 1, "b": 0})), "changes 1 > 0"),
            (row(FROZEN, replace(CALM, unmet=("b serves",))), "not in time: b serves"),
            (
                row(FROZEN, replace(CALM, also={"misled once healed": 1001})),
                "misled once healed 1001",
            ),
            (replace(row(KILLED), broken="it has ended"), "it has ended"),
        ],
    )
    def test_what_is_missed_is_said(self, one: Row, said: str) -> None:
        assert any(said in each for each in missed(one))

    def test_a_row_that_was_never_played_is_missed(self) -> None:
        assert missed(row(KILLED)) == ["nothing was seen"]

    def test_where_the_rival_sets_the_bound(self) -> None:
        rival = row(CUT, replace(CALM, outage=3300), daemon="keepalived")
        assert missed(row(CUT, replace(CALM, outage=3700)), rival) == ["outage 3700 > 3639.38"]
        slow = row(CUT, replace(CALM, outage=3800), daemon="keepalived")
        assert missed(row(CUT, replace(CALM, outage=3700)), slow) == []

    def test_no_load_excuses_two_owners_where_there_must_be_none(self) -> None:
        allowed = bound(KILLED, 1000).loosened(100)
        assert misses(row(KILLED, replace(CALM, two=1)), allowed) == ["two 1 > 0"]

    def test_a_busy_machine_gets_more_time_but_no_more_changes(self) -> None:
        allowed = bound(DELETED, 1000).loosened(50)
        assert misses(row(DELETED, replace(CALM, outage=150)), allowed) == []
        changed = replace(CALM, transitions={"a": 1, "b": 0})
        assert misses(row(DELETED, changed), allowed) == ["changes 1 > 0"]
