"""Somebody else takes our addresses: put right at once, given up when it is a fight."""

from __future__ import annotations

from dataclasses import replace

import pytest
from solo_machine import CONFIG, FULL, LINK, VIP4, VIP6, Solo

from vipd.core.actions import (
    Action,
    AnnounceAddresses,
    ClaimAddresses,
    ReleaseAddresses,
    ReportIncident,
    ReportTransition,
    SendAdvert,
)
from vipd.core.cause import CauseCode
from vipd.core.config import InstanceConfig
from vipd.core.events import AddressesDrifted, ConfigChanged, LinkChanged
from vipd.core.incident import IncidentCode
from vipd.core.model import State

MS = 1_000_000
SECOND = 1_000_000_000
BOUND = 1_096_093_750

WHAT = "192.0.2.100/24 was removed from eth0"
DRIFTED = AddressesDrifted(WHAT)
FIGHT = f"{WHAT}, more than 5 times in 30 s: something else manages it"


def calm(config: InstanceConfig = FULL) -> Solo:
    return Solo.master(config, after=10_250 * MS)


def drift(solo: Solo, *moments: int) -> list[tuple[Action, ...]]:
    """Let it drift so long after now, each time."""
    began = solo.now
    actions = []
    for moment in moments:
        solo.pass_time(began + moment - solo.now)
        actions.append(solo.step(DRIFTED))
    return actions


def moves(actions: tuple[Action, ...]) -> list[tuple[State, State]]:
    return [(a.old, a.new) for a in actions if isinstance(a, ReportTransition)]


def given_up(config: InstanceConfig = FULL) -> Solo:
    """In FAULT, since nobody has followed."""
    solo = calm(config)
    drift(solo, *(beat * SECOND for beat in range(6)))
    solo.pass_time(BOUND)
    assert solo.is_now(State.FAULT)
    return solo


def test_it_is_told_restored_and_announced_without_a_transition() -> None:
    solo = calm()
    report, claim, advert, announcement = solo.step(DRIFTED)
    text = f"{WHAT}; put right (1 of 5 times in 30 s)"
    assert report == ReportIncident(IncidentCode.ADDRESS_DRIFT, text)
    assert claim == ClaimAddresses((VIP4, VIP6), 3 * SECOND)
    assert isinstance(advert, SendAdvert)
    assert advert.priority == 100
    assert announcement == AnnounceAddresses((VIP4, VIP6))
    assert solo.is_now(State.MASTER)


def test_five_times_are_borne_and_counted() -> None:
    solo = calm()
    drift(solo, *(beat * SECOND for beat in range(5)))
    assert [text for _, _, text in solo.incidents()] == [
        f"{WHAT}; put right ({count} of 5 times in 30 s)" for count in (1, 2, 3, 4, 5)
    ]
    assert solo.when(ReleaseAddresses) == []


def test_the_sixth_time_within_30_s_it_hands_over() -> None:
    solo = calm()
    *_, last = drift(solo, *(beat * SECOND for beat in range(6)))
    advert, restore = last
    assert isinstance(advert, SendAdvert)
    assert advert.priority == 0
    assert restore == ClaimAddresses((VIP4, VIP6), 3 * SECOND), "until then somebody must serve"
    status = solo.machine.status(solo.now)
    assert (status.state, status.held) == (State.MASTER, True)
    assert status.leaving is not None
    assert (status.leaving.code, str(status.leaving)) == (CauseCode.DRIFT, FIGHT)
    solo.pass_time(500 * MS)
    solo.hear(50)
    before = len(solo.done)
    solo.pass_time(20 * MS)
    release, report = [action for _, action in solo.done[before:]]
    assert release == ReleaseAddresses((VIP4, VIP6))
    assert moves((report,)) == [(State.MASTER, State.FAULT)]
    assert str(solo.machine.status(solo.now).cause) == FIGHT


def test_nobody_follows_one_that_gives_up() -> None:
    solo = given_up()
    assert [code for _, code, _ in solo.incidents()][-1] is IncidentCode.NO_SUCCESSOR
    assert solo.machine.status(solo.now).cause.code is CauseCode.DRIFT


@pytest.mark.parametrize(
    ("sixth", "leaves"), [(30 * SECOND - 1, True), (30 * SECOND, False), (31 * SECOND, False)]
)
def test_the_window_slides(sixth: int, *, leaves: bool) -> None:
    solo = calm()
    drift(solo, 0, 6 * SECOND, 12 * SECOND, 18 * SECOND, 24 * SECOND, sixth)
    assert (solo.machine.status(solo.now).leaving is not None) is leaves


def test_once_every_six_seconds_can_be_borne_for_ever() -> None:
    solo = calm()
    drift(solo, *(beat * 6 * SECOND for beat in range(100)))
    assert solo.is_now(State.MASTER)
    assert solo.machine.status(solo.now).leaving is None
    assert solo.incidents()[-1][2] == f"{WHAT}; put right (5 of 5 times in 30 s)"


def test_it_tries_again_after_30_s_and_counts_anew() -> None:
    solo = given_up()
    assert solo.machine.next_deadline() == solo.now + 30 * SECOND
    solo.pass_time(30 * SECOND)
    assert solo.is_now(State.BACKUP)
    assert str(solo.machine.status(solo.now).cause) == "tries its addresses again"
    solo.pass_time(4 * SECOND)
    assert solo.is_now(State.MASTER)
    solo.step(DRIFTED)
    assert solo.incidents()[-1][2] == f"{WHAT}; put right (1 of 5 times in 30 s)"


def test_an_owner_that_tries_again_is_master_at_once() -> None:
    solo = given_up(replace(FULL, priority=255))
    solo.pass_time(30 * SECOND)
    assert solo.is_now(State.MASTER)


def test_no_news_of_the_link_ends_the_wait_but_other_addresses_do() -> None:
    solo = given_up()
    solo.pass_time(SECOND)
    assert solo.step(LinkChanged(LINK)) == ()
    assert solo.step(ConfigChanged(replace(FULL, priority=90))) == ()
    assert solo.machine.next_deadline() == solo.now + 29 * SECOND
    solo.step(ConfigChanged(replace(FULL, addresses=(VIP4,))))
    assert solo.machine.next_deadline() == solo.now
    solo.pass_time(0)
    assert solo.is_now(State.BACKUP)


def test_a_second_of_waiting_after_refusals_is_not_lengthened_by_a_fight() -> None:
    solo = given_up()
    solo.refusal = "Permission denied"
    solo.pass_time(34 * SECOND)
    assert solo.is_now(State.FAULT)
    due = solo.machine.next_deadline()
    failed = solo.machine.status(solo.now).since
    assert due == failed + SECOND


def test_what_cannot_be_put_right_is_a_refused_claim() -> None:
    solo = calm()
    solo.refusal = "Permission denied"
    actions = solo.step(DRIFTED)
    assert moves(actions) == [(State.MASTER, State.FAULT)]
    assert solo.machine.status(solo.now).cause.code is CauseCode.CLAIM_FAILED


def test_the_adverts_go_on_from_the_one_that_was_sent_with_it() -> None:
    solo = calm()
    drifted = solo.now
    solo.step(DRIFTED)
    solo.pass_time(2 * SECOND)
    assert [at - drifted for at in solo.when(SendAdvert) if at >= drifted] == [
        0,
        SECOND,
        2 * SECOND,
    ]


def test_nothing_is_announced_before_it_is_restored() -> None:
    solo = Solo.master(CONFIG, after=50 * MS)
    solo.answering = False
    solo.step(DRIFTED)
    before = len(solo.when(AnnounceAddresses))
    solo.pass_time(10 * SECOND)
    assert len(solo.when(AnnounceAddresses)) == before


def test_who_has_nothing_loses_nothing() -> None:
    solo = Solo()
    assert solo.step(DRIFTED) == ()
    solo.start()
    assert solo.step(DRIFTED) == ()
    solo.step(LinkChanged(replace(LINK, carrier=False)))
    assert solo.step(DRIFTED) == ()


def test_before_the_claim_is_answered_nothing_can_drift() -> None:
    solo = Solo.master(answering=False)
    assert solo.step(DRIFTED) == ()


def test_whoever_lingers_restores_in_silence_and_counts_no_more() -> None:
    solo = calm()
    drift(solo, *(beat * SECOND for beat in range(5)))
    solo.hear(150)
    for _ in range(3):
        assert solo.step(DRIFTED) == (ClaimAddresses((VIP4, VIP6), 3 * SECOND),)
    solo.pass_time(20 * MS)
    assert solo.is_now(State.BACKUP)
