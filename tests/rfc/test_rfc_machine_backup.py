"""RFC 9568 §6.4.2: an instance that stands by. One test per line of the checklist."""

from __future__ import annotations

from dataclasses import replace

import pytest
from solo_machine import CONFIG, VIP4, VIP6, Solo

from vipd.core.actions import AnnounceAddresses, ClaimAddresses, ReportTransition, SendAdvert
from vipd.core.events import Stopped
from vipd.core.model import State

BOTH = (VIP4, VIP6)
MS = 1_000_000
SECOND = 1_000_000_000
TAKEOVER = 3_609_375_000


def backup(*, preempt: bool = True) -> Solo:
    solo = Solo(replace(CONFIG, preempt=preempt))
    solo.start()
    solo.pass_time(SECOND)
    return solo


def test_a_backup_asks_for_no_address_so_that_it_answers_for_none() -> None:
    """59, 60, 63, §6.4.2 (310), (320), (340): no ARP reply, no NA, no packet accepted."""
    solo = backup()
    for _ in range(10):
        solo.hear(150)
        solo.pass_time(SECOND)
    assert solo.when(ClaimAddresses) == []
    assert not solo.machine.status(solo.now).held


def test_nothing_is_announced_upon_becoming_backup() -> None:
    """105, §6.4: announcements come only from a MASTER, after its advert."""
    solo = backup()
    solo.pass_time(TAKEOVER)
    announced = len(solo.when(AnnounceAddresses))
    solo.hear(150)
    assert solo.is_now(State.BACKUP)
    solo.pass_time(SECOND)
    assert len(solo.when(AnnounceAddresses)) == announced


def test_a_backup_stops_in_silence() -> None:
    """64, §6.4.2 (345): cancel Active_Down_Timer, Initialize; no priority 0."""
    solo = backup()
    (report,) = solo.step(Stopped())
    assert isinstance(report, ReportTransition)
    assert (report.old, report.new) == (State.BACKUP, State.INIT)
    solo.pass_time(100 * SECOND)
    assert solo.is_now(State.INIT)


def test_silence_makes_a_backup_master_with_one_advert() -> None:
    """65, §6.4.2 (365)-(410): advert, then announcement, Adver_Timer := own interval, Active."""
    solo = backup()
    solo.pass_time(TAKEOVER - SECOND)
    _, report, claim, advert, announcement = [action for _, action in solo.done]
    assert isinstance(report, ReportTransition)
    assert (report.old, report.new) == (State.BACKUP, State.MASTER)
    assert claim == ClaimAddresses(BOTH)
    assert isinstance(advert, SendAdvert)
    assert advert.priority == 100
    assert announcement == AnnounceAddresses(BOTH)
    solo.pass_time(SECOND)
    assert solo.when(SendAdvert) == [TAKEOVER, TAKEOVER + SECOND]


def test_a_release_sets_the_down_timer_to_the_skew_and_teaches_nothing() -> None:
    """66, §6.4.2 (430): Active_Down_Timer := Skew_Time."""
    solo = backup()
    solo.hear(0, interval=5 * SECOND)
    assert solo.machine.next_deadline() == SECOND + 609_375_000
    assert solo.machine.master_down_interval == TAKEOVER


@pytest.mark.parametrize(
    ("priority", "preempt"), [(100, True), (101, True), (255, True), (99, False), (1, False)]
)
def test_an_accepted_advert_teaches_its_interval_and_restarts_the_timer(
    priority: int, *, preempt: bool
) -> None:
    """67, 87, §6.4.2 (445)-(460): learn, recompute Skew_Time and down interval, reset."""
    solo = backup(preempt=preempt)
    assert solo.hear(priority, interval=200 * MS) == ()
    assert solo.machine.master_down_interval == 721_875_000
    assert solo.machine.next_deadline() == SECOND + 721_875_000


@pytest.mark.parametrize("priority", [1, 99])
def test_a_weaker_advert_is_discarded(priority: int) -> None:
    """68, §6.4.2 (470): timer and learned interval stay as they are."""
    solo = backup()
    assert solo.hear(priority, interval=200 * MS) == ()
    assert solo.machine.next_deadline() == TAKEOVER
    assert solo.machine.master_down_interval == TAKEOVER


@pytest.mark.parametrize("source", ["192.0.2.1", "192.0.2.254", "fe80::1", "fe80::ffff"])
def test_a_backup_never_compares_addresses(source: str) -> None:
    """69, §6.4.2: an equal priority is accepted, whoever sends it."""
    solo = backup()
    solo.hear(100, source=source)
    assert solo.machine.next_deadline() == SECOND + TAKEOVER


def test_an_advert_of_either_family_keeps_a_backup_down() -> None:
    """84, §6.4: one decision for two virtual routers, so only silence in both makes a MASTER."""
    solo = backup()
    for beat in range(20):
        solo.hear(150, source=("192.0.2.51", "fe80::51")[beat // 5 % 2])
        solo.pass_time(SECOND)
    assert solo.is_now(State.BACKUP)
