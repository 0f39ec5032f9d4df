"""Traps of what is promoted: who comes back with old data, and who never gets to be promoted."""

from __future__ import annotations

import pytest

from vipd.config.load import parse
from vipd.config.trap import traps

BASE = """
[instance.db]
interface = "eth0"
vrid = 51
addresses = ["192.0.2.100/24"]
{keys}
[instance.other]
interface = "eth1"
vrid = 51
addresses = ["192.0.2.101/24"]
{other}
{rest}
"""
PROMOTES = 'hooks.before_master = ["/srv/promote"]'
LAG = '[track.lag]\ntype = "redis"\nrole = "replica"\nlag_max = "10s"'
REPLICA = '[track.lag]\ntype = "redis"\nrole = "replica"'
MASTER = '[track.lag]\ntype = "redis"\nrole = "master"'
PING = '[track.lag]\ntype = "redis"'
TRACKED = 'track = ["lag"]'
NO_PREEMPT = "preempt = false"

AGAIN = (
    "with preempt = true, a host takes over again when it comes back, "
    "and serves what may be old data"
)
OLD = ("instance.db.preempt", AGAIN)


def said(*keys: str, rest: str = "", other: str = "") -> list[tuple[str, str]]:
    """The traps of a configuration, without what the other instance shares with it."""
    config = parse(BASE.format(keys="\n".join(keys), other=other, rest=rest), "f", {})
    return [(trap.path, trap.problem) for trap in traps(config)]


@pytest.mark.parametrize(
    "hook",
    [
        PROMOTES,
        'hooks.before_master = ["/usr/bin/redis-cli", "replicaof", "no", "one"]',
        'hooks.before_master = ["/bin/a", "SLAVEOF NO ONE"]',
        'hooks.before_master = [["/bin/a"], { argv = ["/usr/bin/pg_ctl", "promote"] }]',
        'hooks.on_master = ["/srv/promote-db"]',
    ],
)
def test_who_is_promoted_must_not_preempt(hook: str) -> None:
    assert said(hook) == [OLD]
    assert said(hook, NO_PREEMPT) == []


@pytest.mark.parametrize(
    "hook",
    [
        'hooks.before_master = ["/usr/sbin/conntrackd", "-c"]',
        'hooks.on_backup = ["/usr/bin/redis-cli", "replicaof", "192.0.2.100", "6379"]',
        'hooks.on_fault = ["/srv/promote"]',
    ],
)
def test_what_promotes_nothing_may_preempt(hook: str) -> None:
    assert said(hook) == []


def test_a_role_tells_what_a_script_is_for() -> None:
    script = 'hooks.before_master = ["/srv/up"]'
    problem = '"lag": role = "replica" is FAULT as soon as this host has been promoted'
    assert said(script, TRACKED, rest=REPLICA) == [OLD, ("instance.db.track[0]", problem)]
    assert said(script, TRACKED, rest=PING) == []


def test_whose_redis_becomes_the_master_elsewhere_must_not_preempt_either() -> None:
    assert said(TRACKED, rest=MASTER) == [OLD]
    assert said(TRACKED, NO_PREEMPT, rest=MASTER) == []


def test_replicas_that_nobody_promotes_may_preempt() -> None:
    assert said(TRACKED, rest=LAG) == []


def test_an_owner_always_preempts() -> None:
    problem = AGAIN.replace("with preempt = true, a host", "a host of priority 255")
    owner = ("priority = 255", NO_PREEMPT)
    assert said(PROMOTES, *owner) == [("instance.db.priority", problem)]


@pytest.mark.parametrize(
    ("tracker", "why"),
    [
        (
            LAG,
            "lag_max is FAULT when the master is lost, just when this host is to be promoted",
        ),
        (REPLICA, 'role = "replica" is FAULT as soon as this host has been promoted'),
        (
            MASTER,
            'role = "master" is FAULT until this host is promoted, which it never is in FAULT',
        ),
    ],
)
def test_health_does_not_ask_to_be_promoted_already_or_never(tracker: str, why: str) -> None:
    found = said(PROMOTES, NO_PREEMPT, TRACKED, rest=tracker)
    assert found == [("instance.db.track[0]", f'"lag": {why}')]


@pytest.mark.parametrize("tracker", [LAG, REPLICA, MASTER])
def test_a_weight_keeps_nobody_from_being_promoted(tracker: str) -> None:
    use = 'track = [{ name = "lag", weight = 20 }]'
    assert said(PROMOTES, use, rest=tracker) == [OLD]


def test_what_stands_on_the_group_is_told_once() -> None:
    group = f'[group.g]\nmembers = ["db", "other"]\n{TRACKED}\n{PROMOTES}\n{LAG}'
    found = said(NO_PREEMPT, other=NO_PREEMPT, rest=group)
    assert [path for path, _ in found] == ["group.g.track[0]"]
    preempting = said(rest=group)
    assert sorted(path for path, _ in preempting) == [
        "group.g.track[0]",
        "instance.db.preempt",
        "instance.other.preempt",
    ]


def test_the_ways_out() -> None:
    config = parse(BASE.format(keys=f"{PROMOTES}\n{TRACKED}", other="", rest=LAG), "f", {})
    assert [trap.hint for trap in traps(config)] == [
        "write preempt = false, and move the addresses back by hand when the data has caught up",
        "track this Redis without role and lag_max: what promotes it sees to its role",
    ]
