"""What a series of echoes says about outages and owners, in literal times."""

from __future__ import annotations

import pytest

from vipd.lab.record import Outage, Record, Reply, Span

MS = 1_000_000


def record(text: str) -> Record:
    """One request a millisecond: a letter is a prompt answer of that host, a dot is none.

    A capital letter is an answer that came when the series had ended.
    """
    end = len(text) * MS + 50 * MS
    return Record(tuple(_reply(n * MS, sign, end) for n, sign in enumerate(text)))


def _reply(sent: int, sign: str, end: int) -> Reply:
    if sign == ".":
        return Reply(sent_ns=sent, answered_ns=None, owner=None)
    answered = sent + MS // 10 if sign.islower() else end
    return Reply(sent_ns=sent, answered_ns=answered, owner=sign.lower())


def test_no_outage_while_every_request_is_answered() -> None:
    seen = record("aaaa")
    assert seen.outages() == ()
    assert seen.longest_outage_ms() == 0
    assert (seen.lost, seen.owner, seen.first_owner) == (0, "a", "a")


def test_an_outage_lasts_from_the_last_answer_to_the_next() -> None:
    seen = record("aa...bb")
    wanted = Outage(
        start_ns=1 * MS + MS // 10, end_ns=5 * MS + MS // 10, before="a", after="b", lost=3
    )
    assert seen.outages() == (wanted,)
    assert wanted.length_ms == 4
    assert seen.longest_outage_ms() == 4
    assert (seen.lost, seen.owner) == (3, "b")


def test_the_longest_of_several_outages_counts_and_so_do_all_together() -> None:
    assert record("a.a...a..a").longest_outage_ms() == 4
    assert record("a.a...a..a").total_outage_ms() == 2 + 4 + 3
    assert record("aaaa").total_outage_ms() == 0


def test_an_outage_that_lasts_has_no_length() -> None:
    seen = record("aa..a..")
    assert [outage.length_ms for outage in seen.outages()] == [3, None]
    assert seen.longest_outage_ms() is None
    assert seen.total_outage_ms() is None
    assert seen.owner is None


def test_before_the_first_answer_the_first_request_begins_the_outage() -> None:
    (outage,) = record("..a").outages()
    assert (outage.start_ns, outage.before, outage.after) == (0, None, "a")
    assert outage.length_ms == 2.1


def test_requests_that_the_network_kept_were_sent_during_the_outage() -> None:
    (outage,) = record("aa..BB").outages()
    assert (outage.before, outage.after, outage.lost) == ("a", "b", 2)
    assert outage.end_ns == 6 * MS + 50 * MS


def test_spans_say_who_answered_one_after_the_other() -> None:
    assert record("aa..bb").spans() == (
        Span(owner="a", first_ns=MS // 10, last_ns=MS + MS // 10, count=2),
        Span(owner="b", first_ns=4 * MS + MS // 10, last_ns=5 * MS + MS // 10, count=2),
    )


@pytest.mark.parametrize(
    ("text", "alternated"),
    [("aabb", False), ("aa.bb", False), ("aaba", True), ("ab.ab", True), ("....", False)],
)
def test_two_owners_at_once_answer_in_turns(text: str, alternated: bool) -> None:
    assert record(text).alternated is alternated


@pytest.mark.parametrize(
    ("text", "start", "first", "lost"),
    [
        ("aabbb", 3, 2, 0),
        ("aa..b", 2, 1, 2),
        ("aa..b", 4, 1, 2),
        ("...ab", 1, 1, 2),
        ("aaaaa", 9, 4, 0),
        ("aaaaa", 0, 0, 0),
    ],
    ids=["answer before", "outage begins", "outage before", "never before", "too late", "all"],
)
def test_a_part_begins_with_the_last_answer_before_it(
    text: str, start: int, first: int, lost: int
) -> None:
    part = record(text).since(start * MS)
    assert part.replies[0].sent_ns == first * MS
    assert part.lost == lost


def test_nothing_was_seen() -> None:
    nothing = Record(())
    assert nothing.since(5).replies == ()
    assert (nothing.owner, nothing.first_owner, nothing.outages()) == (None, None, ())
