"""What a reload has to do."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Interface

import pytest

from vipd.config.load import MINIMAL, parse
from vipd.config.plan import Plan, plan, reload
from vipd.core.config import (
    GroupConfig,
    Hook,
    HookMoment,
    HooksConfig,
    InstanceConfig,
    TrackerConfig,
    TrackUse,
)
from vipd.core.model import ChecksumForm
from vipd.core.units import SECOND

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
) -> Plan[InstanceConfig]:
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
    old: tuple[InstanceConfig, ...], new: tuple[InstanceConfig, ...], result: Plan[InstanceConfig]
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
        replace(WEB, track=(TrackUse(name="nginx", weight=-50),)),
        replace(WEB, hooks=HooksConfig(hooks=((HookMoment.ON_MASTER, Hook(argv=("/bin/a",))),))),
        replace(WEB, preempt_delay=SECOND),
        replace(WEB, peer_priorities=(100,)),
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


NGINX = TrackerConfig(name="nginx", kind="http", interval=SECOND, timeout=SECOND)
EDGE = GroupConfig(name="edge", members=("web", "db"))


@pytest.mark.parametrize(
    "new",
    [
        replace(NGINX, interval=2 * SECOND),
        replace(NGINX, fall=3),
        replace(NGINX, options={"url": "http://192.0.2.1/"}),
    ],
)
def test_a_tracker_keeps_what_it_knows_when_it_looks_otherwise(new: TrackerConfig) -> None:
    assert plan((NGINX,), (new,)) == Plan(added=(), removed=(), changed=(new,), kept=())


def test_another_kind_is_another_tracker() -> None:
    new = replace(NGINX, kind="tcp")
    assert plan((NGINX,), (new,)) == Plan(added=(new,), removed=(NGINX,), changed=(), kept=())


def test_a_group_is_known_by_its_name() -> None:
    new = replace(EDGE, members=("web", "db", "mail"))
    other = GroupConfig(name="inner", members=("a", "b"))
    assert plan((EDGE,), (new, other)) == Plan(added=(other,), removed=(), changed=(new,), kept=())


TRACKED = f"""
{MINIMAL}
instance.db = {{ interface = "eth1", vrid = 51, addresses = ["192.0.2.101/24"] }}
[track.nginx]
type = "http"
url = "http://127.0.0.1/"
[group.edge]
members = ["web", "db"]
"""


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("", "", ""),
        ('interval = "2s"', "", "trackers"),
        ('127.0.0.1/"', '127.0.0.1/x"', "trackers"),
        ('"db"]', '"db"]\ntrack = ["nginx"]', "groups"),
        ("vrid = 51,", "vrid = 51, priority = 7,", "instances"),
    ],
)
def test_a_reload_tells_what_is_to_be_done_of_each_sort(old: str, new: str, changed: str) -> None:
    before = parse(TRACKED, "f", {})
    if old.startswith("interval"):
        before = parse(TRACKED.replace("[group", f"{old}\n[group"), "f", {})
    after = parse(TRACKED.replace(old, new), "f", {}) if new else parse(TRACKED, "f", {})
    found = reload(before, after)
    full = [sort for sort in ("trackers", "instances", "groups") if not getattr(found, sort).empty]
    assert full == ([changed] if changed else [])
    assert found.empty is (not changed)
