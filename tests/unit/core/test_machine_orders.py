"""What an operator orders: another host is to serve, none here is to, or with another priority."""

from __future__ import annotations

from dataclasses import replace

import pytest
from solo_machine import FULL, Solo

from vipd.core.actions import (
    Action,
    AnnounceAddresses,
    ReleaseAddresses,
    RenewAddresses,
    ReportIncident,
    ReportTransition,
    SendAdvert,
)
from vipd.core.cause import CauseCode
from vipd.core.config import InstanceConfig
from vipd.core.events import (
    AnnouncementOrdered,
    FailoverOrdered,
    OrdersGiven,
    Started,
    Stopped,
    TrackReported,
)
from vipd.core.incident import IncidentCode
from vipd.core.model import State
from vipd.core.orders import NONE, Orders
from vipd.core.units import MILLISECOND, SECOND

MOVE = FailoverOrdered("ordered by an operator")
REST = OrdersGiven(Orders(maintenance="maintenance: a new kernel"))
BACK = OrdersGiven(NONE)
BOUND = 1_096_093_750
"""The skew of priority 1 at an interval of 1 s, and 100 ms."""


def transitions(actions: tuple[Action, ...]) -> list[tuple[State, State, CauseCode]]:
    return [(a.old, a.new, a.cause.code) for a in actions if isinstance(a, ReportTransition)]


def moved(config: InstanceConfig = FULL) -> Solo:
    """One that was MASTER, and has let a weaker peer serve because it was told to."""
    solo = Solo.master(config, after=10 * SECOND)
    solo.step(MOVE)
    solo.pass_time(700 * MILLISECOND)
    solo.hear(50)
    solo.pass_time(20 * MILLISECOND)
    assert solo.is_now(State.BACKUP)
    return solo


# -- failover -----------------------------------------------------------------------------------


def test_it_resigns_serves_on_and_lets_go_when_it_is_followed() -> None:
    solo = Solo.master(after=10 * SECOND)
    (resigns,) = solo.step(MOVE)
    assert isinstance(resigns, SendAdvert)
    assert resigns.priority == 0
    assert solo.machine.held == FULL.addresses
    assert solo.pass_time(700 * MILLISECOND) == ()
    assert solo.hear(50) == ()
    actions = solo.pass_time(20 * MILLISECOND)
    assert actions[0] == ReleaseAddresses(FULL.addresses)
    assert transitions(actions) == [(State.MASTER, State.BACKUP, CauseCode.FAILOVER)]


def test_it_serves_on_when_nobody_comes() -> None:
    solo = Solo.master(after=10 * SECOND)
    solo.step(MOVE)
    assert solo.pass_time(BOUND - 1) == ()
    incident, advert, renewal, announcement = solo.pass_time(1)
    assert isinstance(incident, ReportIncident)
    assert incident.code is IncidentCode.NO_SUCCESSOR
    assert incident.text == "nobody took over within 1.096 s: serves on"
    assert isinstance(advert, SendAdvert)
    assert advert.priority == 100
    assert isinstance(renewal, RenewAddresses)
    assert announcement == AnnounceAddresses(FULL.addresses)
    assert solo.is_now(State.MASTER)
    (beat, *_) = solo.pass_time(SECOND)
    assert isinstance(beat, (SendAdvert, AnnounceAddresses))


def test_it_does_not_take_the_addresses_back_from_a_weaker_master() -> None:
    solo = moved()
    for _ in range(20):
        solo.pass_time(SECOND)
        assert solo.hear(50) == ()
    assert solo.is_now(State.BACKUP)
    assert solo.machine.status(solo.now).stands_aside


def test_it_takes_over_when_that_master_falls_silent() -> None:
    solo = moved()
    solo.pass_time(SECOND)
    solo.hear(50)
    before = len(solo.done)
    solo.pass_time(4 * SECOND)
    assert solo.is_now(State.MASTER)
    assert not solo.machine.status(solo.now).stands_aside
    reported = transitions(tuple(action for _, action in solo.done[before:]))
    assert reported == [(State.BACKUP, State.MASTER, CauseCode.MASTER_SILENT)]


def test_it_takes_over_when_that_master_resigns_so_the_other_host_can_move_it_back() -> None:
    solo = moved()
    solo.pass_time(SECOND)
    solo.hear(0)
    solo.pass_time(610 * MILLISECOND)
    assert solo.is_now(State.MASTER)


def test_an_owner_that_was_moved_away_from_stands_aside_as_well() -> None:
    owner = replace(FULL, priority=255)
    solo = moved(owner)
    solo.step(TrackReported(name="none", up=True, text=""))
    solo.pass_time(SECOND)
    assert solo.hear(50) == ()
    assert solo.is_now(State.BACKUP)


@pytest.mark.parametrize("event", [MOVE, Stopped(), REST])
def test_an_order_to_one_that_moves_already(event: object) -> None:
    """A second failover changes nothing; whatever else is ordered is where it goes instead."""
    solo = Solo.master(after=10 * SECOND)
    solo.step(MOVE)
    assert solo.step(event) == ()  # type: ignore[arg-type]
    actions = solo.pass_time(BOUND)
    went = {MOVE: State.MASTER, REST: State.FAULT}.get(event, State.INIT)
    assert solo.is_now(went)
    assert bool(transitions(actions)) is (event is not MOVE)


def test_nobody_else_has_to_fail_over() -> None:
    solo = Solo(FULL)
    solo.start()
    assert solo.step(MOVE) == ()


# -- maintenance --------------------------------------------------------------------------------


def test_a_master_in_maintenance_hands_over_and_stays_away() -> None:
    solo = Solo.master(after=10 * SECOND)
    (resigns,) = solo.step(REST)
    assert isinstance(resigns, SendAdvert)
    solo.pass_time(700 * MILLISECOND)
    solo.hear(50)
    actions = solo.pass_time(20 * MILLISECOND)
    assert transitions(actions) == [(State.MASTER, State.FAULT, CauseCode.MAINTENANCE)]
    assert solo.pass_time(60 * SECOND) == ()
    assert transitions(solo.step(BACK)) == [(State.FAULT, State.BACKUP, CauseCode.RECOVERED)]


def test_it_goes_even_where_nobody_follows() -> None:
    solo = Solo.master(after=10 * SECOND)
    solo.step(REST)
    actions = solo.pass_time(BOUND)
    assert solo.is_now(State.FAULT)
    assert [a.text for a in actions if isinstance(a, ReportIncident)] == [
        "nobody took over within 1.096 s: the addresses are on no host now"
    ]


def test_an_agent_that_starts_in_maintenance_serves_nothing() -> None:
    solo = Solo(FULL)
    solo.step(REST)
    actions = solo.start()
    assert transitions(actions) == [(State.INIT, State.FAULT, CauseCode.MAINTENANCE)]


def test_one_that_came_back_from_a_crash_does_not_carry_on_in_maintenance() -> None:
    solo = Solo(FULL)
    solo.step(REST)
    solo.start()
    assert solo.step(Started(spoke=0)) == ()
    assert solo.is_now(State.FAULT)


def test_maintenance_that_ends_while_it_hands_over_makes_it_a_backup() -> None:
    solo = Solo.master(after=10 * SECOND)
    solo.step(REST)
    solo.step(BACK)
    solo.pass_time(100 * MILLISECOND)
    solo.hear(50)
    solo.pass_time(20 * MILLISECOND)
    assert solo.is_now(State.BACKUP)


# -- priority -----------------------------------------------------------------------------------


def test_an_ordered_priority_stands_for_the_configured_one() -> None:
    solo = Solo.master(after=10 * SECOND)
    solo.step(OrdersGiven(Orders(priority=7)))
    sent = [a for a in solo.pass_time(SECOND) if isinstance(a, SendAdvert)]
    assert [a.priority for a in sent] == [7]
    solo.step(BACK)
    sent = [a for a in solo.pass_time(SECOND) if isinstance(a, SendAdvert)]
    assert [a.priority for a in sent] == [100]


def test_a_backup_waits_for_as_long_as_its_ordered_priority_says() -> None:
    solo = Solo(FULL)
    solo.start()
    before = solo.machine.master_down_interval
    solo.step(OrdersGiven(Orders(priority=254)))
    assert before == 3_609_375_000
    assert solo.machine.master_down_interval == 3_007_812_500


def test_an_owner_keeps_its_priority() -> None:
    solo = Solo(replace(FULL, priority=255))
    solo.start()
    solo.step(OrdersGiven(Orders(priority=7)))
    assert solo.machine.priority == 255


# -- announcements ------------------------------------------------------------------------------


def test_only_a_master_announces() -> None:
    solo = Solo.master(after=10 * SECOND)
    assert solo.step(AnnouncementOrdered()) == (AnnounceAddresses(FULL.addresses),)
    listening = Solo(FULL)
    listening.start()
    assert listening.step(AnnouncementOrdered()) == ()
