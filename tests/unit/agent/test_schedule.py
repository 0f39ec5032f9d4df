"""The schedule: who is due next, without asking everybody."""

from __future__ import annotations

from ipaddress import ip_address

from fake_world import good_link, instance

from vipd.agent.instance import Instance
from vipd.agent.schedule import Schedule
from vipd.core import events
from vipd.core.model import Advert, ChecksumForm, IPAddress, State
from vipd.core.units import MILLISECOND, SECOND

PEER: IPAddress = ip_address("192.0.2.12")
DOWN = 3 * SECOND + SECOND * 156 // 256
"""After so long a BACKUP of priority 100 takes over. RFC: 9568 §6.1."""


def backup(name: str = "web", at: int = 0) -> Instance:
    """An instance that has begun to wait for its MASTER."""
    one = Instance(instance(name))
    one.machine.step(events.LinkChanged(good_link()), at)
    one.machine.step(events.Started(), at)
    assert one.machine.state is State.BACKUP
    return one


def hear(one: Instance, at: int, priority: int = 200) -> None:
    """Let it hear its MASTER, which nobody tells the schedule."""
    advert = Advert(
        version=3,
        vrid=51,
        priority=priority,
        interval_cs=100,
        addresses=(ip_address("192.0.2.100"),),
        checksum=ChecksumForm.PSEUDO_HEADER,
    )
    one.machine.step(events.AdvertReceived(advert=advert, source=PEER), at)


def test_nobody_is_due_in_an_empty_one() -> None:
    schedule = Schedule()
    assert schedule.next() is None
    assert schedule.take_due(10**18) == []


def test_who_waits_for_nothing_has_no_entry() -> None:
    schedule = Schedule()
    schedule.note(Instance(instance()))
    assert schedule.next() is None


def test_the_earliest_is_next_and_is_taken_when_it_is_due() -> None:
    schedule, late, early = Schedule(), backup("late", SECOND), backup("early")
    for one in (late, early):
        schedule.note(one)
    assert schedule.next() == DOWN
    assert schedule.take_due(DOWN - 1) == []
    assert schedule.take_due(DOWN) == [early]
    assert schedule.next() == SECOND + DOWN


def test_all_that_are_due_at_once_are_taken_together() -> None:
    schedule, several = Schedule(), [backup(str(number)) for number in range(5)]
    for one in several:
        schedule.note(one)
    assert schedule.take_due(DOWN) == several
    assert schedule.next() is None


def test_a_deadline_that_has_moved_away_needs_no_word() -> None:
    schedule, one = Schedule(), backup()
    schedule.note(one)
    hear(one, 500 * MILLISECOND)
    schedule.note(one)
    assert schedule.next() == DOWN
    assert schedule.take_due(DOWN) == []
    assert schedule.next() == 500 * MILLISECOND + DOWN
    assert schedule.take_due(500 * MILLISECOND + DOWN) == [one]


def test_a_burst_that_is_read_in_pieces_is_one_look() -> None:
    schedule, several = Schedule(), [backup(str(number), number) for number in range(5)]
    for one in several:
        schedule.note(one)
        hear(one, SECOND)
    assert schedule.take_due(DOWN) == []
    assert schedule.next() == SECOND + DOWN


def test_who_is_due_soon_is_not_taken_yet() -> None:
    schedule, first, other = Schedule(), backup("first"), backup("other", MILLISECOND)
    for one in (first, other):
        schedule.note(one)
    assert schedule.take_due(DOWN) == [first]
    assert schedule.next() == DOWN + MILLISECOND
    assert schedule.take_due(DOWN + MILLISECOND) == [other]


def test_a_deadline_that_has_come_closer_counts_from_the_next_note() -> None:
    schedule, one = Schedule(), backup()
    hear(one, SECOND)
    schedule.note(one)
    hear(one, SECOND, priority=0)
    schedule.note(one)
    skew = SECOND * 156 // 256
    assert schedule.next() == SECOND + skew
    assert schedule.take_due(SECOND + skew) == [one]
    assert schedule.take_due(10**18) == [], "what it was due at before counts no more"


def test_who_ends_is_taken_no_more() -> None:
    schedule, one = Schedule(), backup()
    schedule.note(one)
    one.machine.step(events.Stopped(at_once=True), SECOND)
    assert schedule.take_due(10**18) == []
    assert schedule.next() is None


def test_who_is_next_may_be_about_to_take_over() -> None:
    schedule, one = Schedule(), backup()
    assert schedule.next_takeover() is None
    schedule.note(one)
    assert schedule.next_takeover() == DOWN


def test_a_takeover_that_has_moved_away_is_none() -> None:
    schedule, one = Schedule(), backup()
    schedule.note(one)
    hear(one, 500 * MILLISECOND)
    assert schedule.next() == DOWN
    assert schedule.next_takeover() is None
