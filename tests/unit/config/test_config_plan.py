"""What a reload has to do."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Interface

import pytest

from vipd.config.plan import Plan, plan
from vipd.core.config import InstanceConfig
from vipd.core.model import ChecksumForm

WEB = InstanceConfig(
    name="web", interface="eth0", vrid=51, addresses=(IPv4Interface("192.0.2.1/24"),)
)
DB = replace(WEB, name="db", vrid=52)
MAIL = replace(WEB, name="mail", vrid=53)


def expected(
    *,
    added: tuple[InstanceConfig, ...] = (),
    removed: tuple[InstanceConfig, ...] = (),
    changed: tuple[InstanceConfig, ...] = (),
    kept: tuple[InstanceConfig, ...] = (),
) -> Plan:
    """A plan, mostly empty."""
    return Plan(added=added, removed=removed, changed=changed, kept=kept)


@pytest.mark.parametrize(
    ("old", "new", "result"),
    [
        ((), (), expected()),
        ((), (WEB, DB), expected(added=(WEB, DB))),
        ((WEB, DB), (), expected(removed=(WEB, DB))),
        ((WEB, DB), (DB, WEB), expected(kept=(DB, WEB))),
        ((WEB, DB), (MAIL, WEB), expected(added=(MAIL,), removed=(DB,), kept=(WEB,))),
    ],
)
def test_instances_come_and_go_in_the_order_of_their_file(
    old: tuple[InstanceConfig, ...], new: tuple[InstanceConfig, ...], result: Plan
) -> None:
    assert plan(old, new) == result


@pytest.mark.parametrize(
    "new",
    [
        replace(WEB, addresses=(IPv4Interface("192.0.2.2/24"),)),
        replace(WEB, priority=150),
        replace(WEB, advert_interval=10_000_000),
        replace(WEB, preempt=False),
        replace(WEB, checksum=ChecksumForm.MESSAGE),
        replace(WEB, announce_refresh=0),
    ],
)
def test_an_instance_lives_through_a_change_of_what_it_does(new: InstanceConfig) -> None:
    assert plan((WEB, DB), (new, DB)) == expected(changed=(new,), kept=(DB,))


@pytest.mark.parametrize(
    "new",
    [
        replace(WEB, name="www"),
        replace(WEB, interface="eth1"),
        replace(WEB, vrid=99),
        replace(WEB, priority=255),
    ],
)
def test_a_change_of_what_it_is_makes_another_instance(new: InstanceConfig) -> None:
    assert plan((WEB, DB), (new, DB)) == expected(removed=(WEB,), added=(new,), kept=(DB,))


def test_two_instances_can_swap_their_vrids() -> None:
    new = (replace(WEB, vrid=DB.vrid), replace(DB, vrid=WEB.vrid))
    assert plan((WEB, DB), new) == expected(removed=(WEB, DB), added=new)


@pytest.mark.parametrize(
    ("new", "empty"),
    [((WEB,), True), ((), False), ((WEB, DB), False), ((replace(WEB, priority=9),), False)],
)
def test_a_plan_knows_when_it_is_empty(new: tuple[InstanceConfig, ...], *, empty: bool) -> None:
    assert plan((WEB,), new).empty is empty
