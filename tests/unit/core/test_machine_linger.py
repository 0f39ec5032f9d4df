"""A MASTER that is outranked: after its last words it serves on until the clients have learned.

The last words are one advert of its own priority, in the first family: who outranks it may not know
that he was not alone, and announces again when he hears it.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from solo_machine import CONFIG, FULL, LINK, VIP4, VIP6, Solo

from vipd.core.actions import Action, ReleaseAddresses, RenewAddresses, ReportTransition, SendAdvert
from vipd.core.cause import CauseCode
from vipd.core.events import (
    AddressesClaimed,
    ClaimFailed,
    LinkChanged,
    Stopped,
    WokeLate,
)
from vipd.core.model import ChecksumForm, State

MS = 1_000_000
SECOND = 1_000_000_000
TAKEOVER = 3_609_375_000
LAST_WORDS = SendAdvert(priority=100, checksum=ChecksumForm.PSEUDO_HEADER, first_only=True)
LINGERING = replace(CONFIG, linger=20 * MS)


def moves(actions: tuple[Action, ...]) -> list[tuple[State, State]]:
    return [(a.old, a.new) for a in actions if isinstance(a, ReportTransition)]


def test_it_says_its_last_words_lingers_then_releases_and_is_backup() -> None:
    solo = Solo.master(LINGERING, after=70 * MS)
    assert solo.hear(150) == (LAST_WORDS,)
    outranked = solo.now
    status = solo.machine.status(outranked)
    assert (status.state, status.held) == (State.MASTER, True)
    assert status.leaving is not None
    assert status.leaving.code is CauseCode.OUTRANKED
    assert status.master is not None
    assert str(status.master.address) == "192.0.2.51"
    before = len(solo.done)
    solo.pass_time(20 * MS - 1)
    assert solo.done[before:] == []
    solo.pass_time(1)
    (at, release), (_, report) = solo.done[before:]
    assert (at, release) == (outranked + 20 * MS, ReleaseAddresses((VIP4, VIP6)))
    assert moves((report,)) == [(State.MASTER, State.BACKUP)]
    status = solo.machine.status(solo.now)
    assert status.cause.code is CauseCode.OUTRANKED
    assert status.leaving is None
    assert solo.incidents() == []


def test_the_silence_of_the_new_master_counts_from_the_advert_that_outranked() -> None:
    solo = Solo.master(LINGERING, after=70 * MS)
    solo.hear(150, interval=200 * MS)
    outranked = solo.now
    solo.pass_time(20 * MS)
    assert solo.is_now(State.BACKUP)
    assert solo.machine.next_deadline() == outranked + 721_875_000


def test_it_counts_from_the_last_advert_that_was_heard_while_it_lingered() -> None:
    """Else it would take over from a MASTER that it has heard less than three intervals ago."""
    solo = Solo.master(replace(CONFIG, linger=20 * MS, advert_interval=20 * MS))
    solo.hear(150, interval=10 * MS)
    solo.pass_time(11 * MS)
    solo.hear(150, interval=10 * MS)
    heard = solo.now
    solo.pass_time(9 * MS)
    assert solo.is_now(State.BACKUP)
    assert solo.machine.next_deadline() == heard + 36_093_750


def test_a_successor_that_resigns_meanwhile_is_waited_for_no_longer_than_the_skew() -> None:
    solo = Solo.master(LINGERING)
    solo.hear(150)
    solo.pass_time(10 * MS)
    assert solo.hear(0) == ()
    solo.pass_time(10 * MS)
    assert solo.is_now(State.BACKUP)
    assert solo.machine.next_deadline() == solo.now + 609_375_000


def test_an_interval_that_it_hears_while_it_lingers_counts() -> None:
    solo = Solo.master(LINGERING)
    solo.hear(150, interval=SECOND)
    heard = solo.now
    solo.hear(150, interval=2 * SECOND)
    solo.pass_time(20 * MS)
    assert solo.machine.next_deadline() == heard + 2 * TAKEOVER


@pytest.mark.parametrize(
    ("linger", "interval", "stays"),
    [
        (20 * MS, SECOND, 20 * MS),
        (20 * MS, 10 * MS, 10 * MS),
        (20 * MS, 20 * MS, 20 * MS),
        (2 * SECOND, SECOND, SECOND),
    ],
)
def test_the_linger_is_bounded_by_the_interval(linger: int, interval: int, stays: int) -> None:
    solo = Solo.master(replace(CONFIG, linger=linger, advert_interval=interval))
    solo.hear(150)
    assert solo.machine.next_deadline() == solo.now + stays


def test_without_a_linger_it_releases_in_the_same_step() -> None:
    solo = Solo.master(CONFIG)
    release, report = solo.hear(150)
    assert release == ReleaseAddresses((VIP4, VIP6))
    assert moves((report,)) == [(State.MASTER, State.BACKUP)]
    assert solo.machine.next_deadline() == solo.now + TAKEOVER


def test_what_it_hears_while_it_lingers_changes_nothing() -> None:
    solo = Solo.master(LINGERING)
    solo.hear(150)
    end = solo.now + 20 * MS
    for priority in (150, 50, 0, 254, 100):
        solo.pass_time(MS)
        assert solo.hear(priority) == ()
        assert solo.machine.next_deadline() == end


def test_the_lease_is_renewed_while_it_lingers() -> None:
    solo = Solo.master(replace(FULL, lease=3 * SECOND, linger=SECOND))
    solo.pass_time(500 * MS)
    solo.hear(150)
    before = len(solo.when(RenewAddresses))
    solo.pass_time(999 * MS)
    assert len(solo.when(RenewAddresses)) == before + 1


def test_who_does_not_serve_yet_does_not_linger() -> None:
    """The claim is not answered: there are no clients to wait for."""
    solo = Solo.master(answering=False)
    release, report = solo.hear(150)
    assert release == ReleaseAddresses((VIP4, VIP6))
    assert moves((report,)) == [(State.MASTER, State.BACKUP)]
    assert solo.step(AddressesClaimed()) == ()


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (LinkChanged(replace(LINK, carrier=False)), CauseCode.NO_CARRIER),
        (ClaimFailed("the kernel does not renew"), CauseCode.CLAIM_FAILED),
    ],
)
def test_a_fault_ends_the_linger_without_another_word(
    fault: LinkChanged | ClaimFailed, code: CauseCode
) -> None:
    solo = Solo.master(LINGERING)
    solo.hear(150)
    sent = len(solo.when(SendAdvert))
    actions = solo.step(fault)
    assert actions[0] == ReleaseAddresses((VIP4, VIP6))
    assert moves(actions) == [(State.MASTER, State.FAULT)]
    assert solo.machine.status(solo.now).cause.code is code
    assert len(solo.when(SendAdvert)) == sent


def test_a_stop_at_once_ends_the_linger_without_another_word() -> None:
    solo = Solo.master(LINGERING)
    solo.hear(150)
    release, report = solo.step(Stopped(at_once=True))
    assert release == ReleaseAddresses((VIP4, VIP6))
    assert moves((report,)) == [(State.MASTER, State.INIT)]


def test_a_stall_ends_the_linger() -> None:
    solo = Solo.master(LINGERING)
    solo.hear(150)
    solo.now += 3 * SECOND
    actions = solo.step(WokeLate(3 * SECOND - 20 * MS))
    assert moves(actions) == [(State.MASTER, State.BACKUP)]
    assert solo.machine.next_deadline() == solo.now + TAKEOVER


@pytest.mark.parametrize(
    ("late", "interval", "waits"),
    [
        (0, SECOND, TAKEOVER - 20 * MS),
        (500 * MS, SECOND, TAKEOVER - 520 * MS),
        (1_980 * MS, SECOND, 1_609_375_000),
        (3 * SECOND, SECOND, 1_609_375_000),
        (200 * SECOND, SECOND, 1_609_375_000),
        (100 * MS, 10 * MS, 16_093_750),
    ],
)
def test_who_lets_go_late_still_listens_before_it_takes_over_again(
    late: int, interval: int, waits: int
) -> None:
    """Else it would be BACKUP and MASTER in one step, with the adverts unread that it missed."""
    solo = Solo.master(LINGERING)
    solo.hear(150, interval=interval)
    actions = solo.wake_late(20 * MS + late)
    assert moves(actions) == [(State.MASTER, State.BACKUP)]
    assert solo.machine.next_deadline() == solo.now + waits
