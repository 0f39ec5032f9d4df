"""An agent that did not run: frozen, starved, or restarted. Each threshold to the nanosecond."""

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
from vipd.core.events import LinkChanged, Started, WokeLate
from vipd.core.incident import IncidentCode
from vipd.core.model import State

MS = 1_000_000
SECOND = 1_000_000_000
TAKEOVER = 3_609_375_000
BRIEFLY = 1_609_375_000
"""An interval and the skew of priority 100."""


def moves(actions: tuple[Action, ...]) -> list[tuple[State, State]]:
    return [(a.old, a.new) for a in actions if isinstance(a, ReportTransition)]


def backup(config: InstanceConfig = CONFIG) -> Solo:
    solo = Solo(config)
    solo.start()
    return solo


def why(solo: Solo) -> str:
    return str(solo.machine.status(solo.now).cause)


# -- a MASTER -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("interval", "silence", "yields"),
    [
        (SECOND, 3_000_000_000, True),
        (SECOND, 2_999_999_999, False),
        (10 * MS, 30_000_000, True),
        (10 * MS, 29_999_999, False),
    ],
)
def test_a_master_whose_peers_have_lost_patience_yields(
    interval: int, silence: int, *, yields: bool
) -> None:
    solo = Solo.master(replace(FULL, advert_interval=interval), after=20 * SECOND)
    solo.now = solo.when(SendAdvert)[-1] + silence
    solo.step(WokeLate(silence - interval))
    assert solo.is_now(State.BACKUP) is yields


def test_it_lets_go_without_a_word_and_listens_for_an_interval_and_the_skew() -> None:
    solo = Solo.master(after=10 * SECOND)
    solo.now += 4 * SECOND
    release, report = solo.step(WokeLate(3 * SECOND))
    assert release == ReleaseAddresses((VIP4, VIP6))
    assert moves((report,)) == [(State.MASTER, State.BACKUP)]
    assert solo.machine.status(solo.now).cause.code is CauseCode.STALLED
    assert why(solo) == "did not run for 3 s: another may serve"
    woke = solo.now
    solo.pass_time(BRIEFLY - 1)
    assert solo.is_now(State.BACKUP)
    solo.pass_time(1)
    assert solo.is_now(State.MASTER)
    assert solo.when(ClaimAddresses)[-1] == woke + BRIEFLY


def test_it_stays_backup_when_another_serves() -> None:
    solo = Solo.master(after=10 * SECOND)
    solo.now += 4 * SECOND
    solo.step(WokeLate(3 * SECOND))
    solo.pass_time(SECOND)
    solo.hear(150)
    solo.pass_time(SECOND)
    assert solo.is_now(State.BACKUP)


def test_an_owner_listens_too() -> None:
    solo = Solo.master(replace(CONFIG, priority=255), after=10 * SECOND)
    solo.now += 4 * SECOND
    solo.step(WokeLate(3 * SECOND))
    assert solo.is_now(State.BACKUP)
    assert solo.machine.next_deadline() == solo.now + 1_003_906_250


def test_a_master_that_was_only_late_says_so_and_announces_again() -> None:
    solo = Solo.master(after=10 * SECOND)
    solo.now += 2 * SECOND
    report, announcement = solo.step(WokeLate(SECOND + 1))
    assert report == ReportIncident(IncidentCode.STALLED, "did not run for 1 s")
    assert announcement == AnnounceAddresses((VIP4, VIP6))
    assert solo.is_now(State.MASTER)


@pytest.mark.parametrize("clock", [0, 1_000_000 * SECOND])
def test_a_master_whose_claim_is_not_answered_yields_whatever_the_clock_says(clock: int) -> None:
    """It has never spoken, so nobody knows of it."""
    solo = Solo(replace(CONFIG, priority=255))
    solo.answering = False
    solo.now = clock
    solo.start()
    assert solo.is_now(State.MASTER)
    solo.now += SECOND + 1
    actions = solo.step(WokeLate(SECOND + 1))
    assert moves(actions) == [(State.MASTER, State.BACKUP)]
    assert actions[0] == ReleaseAddresses((VIP4, VIP6))


# -- a BACKUP -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "waits"),
    [
        (2 * SECOND - 1, False),
        (2 * SECOND, False),
        (2 * SECOND + 1, True),
        (TAKEOVER, True),
        (TAKEOVER + 200 * SECOND, True),
    ],
)
def test_a_backup_that_did_not_run_listens_for_an_interval_and_the_skew(
    now: int, *, waits: bool
) -> None:
    """The adverts of the time in which it did not run may be lost; the silence proves nothing."""
    solo = backup()
    solo.now = now
    actions = solo.step(WokeLate(SECOND + 1))
    if waits:
        text = "did not run for 1 s: listens before it believes its timers"
        assert actions == (ReportIncident(IncidentCode.STALLED, text),)
        assert solo.machine.next_deadline() == now + BRIEFLY
    else:
        assert actions == ()
        assert solo.machine.next_deadline() == TAKEOVER


def test_it_is_the_interval_of_the_master_that_counts() -> None:
    solo = backup()
    solo.hear(150, interval=200 * MS)
    solo.now = 721_875_000
    solo.step(WokeLate(200 * MS + 1))
    assert solo.machine.next_deadline() == solo.now + 321_875_000


def test_a_backup_that_listened_and_heard_nobody_takes_over() -> None:
    solo = backup(FULL)
    solo.now = 100 * SECOND
    solo.step(WokeLate(90 * SECOND))
    solo.pass_time(BRIEFLY - 1)
    assert solo.is_now(State.BACKUP)
    solo.pass_time(1)
    assert solo.is_now(State.MASTER)


def test_a_backup_that_hears_its_master_after_a_stall_stays() -> None:
    solo = backup()
    solo.now = 100 * SECOND
    solo.step(WokeLate(90 * SECOND))
    solo.hear(150)
    assert solo.machine.next_deadline() == solo.now + TAKEOVER


@pytest.mark.parametrize("carrier", [True, False])
def test_whoever_takes_no_part_does_not_care(*, carrier: bool) -> None:
    solo = Solo(CONFIG, replace(LINK, carrier=carrier))
    assert solo.step(WokeLate(100 * SECOND)) == ()
    if not carrier:
        solo.start()
        assert solo.is_now(State.FAULT)
        assert solo.step(WokeLate(100 * SECOND)) == ()


# -- back after a crash ---------------------------------------------------------------------


def restarted(silence: int, config: InstanceConfig = FULL, *, carrier: bool = True) -> Solo:
    """Started by a supervisor, so long after the last advert of the life before."""
    solo = Solo(config, replace(LINK, carrier=carrier))
    solo.now = 1_000 * SECOND
    solo.step(LinkChanged(solo.link))
    solo.step(Started(spoke=solo.now - silence))
    return solo


def test_back_before_anybody_has_lost_patience_it_carries_on() -> None:
    solo = Solo(FULL)
    solo.now = 1_000 * SECOND
    solo.step(LinkChanged(LINK))
    report, claim, advert, announcement = solo.step(Started(spoke=998 * SECOND))
    assert moves((report,)) == [(State.INIT, State.MASTER)]
    assert claim == ClaimAddresses((VIP4, VIP6), 3 * SECOND)
    assert isinstance(advert, SendAdvert)
    assert announcement == AnnounceAddresses((VIP4, VIP6))
    assert solo.machine.status(solo.now).cause.code is CauseCode.RESUMED
    assert why(solo) == "restarted 2 s after its last advert: carries on"


@pytest.mark.parametrize(
    ("silence", "interval", "state"),
    [
        (0, SECOND, State.MASTER),
        (2_999_999_999, SECOND, State.MASTER),
        (3_000_000_000, SECOND, State.BACKUP),
        (299_999_999, 100 * MS, State.MASTER),
        (300_000_000, 100 * MS, State.BACKUP),
    ],
)
def test_the_patience_of_the_peers_is_three_intervals(
    silence: int, interval: int, state: State
) -> None:
    solo = restarted(silence, replace(FULL, advert_interval=interval))
    assert solo.is_now(state)


def test_too_late_it_starts_like_everybody_else() -> None:
    solo = restarted(3 * SECOND, CONFIG)
    assert why(solo) == "started"
    assert solo.machine.next_deadline() == solo.now + TAKEOVER


def test_an_owner_carries_on_too() -> None:
    assert why(restarted(SECOND, replace(FULL, priority=255))).startswith("restarted 1 s after")


def test_without_a_link_there_is_nothing_to_carry_on() -> None:
    solo = restarted(SECOND, carrier=False)
    assert solo.is_now(State.FAULT)
    solo.step(LinkChanged(LINK))
    assert solo.is_now(State.BACKUP)
