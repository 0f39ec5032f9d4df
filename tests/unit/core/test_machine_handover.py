"""A MASTER that is told to stop: make before break, by literal numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from solo_machine import FULL, LINK, VIP4, VIP6, Solo

from vipd.core.actions import (
    Action,
    AnnounceAddresses,
    ClaimAddresses,
    ReleaseAddresses,
    RenewAddresses,
    ReportIncident,
    ReportTransition,
    SendAdvert,
)
from vipd.core.cause import CauseCode
from vipd.core.config import InstanceConfig
from vipd.core.events import (
    AddressesDrifted,
    ClaimFailed,
    ConfigChanged,
    Event,
    LinkChanged,
    NeighborHeard,
    Started,
    Stopped,
    WokeLate,
)
from vipd.core.incident import IncidentCode
from vipd.core.model import IPAddress, State

MS = 1_000_000
SECOND = 1_000_000_000
BOUND = 1_096_093_750
"""The skew of priority 1 at an interval of 1 s, and 100 ms."""

PEER_MAC = bytes.fromhex("020000000051")
ADDRESS: IPAddress = VIP4.ip


def stopping(config: InstanceConfig = FULL) -> Solo:
    """A MASTER 10.25 s after its takeover, at the moment when it was told to stop."""
    solo = Solo.master(config, after=10_250 * MS)
    solo.step(Stopped())
    return solo


def since(solo: Solo, moment: int) -> list[tuple[int, Action]]:
    """What was done after a moment, and how long after it."""
    return [(at - moment, action) for at, action in solo.done if at > moment]


def moves(actions: tuple[Action, ...]) -> list[tuple[State, State]]:
    return [(a.old, a.new) for a in actions if isinstance(a, ReportTransition)]


def ended(solo: Solo) -> bool:
    """Whether it is INIT, holds nothing and waits for nothing."""
    status = solo.machine.status(solo.now)
    return (status.state, status.held, solo.machine.next_deadline()) == (State.INIT, False, None)


# -- the way it should go -------------------------------------------------------------------


def test_a_planned_stop_says_so_once_and_keeps_the_addresses() -> None:
    solo = Solo.master(after=10_250 * MS)
    (advert,) = solo.step(Stopped())
    assert isinstance(advert, SendAdvert)
    assert advert.priority == 0
    status = solo.machine.status(solo.now)
    assert (status.state, status.held) == (State.MASTER, True)
    assert status.leaving is not None
    assert status.leaving.code is CauseCode.STOPPED
    assert solo.machine.held == (VIP4, VIP6)
    assert solo.machine.spoke is None


def test_it_is_silent_until_it_is_followed_and_lets_go_a_linger_later() -> None:
    solo = stopping()
    stopped = solo.now
    solo.pass_time(609 * MS)
    assert solo.hear(99) == ()
    solo.pass_time(5 * SECOND)
    release, report = since(solo, stopped)
    assert release == (629 * MS, ReleaseAddresses((VIP4, VIP6)))
    assert report[0] == 629 * MS
    assert moves((report[1],)) == [(State.MASTER, State.INIT)]
    assert solo.incidents() == []
    assert ended(solo)


def test_the_successor_may_be_of_any_priority_and_of_either_family() -> None:
    for priority, source in ((1, "192.0.2.49"), (254, "fe80::1")):
        solo = stopping()
        solo.hear(priority, source=source)
        solo.pass_time(20 * MS - 1)
        assert solo.machine.status(solo.now).held
        solo.pass_time(1)
        assert ended(solo)


def test_the_second_advert_of_the_successor_does_not_prolong_the_linger() -> None:
    solo = stopping()
    solo.hear(99)
    solo.pass_time(15 * MS)
    solo.hear(99)
    solo.pass_time(5 * MS)
    assert ended(solo)


def test_who_has_followed_is_the_master_that_the_status_names() -> None:
    solo = stopping()
    before = solo.machine.status(solo.now).master
    assert before is not None
    assert str(before.address) == "192.0.2.50"
    solo.hear(99)
    after = solo.machine.status(solo.now).master
    assert after is not None
    assert str(after.address) == "192.0.2.51"


def test_without_a_linger_the_first_advert_of_the_successor_is_the_end() -> None:
    solo = stopping(replace(FULL, linger=0))
    solo.hear(99)
    assert solo.machine.next_deadline() == solo.now
    solo.pass_time(0)
    assert ended(solo)


def test_the_linger_is_never_longer_than_the_interval() -> None:
    solo = stopping(replace(FULL, linger=SECOND, advert_interval=100 * MS))
    solo.hear(99)
    assert solo.machine.next_deadline() == solo.now + 100 * MS


# -- nobody comes ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "bound", "text"),
    [
        ({}, 1_096_093_750, "1.096 s"),
        ({"advert_interval": 10 * MS}, 109_960_937, "110 ms"),
        ({"advert_interval": 100 * MS}, 199_609_375, "200 ms"),
        ({"advert_interval": 40_950 * MS}, 40_890_039_062, "40.89 s"),
        ({"version": 2, "advert_interval": 5 * SECOND}, 1_096_093_750, "1.096 s"),
    ],
)
def test_without_a_successor_it_lets_go_after_the_longest_skew_and_100_ms(
    changes: dict[str, int], bound: int, text: str
) -> None:
    solo = stopping(replace(FULL, **changes))  # type: ignore[arg-type]
    stopped = solo.now
    solo.pass_time(bound - 1)
    assert solo.is_now(State.MASTER)
    solo.pass_time(1)
    assert ended(solo)
    assert solo.when(ReleaseAddresses) == [stopped + bound]
    ((at, code, said),) = solo.incidents()
    assert (at, code) == (stopped + bound, IncidentCode.NO_SUCCESSOR)
    assert said == f"nobody took over within {text}: the addresses are on no host now"


def test_one_that_stops_as_well_is_no_successor() -> None:
    solo = stopping()
    stopped = solo.now
    assert solo.hear(0) == ()
    solo.pass_time(BOUND)
    assert solo.when(ReleaseAddresses) == [stopped + BOUND]
    assert [code for _, code, _ in solo.incidents()] == [IncidentCode.NO_SUCCESSOR]


def test_the_lease_is_renewed_as_long_as_it_serves() -> None:
    """Though no advert does that any more: the last one was sent when it was told to stop."""
    solo = Solo.master(after=10_900 * MS)
    solo.step(Stopped())
    last = solo.when(RenewAddresses)[-1]
    solo.pass_time(5 * SECOND)
    assert [at - last for at in solo.when(RenewAddresses) if at > last] == [1_250 * MS]


def test_nothing_is_sent_or_announced_meanwhile() -> None:
    solo = Solo.master(after=50 * MS)
    solo.step(Stopped())
    stopped = solo.now
    for _ in range(10):
        solo.pass_time(100 * MS)
        solo.step(NeighborHeard(address=ADDRESS, mac=PEER_MAC))
        solo.step(WokeLate(2 * SECOND))
        solo.step(LinkChanged(replace(LINK, mac=PEER_MAC, carriers=solo.now // MS)))
    kinds = {type(action) for _, action in since(solo, stopped)}
    assert kinds == {ReportIncident}
    assert {code for _, code, _ in solo.incidents()} == {IncidentCode.STALLED}


# -- what ends it at once -------------------------------------------------------------------


@pytest.mark.parametrize("again", [Stopped(), Stopped(at_once=True)])
@pytest.mark.parametrize("followed", [False, True])
def test_a_second_stop_does_not_wait(again: Stopped, *, followed: bool) -> None:
    solo = stopping()
    if followed:
        solo.hear(99)
    release, report = solo.step(again)
    assert release == ReleaseAddresses((VIP4, VIP6))
    assert moves((report,)) == [(State.MASTER, State.INIT)]
    assert ended(solo)


def test_at_once_says_so_and_releases_in_one_step() -> None:
    solo = Solo.master()
    advert, release, report = solo.step(Stopped(at_once=True))
    assert isinstance(advert, SendAdvert)
    assert advert.priority == 0
    assert release == ReleaseAddresses((VIP4, VIP6))
    assert moves((report,)) == [(State.MASTER, State.INIT)]
    assert ended(solo)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(LinkChanged(replace(LINK, carrier=False)), id="no carrier"),
        pytest.param(LinkChanged(replace(LINK, ipv4=None)), id="no source"),
        pytest.param(ClaimFailed("the kernel does not renew 192.0.2.100/24"), id="no renewal"),
    ],
)
@pytest.mark.parametrize("followed", [False, True])
def test_what_makes_serving_impossible_ends_it_and_it_is_not_tried_again(
    fault: Event, *, followed: bool
) -> None:
    """A stop that became a FAULT would stand for election again."""
    solo = stopping()
    if followed:
        solo.hear(99)
    release, report = solo.step(fault)
    assert release == ReleaseAddresses((VIP4, VIP6))
    assert moves((report,)) == [(State.MASTER, State.INIT)]
    assert str(solo.machine.status(solo.now).cause) == "stopped"
    assert ended(solo)


def test_a_stall_longer_than_the_patience_of_the_peers_ends_it() -> None:
    solo = stopping()
    solo.now += 3 * SECOND
    release, report = solo.step(WokeLate(2 * SECOND))
    assert release == ReleaseAddresses((VIP4, VIP6))
    assert moves((report,)) == [(State.MASTER, State.INIT)]
    assert ended(solo)


# -- what else may happen meanwhile ---------------------------------------------------------


def test_a_start_meanwhile_is_too_early() -> None:
    solo = stopping()
    assert solo.step(Started()) == ()
    solo.pass_time(BOUND)
    assert ended(solo)


def test_a_reload_of_the_addresses_is_still_obeyed_and_moves_no_deadline() -> None:
    solo = stopping()
    stopped = solo.now
    solo.pass_time(100 * MS)
    reloaded = replace(FULL, addresses=(VIP4,), advert_interval=10 * SECOND)
    release, claim = solo.step(ConfigChanged(reloaded))
    assert release == ReleaseAddresses((VIP6,))
    assert claim == ClaimAddresses((VIP4,), 30 * SECOND)
    solo.pass_time(5 * SECOND)
    assert solo.when(ReleaseAddresses) == [stopped + 100 * MS, stopped + BOUND]
    assert solo.when(AnnounceAddresses)[-1] < stopped
    assert ended(solo)


def test_what_drifts_meanwhile_is_restored_in_silence() -> None:
    solo = stopping()
    assert solo.step(AddressesDrifted("192.0.2.100/24 was removed from eth0")) == (
        ClaimAddresses((VIP4, VIP6), 3 * SECOND),
    )
    assert solo.incidents() == []
    solo.pass_time(BOUND)
    assert ended(solo)


def test_a_master_that_was_outranked_and_is_told_to_stop_goes_there_at_the_same_moment() -> None:
    solo = Solo.master()
    solo.hear(200)
    solo.pass_time(5 * MS)
    assert solo.step(Stopped()) == ()
    solo.pass_time(15 * MS - 1)
    assert solo.is_now(State.MASTER)
    solo.pass_time(1)
    assert ended(solo)
    assert solo.incidents() == []


def test_a_master_whose_claim_is_not_answered_has_nothing_to_hand_over() -> None:
    solo = Solo.master(answering=False)
    release, report = solo.step(Stopped())
    assert release == ReleaseAddresses((VIP4, VIP6))
    assert moves((report,)) == [(State.MASTER, State.INIT)]
    assert ended(solo)


@pytest.mark.parametrize("carrier", [True, False])
def test_a_backup_and_a_fault_have_nothing_to_hand_over(*, carrier: bool) -> None:
    solo = Solo(FULL, replace(LINK, carrier=carrier))
    solo.start()
    (report,) = solo.step(Stopped())
    assert isinstance(report, ReportTransition)
    assert ended(solo)
