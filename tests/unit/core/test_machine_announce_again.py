"""Who may have been told otherwise is told again: conflicts, losers, another MAC, another link."""

from __future__ import annotations

from dataclasses import replace

import pytest
from solo_machine import CONFIG, LINK, VIP4, VIP6, Solo

from vipd.core.actions import AnnounceAddresses, ReportIncident, SendAdvert
from vipd.core.config import InstanceConfig
from vipd.core.events import ConfigChanged, Event, LinkChanged, NeighborHeard, Stopped, WokeLate
from vipd.core.incident import IncidentCode
from vipd.core.model import State

MS = 1_000_000
SECOND = 1_000_000_000

LINGERING = replace(CONFIG, linger=20 * MS)
V2 = replace(CONFIG, version=2, addresses=(VIP4,))
CONFLICT = NeighborHeard(address=VIP6.ip, mac=bytes.fromhex("aabbccddeeff"))
ANNOUNCEMENT = AnnounceAddresses((VIP4, VIP6))
NEW_MAC = LinkChanged(replace(LINK, mac=bytes.fromhex("020000000050")))
FLAPPED = LinkChanged(replace(LINK, carriers=2))


def calm(config: InstanceConfig = CONFIG) -> Solo:
    """A MASTER whose burst of announcements is over, 250 ms after its last advert."""
    return Solo.master(config, after=10_250 * MS)


def announced(solo: Solo, since: int) -> list[int]:
    """When it announced, in milliseconds."""
    return [(at - since) // MS for at in solo.when(AnnounceAddresses) if at >= since]


# -- somebody else has the address ----------------------------------------------------------


def test_a_conflict_is_told_with_the_mac_and_the_address_is_announced_again() -> None:
    solo = calm()
    report, announcement = solo.step(CONFLICT)
    text = "2001:db8::100 is claimed by aa:bb:cc:dd:ee:ff as well"
    assert report == ReportIncident(IncidentCode.ADDRESS_CONFLICT, text)
    assert announcement == ANNOUNCEMENT
    assert solo.is_now(State.MASTER)


def test_it_is_a_burst_that_begins_anew() -> None:
    solo = calm()
    began = solo.now
    solo.step(CONFLICT)
    solo.pass_time(70 * SECOND)
    assert announced(solo, began) == [0, 100, 500, 1_000, 2_000, 5_000, 65_000]


def test_a_conflict_is_answered_once_a_second_at_most() -> None:
    solo = calm()
    solo.step(CONFLICT)
    solo.pass_time(SECOND - 1)
    assert solo.step(CONFLICT) == ()
    solo.pass_time(1)
    assert len(solo.step(CONFLICT)) == 2


def test_a_conflict_within_the_first_second_is_told_and_left_to_the_burst() -> None:
    solo = Solo.master(CONFIG, after=SECOND - 1)
    (report,) = solo.step(CONFLICT)
    assert isinstance(report, ReportIncident)
    solo.pass_time(1)
    assert solo.step(CONFLICT) == (ANNOUNCEMENT,)


def test_a_conflict_is_told_however_often_the_losers_make_it_announce() -> None:
    """Where adverts pass in one direction only: each second one of a loser, then its answer."""
    solo = calm()
    for _ in range(3):
        solo.hear(50)
        solo.pass_time(MS)
        assert [type(action) for action in solo.step(CONFLICT)] == [ReportIncident]
        solo.pass_time(999 * MS)


def test_two_hosts_that_defend_the_same_address_do_not_fill_the_link() -> None:
    solo = calm()
    began = solo.now
    for _ in range(10_000):
        solo.step(CONFLICT)
        solo.pass_time(MS)
    assert len(solo.incidents()) == 10
    assert len(announced(solo, began)) <= 40


@pytest.mark.parametrize("end", [Stopped(), None])
def test_whoever_is_leaving_does_not_defend_the_address(end: Event | None) -> None:
    solo = calm(LINGERING)
    if end:
        solo.step(end)
    else:
        solo.hear(150)
    assert solo.step(CONFLICT) == ()


@pytest.mark.parametrize("carrier", [True, False])
def test_whoever_does_not_serve_has_no_conflict(*, carrier: bool) -> None:
    solo = Solo(CONFIG, replace(LINK, carrier=carrier))
    assert solo.step(CONFLICT) == ()
    solo.start()
    assert solo.step(CONFLICT) == ()


def test_before_the_claim_is_answered_there_is_nothing_to_announce() -> None:
    solo = Solo.master(answering=False)
    assert solo.step(CONFLICT) == ()
    assert solo.step(NEW_MAC) == ()


# -- somebody else has spoken ---------------------------------------------------------------


def test_a_loser_is_answered_and_the_link_is_told_again() -> None:
    solo = calm()
    advert, announcement = solo.hear(50)
    assert isinstance(advert, SendAdvert)
    assert announcement == ANNOUNCEMENT
    (advert,) = solo.hear(50)
    assert isinstance(advert, SendAdvert)


def test_in_vrrpv2_a_loser_is_not_answered_but_the_link_is_told_again() -> None:
    solo = calm(V2)
    assert solo.hear(50) == (AnnounceAddresses((VIP4,)),)
    assert solo.hear(50) == ()


@pytest.mark.parametrize("config", [CONFIG, V2])
def test_after_a_release_the_link_is_told_again(config: InstanceConfig) -> None:
    solo = calm(config)
    advert, announcement = solo.hear(0)
    assert isinstance(advert, SendAdvert)
    assert announcement == AnnounceAddresses(config.addresses)
    (advert,) = solo.hear(0)
    assert isinstance(advert, SendAdvert)


@pytest.mark.parametrize("priority", [0, 50])
def test_whoever_is_leaving_answers_nobody(priority: int) -> None:
    solo = calm(LINGERING)
    solo.hear(150)
    assert solo.hear(priority) == ()


@pytest.mark.parametrize("priority", [0, 50])
def test_whoever_claims_answers_nobody(priority: int) -> None:
    solo = Solo.master(answering=False)
    assert solo.hear(priority) == ()


# -- the link is another --------------------------------------------------------------------


@pytest.mark.parametrize("change", [NEW_MAC, FLAPPED])
def test_another_mac_or_another_carrier_is_announced_at_once(change: LinkChanged) -> None:
    solo = Solo.master(CONFIG, after=50 * MS)
    began = solo.now
    assert solo.step(change) == (ANNOUNCEMENT,)
    assert solo.step(change) == ()
    solo.pass_time(600 * MS)
    assert announced(solo, began) == [0, 100, 500]


def test_another_link_is_not_announced_by_whoever_is_leaving() -> None:
    solo = calm()
    solo.step(Stopped())
    assert solo.step(NEW_MAC) == ()
    assert solo.step(FLAPPED) == ()


def test_other_news_of_the_link_is_not_announced() -> None:
    solo = calm()
    assert solo.step(LinkChanged(replace(LINK, mtu=9_000))) == ()


# -- an answer is outstanding ---------------------------------------------------------------


@pytest.mark.parametrize(
    "event",
    [
        CONFLICT,
        NEW_MAC,
        ConfigChanged(replace(CONFIG, addresses=(VIP4,), announce_refresh=MS)),
    ],
)
def test_nothing_is_announced_while_a_claim_waits_for_its_answer(event: Event) -> None:
    solo = calm()
    solo.answering = False
    solo.step(ConfigChanged(replace(CONFIG, addresses=(VIP4,))))
    began = solo.now
    solo.step(event)
    solo.pass_time(100 * SECOND)
    assert announced(solo, began) == []
    assert solo.is_now(State.MASTER)


def test_a_loser_is_answered_but_not_announced_against_while_a_claim_waits() -> None:
    solo = calm()
    solo.answering = False
    solo.step(ConfigChanged(replace(CONFIG, addresses=(VIP4,))))
    (advert,) = solo.hear(50)
    assert isinstance(advert, SendAdvert)


# -- it did not run -------------------------------------------------------------------------


def test_whoever_woke_late_announces_again() -> None:
    solo = calm()
    report, announcement = solo.step(WokeLate(1_500 * MS))
    assert report == ReportIncident(IncidentCode.STALLED, "did not run for 1.5 s")
    assert announcement == ANNOUNCEMENT
