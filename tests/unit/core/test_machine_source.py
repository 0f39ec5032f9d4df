"""A host's own address that is away for a moment: networkd does that when it is configured anew."""

from __future__ import annotations

from dataclasses import replace

import pytest
from solo_machine import FULL, LINK, VIP4, Solo

from vipd.core.actions import AnnounceAddresses, ClaimAddresses, ReleaseAddresses, SendAdvert
from vipd.core.cause import CauseCode
from vipd.core.config import InstanceConfig
from vipd.core.events import FailoverOrdered, GroupAgreed, LinkChanged
from vipd.core.model import LinkFacts, State

MS = 1_000_000
SECOND = 1_000_000_000
TAKEOVER = 3_609_375_000
ONE = replace(FULL, addresses=(VIP4,))
AWAY = replace(LINK, ipv4=None)


def interrupted(config: InstanceConfig = ONE, link: LinkFacts = AWAY) -> Solo:
    """A MASTER that spoke 500 ms ago and has no source now."""
    solo = Solo.master(config, after=500 * MS)
    solo.step(LinkChanged(link))
    assert solo.is_now(State.FAULT)
    return solo


@pytest.mark.parametrize("link", [AWAY, replace(LINK, obstacle="there is no route to the peer")])
@pytest.mark.parametrize("away", [0, 20 * MS, 2_499 * MS])
def test_a_master_that_nobody_can_have_missed_carries_on(link: LinkFacts, away: int) -> None:
    solo = interrupted(link=link)
    solo.pass_time(away)
    actions = solo.step(LinkChanged(LINK))
    assert solo.is_now(State.MASTER)
    assert solo.machine.status(solo.now).cause.code is CauseCode.RESUMED
    wanted = (ClaimAddresses, SendAdvert, AnnounceAddresses)
    assert [type(one) for one in actions if isinstance(one, wanted)] == list(wanted)


def test_its_addresses_are_away_meanwhile() -> None:
    """Why: to the kernel they would be the host's first ones then, without a route."""
    solo = Solo.master(ONE, after=500 * MS)
    actions = solo.step(LinkChanged(AWAY))
    assert any(isinstance(one, ReleaseAddresses) for one in actions)
    assert solo.machine.held == ()


def test_after_three_intervals_it_stands_for_election() -> None:
    solo = interrupted()
    solo.pass_time(2_500 * MS)
    solo.step(LinkChanged(LINK))
    assert solo.is_now(State.BACKUP)


def test_who_has_heard_another_one_stands_for_election() -> None:
    solo = interrupted()
    solo.hear(50)
    solo.step(LinkChanged(LINK))
    assert solo.is_now(State.BACKUP)


def test_one_address_after_the_other_is_the_same_interruption() -> None:
    solo = interrupted(FULL)
    solo.step(LinkChanged(replace(LINK, ipv4=None, ipv6=None)))
    solo.step(LinkChanged(AWAY))
    solo.step(LinkChanged(LINK))
    assert solo.is_now(State.MASTER)


def test_another_fault_ends_the_interruption() -> None:
    solo = interrupted()
    solo.step(LinkChanged(replace(AWAY, carrier=False)))
    solo.step(LinkChanged(LINK))
    assert solo.is_now(State.BACKUP)


def test_who_was_on_the_way_out_does_not_carry_on() -> None:
    solo = Solo.master(ONE, after=500 * MS)
    solo.step(FailoverOrdered("an operator"))
    solo.step(LinkChanged(AWAY))
    solo.step(LinkChanged(LINK))
    assert solo.is_now(State.BACKUP)


def test_a_group_is_elected_as_one() -> None:
    solo = Solo(replace(ONE, group="edge"))
    solo.start()
    solo.pass_time(TAKEOVER)
    solo.step(GroupAgreed())
    assert solo.is_now(State.MASTER)
    solo.step(LinkChanged(AWAY))
    solo.step(LinkChanged(LINK))
    assert solo.is_now(State.BACKUP)
