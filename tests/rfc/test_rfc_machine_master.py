"""RFC 9568 §6.4.3: an instance that serves. One test per line of the checklist."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, ip_address

import pytest
from solo_machine import CONFIG, LINK, VIP4, VIP6, Solo

from vipd.core.actions import (
    Action,
    AnnounceAddresses,
    ClaimAddresses,
    ReleaseAddresses,
    ReportTransition,
    SendAdvert,
)
from vipd.core.config import InstanceConfig
from vipd.core.events import LinkChanged, Stopped, TimePassed
from vipd.core.model import State

BOTH = (VIP4, VIP6)
MS = 1_000_000
SECOND = 1_000_000_000
TAKEOVER = 3_609_375_000


def master(config: InstanceConfig = CONFIG) -> Solo:
    """A MASTER of priority 100, 250 ms after its last advert, its burst of announcements over."""
    solo = Solo(config)
    solo.start()
    solo.pass_time(TAKEOVER + 6 * SECOND + 250 * MS)
    assert solo.is_now(State.MASTER)
    return solo


def moves(actions: tuple[Action, ...]) -> list[tuple[State, State]]:
    return [(a.old, a.new) for a in actions if isinstance(a, ReportTransition)]


def test_a_master_asks_for_every_address_and_lets_go_of_every_one() -> None:
    """70, 72, 75, 112, §6.4.3 (610), (625), (650): what the kernel holds, it answers for."""
    solo = master()
    assert solo.machine.status(solo.now).held
    solo.hear(200)
    done = [action for _, action in solo.done]
    assert [a for a in done if isinstance(a, ClaimAddresses)] == [ClaimAddresses(BOTH)]
    assert [a for a in done if isinstance(a, ReleaseAddresses)] == [ReleaseAddresses(BOTH)]
    assert not solo.machine.status(solo.now).held


def test_a_master_stops_with_exactly_one_advert_of_priority_0() -> None:
    """76, §6.4.3 (655): cancel Adver_Timer, send priority 0, Initialize.

    vipd lets go of the addresses, and is in Initialize, only when a successor was heard: else the
    clients would have nobody for its skew time.
    """
    solo = master()
    (advert,) = solo.step(Stopped())
    assert isinstance(advert, SendAdvert)
    assert advert.priority == 0
    sent, done = len(solo.when(SendAdvert)), len(solo.done)
    solo.pass_time(500 * MS)
    solo.hear(50)
    solo.pass_time(100 * SECOND)
    release, report = [action for _, action in solo.done[done:]]
    assert release == ReleaseAddresses(BOTH)
    assert moves((report,)) == [(State.MASTER, State.INIT)]
    assert len(solo.when(SendAdvert)) == sent


def test_a_master_that_stops_at_once_does_as_the_rfc_says() -> None:
    """76, §6.4.3 (655): priority 0, Initialize, in one step."""
    solo = master()
    advert, release, report = solo.step(Stopped(at_once=True))
    assert isinstance(advert, SendAdvert)
    assert advert.priority == 0
    assert release == ReleaseAddresses(BOTH)
    assert moves((report,)) == [(State.MASTER, State.INIT)]
    assert solo.machine.next_deadline() is None


def test_the_advert_timer_sends_an_advert_and_starts_anew() -> None:
    """77, §6.4.3 (680)."""
    solo = master()
    before = len(solo.when(SendAdvert))
    solo.pass_time(3 * SECOND)
    beats = [at - TAKEOVER for at in solo.when(SendAdvert)[before:]]
    assert beats == [7 * SECOND, 8 * SECOND, 9 * SECOND]


def test_a_release_is_answered_at_once_and_restarts_the_advert_timer() -> None:
    """78, §6.4.3 (705). vipd announces again, too: clients may have learned where the other was."""
    solo = master()
    advert, announcement = solo.hear(0)
    assert isinstance(advert, SendAdvert)
    assert advert.priority == 100
    assert announcement == AnnounceAddresses(BOTH)
    solo.pass_time(SECOND)
    assert solo.when(SendAdvert)[-2:] == [solo.now - SECOND, solo.now]


@pytest.mark.parametrize("source", ["192.0.2.1", "192.0.2.51", "fe80::1", "fe80::51"])
def test_a_stronger_advert_makes_a_master_backup(source: str) -> None:
    """79, §6.4.3 (725): cancel Adver_Timer, learn, recompute, Active_Down_Timer, Backup."""
    solo = master()
    actions = solo.hear(101, source=source, interval=200 * MS)
    assert moves(actions) == [(State.MASTER, State.BACKUP)]
    assert solo.machine.next_deadline() == solo.now + 721_875_000
    assert not any(isinstance(action, SendAdvert) for action in actions)


@pytest.mark.parametrize(
    ("own", "peer", "yields"),
    [
        ("192.0.2.5", "192.0.2.200", True),
        ("192.0.2.200", "192.0.2.5", False),
        ("192.0.2.9", "203.0.113.1", True),
        ("203.0.113.1", "192.0.2.9", False),
        ("192.0.2.5", "192.0.2.5", False),
        ("fe80::7f", "fe80::80", True),
        ("fe80::80", "fe80::7f", False),
    ],
)
def test_an_equal_priority_is_decided_by_the_address(own: str, peer: str, *, yields: bool) -> None:
    """80, 81, §6.4.3 (735), (775): unsigned integers in network byte order."""
    address = ip_address(own)
    if isinstance(address, IPv4Address):
        solo = Solo(replace(CONFIG, addresses=(VIP4,)), replace(LINK, ipv4=address))
    else:
        solo = Solo(replace(CONFIG, addresses=(VIP6,)), replace(LINK, ipv6=address))
    solo.start()
    solo.pass_time(TAKEOVER)
    solo.hear(100, source=peer)
    assert solo.is_now(State.BACKUP) is yields


@pytest.mark.parametrize(
    ("priority", "source"),
    [(99, "192.0.2.51"), (1, "fe80::51"), (100, "192.0.2.49"), (100, "fe80::4f")],
)
def test_a_losing_advert_is_answered_at_once(priority: int, source: str) -> None:
    """81, 82, §6.4.3 (775) ff.: stay Active and advertise; the advert timer keeps its rhythm.

    vipd announces again, too: the one that lost may have told the link that it has the addresses.
    """
    solo = master()
    advert, announcement = solo.hear(priority, source=source, interval=200 * MS)
    assert isinstance(advert, SendAdvert)
    assert advert.priority == 100
    assert announcement == AnnounceAddresses(BOTH)
    assert solo.is_now(State.MASTER)
    answered = solo.now
    solo.pass_time(2 * SECOND)
    beats = [at for at in solo.when(SendAdvert) if at > answered]
    assert beats == [TAKEOVER + 7 * SECOND, TAKEOVER + 8 * SECOND]


def test_a_master_yields_whether_it_preempts_or_not() -> None:
    """83, §6.4.3: Preempt_Mode is a matter of the Backup alone."""
    solo = master(replace(CONFIG, preempt=False))
    assert moves(solo.hear(101)) == [(State.MASTER, State.BACKUP)]


def test_a_timer_of_another_state_does_nothing() -> None:
    """94: a wake-up that was meant for a MASTER finds a BACKUP, and the other way round."""
    solo = master()
    was_due = solo.machine.next_deadline()
    assert was_due is not None
    solo.hear(200)
    solo.now = was_due
    assert solo.step(TimePassed()) == ()
    solo.step(LinkChanged(replace(LINK, carrier=False)))
    assert solo.wake_late(100 * SECOND) == ()


# -- two families, one decision -------------------------------------------------------------


def test_the_second_family_does_not_decide_before_the_first_was_listened_to() -> None:
    """80, 84: adverts of one peer overtake each other, and the families may disagree.

    The peer has the smaller IPv4 and the greater IPv6 address. If its IPv6 advert were obeyed
    because it came first, both would yield: it obeys our IPv4 advert.
    """
    solo = Solo()
    solo.start()
    solo.pass_time(TAKEOVER)
    assert solo.hear(100, source="fe80::51") == ()
    assert solo.is_now(State.MASTER)
    (advert,) = solo.hear(100, source="192.0.2.49")
    assert isinstance(advert, SendAdvert)
    assert solo.hear(100, source="fe80::51") == ()
    assert solo.is_now(State.MASTER)


def test_what_a_backup_heard_long_ago_does_not_count_as_listening() -> None:
    """80, 84: the silence of the first family counts from the moment of becoming MASTER."""
    solo = Solo()
    solo.start()
    solo.hear(100, source="192.0.2.49")
    solo.pass_time(20 * SECOND)
    assert moves(solo.hear(100, source="fe80::51")) == [(State.MASTER, State.BACKUP)]
    solo.pass_time(TAKEOVER)
    assert solo.is_now(State.MASTER)
    assert solo.hear(100, source="fe80::51") == ()


@pytest.mark.parametrize(("silence", "decides"), [(TAKEOVER, False), (TAKEOVER + 1, True)])
def test_the_second_family_decides_once_the_first_is_silent(silence: int, *, decides: bool) -> None:
    """80, 84: else two MASTERs would last where only IPv6 passes between them."""
    solo = master()
    solo.hear(100, source="192.0.2.49")
    solo.now += silence
    solo.hear(100, source="fe80::51")
    assert solo.is_now(State.BACKUP) is decides
