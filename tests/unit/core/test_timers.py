"""Deadlines as data: armed, moved, forgotten, and taken in the right order."""

from __future__ import annotations

from vipd.core.timers import Deadlines, Timer


def test_nothing_is_due_of_what_was_never_armed() -> None:
    deadlines = Deadlines()
    assert deadlines.next() is None
    assert deadlines.at(Timer.ADVERT) is None
    assert deadlines.take_due(10**18) is None


def test_the_earliest_deadline_is_the_next_and_arming_anew_moves_it() -> None:
    deadlines = Deadlines()
    deadlines.arm(Timer.ADVERT, 20)
    deadlines.arm(Timer.ANNOUNCE, 10)
    assert deadlines.next() == 10
    deadlines.arm(Timer.ANNOUNCE, 30)
    assert deadlines.next() == 20


def test_what_is_due_is_taken_once_and_in_the_order_of_the_deadlines() -> None:
    deadlines = Deadlines()
    deadlines.arm(Timer.ADVERT, 20)
    deadlines.arm(Timer.ANNOUNCE, 10)
    assert deadlines.take_due(9) is None
    assert deadlines.take_due(20) == (Timer.ANNOUNCE, 10)
    assert deadlines.take_due(20) == (Timer.ADVERT, 20)
    assert deadlines.take_due(20) is None


def test_of_equal_deadlines_the_smaller_timer_goes_first() -> None:
    deadlines = Deadlines()
    deadlines.arm(Timer.ANNOUNCE, 10)
    deadlines.arm(Timer.ADVERT, 10)
    assert deadlines.take_due(10) == (Timer.ADVERT, 10)


def test_a_disarmed_timer_is_forgotten_armed_or_not() -> None:
    deadlines = Deadlines()
    deadlines.arm(Timer.ADVERT, 20)
    deadlines.arm(Timer.ANNOUNCE, 10)
    deadlines.disarm(Timer.ANNOUNCE)
    deadlines.disarm(Timer.CLAIM_RETRY)
    assert deadlines.next() == 20
    deadlines.disarm_all()
    assert deadlines.next() is None
