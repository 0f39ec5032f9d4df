"""Traps: what is valid, and will not do what was meant."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Interface
from pathlib import Path

import pytest

from vipd.config.model import AgentConfig, Config
from vipd.config.trap import traps
from vipd.core.config import GroupConfig, InstanceConfig, TrackerConfig, TrackUse
from vipd.core.units import SECOND

AGENT = AgentConfig(
    control_socket=Path("/c"), runtime_directory=Path("/r"), state_directory=Path("/s")
)
WEB = InstanceConfig(
    name="web",
    interface="eth0",
    vrid=51,
    addresses=(IPv4Interface("192.0.2.1/24"),),
    priority=150,
    peer_priorities=(100,),
)
DB = replace(WEB, name="db", interface="eth1", addresses=(IPv4Interface("192.0.2.2/24"),))


def uses(*weights: int | None) -> tuple[TrackUse, ...]:
    return tuple(TrackUse(name=f"t{n}", weight=weight) for n, weight in enumerate(weights))


def found(
    *instances: InstanceConfig, groups: tuple[GroupConfig, ...] = ()
) -> list[tuple[str, str]]:
    owners = [each.track for each in instances] + [each.track for each in groups]
    names = sorted({use.name for track in owners for use in track})
    trackers = tuple(
        TrackerConfig(name=name, kind="ping", interval=SECOND, timeout=SECOND) for name in names
    )
    config = Config(agent=AGENT, instances=instances, trackers=trackers, groups=groups)
    return [(trap.path, trap.problem) for trap in traps(config)]


def effects(own: int, peers: tuple[int, ...], *weights: int | None) -> list[str]:
    """What is said of each weight: its first words after the number."""
    instance = replace(WEB, priority=own, peer_priorities=peers, track=uses(*weights))
    return [problem.partition(":")[0] for _, problem in found(instance)]


def test_a_good_configuration_has_no_traps() -> None:
    assert found(replace(WEB, track=uses(None, -60))) == []


@pytest.mark.parametrize(
    ("own", "peers", "weights", "said"),
    [
        (150, (100,), (-51,), []),
        (150, (100,), (-50,), ["-50 brings a tie at most"]),
        (150, (100,), (-49,), ["-49 can never change the order"]),
        (100, (150,), (-51,), []),
        (100, (150,), (-49,), ["-49 can never change the order"]),
        (150, (100,), (51,), []),
        (150, (100,), (20,), ["20 can never change the order"]),
        # Together they do what none does alone.
        (150, (100,), (-30, -30), []),
        (150, (100,), (-30, -5), [f"{w} can never change the order" for w in (-30, -5)]),
        # Whoever has lost 100 already is not moved by one more.
        (150, (100,), (-100, -1), ["-1 can never change the order"]),
        # One of the peers is near enough.
        (150, (10, 140), (-20,), []),
        # 254 is the end: what is added beyond does not count.
        (254, (250,), (20,), ["20 brings a tie at most"]),
        (250, (240,), (20,), []),
        (2, (1,), (-200,), ["-200 brings a tie at most"]),
        (150, (255,), (-100,), ["-100 can never change the order"]),
        (150, (100,), (None,), []),
        (150, (), (-1,), []),
    ],
)  # fmt: skip
def test_a_weight_must_be_able_to_change_the_order(
    own: int, peers: tuple[int, ...], weights: tuple[int | None, ...], said: list[str]
) -> None:
    assert effects(own, peers, *weights) == said


def test_a_weight_on_a_group_counts_for_each_member() -> None:
    group = GroupConfig(name="edge", members=("web", "db"), track=uses(-20))
    near = replace(DB, peer_priorities=(140,))
    assert found(WEB, near, groups=(group,)) == [
        (
            "group.edge.track[0].weight",
            "-20 can never change the order: web has priority 150, its peers have 100",
        )
    ]


def test_the_hint_says_which_weight_is_enough() -> None:
    config = Config(
        agent=AGENT,
        instances=(replace(WEB, track=uses(-10)),),
        trackers=(TrackerConfig(name="t0", kind="ping", interval=SECOND, timeout=SECOND),),
    )
    (trap,) = traps(config)
    assert trap.hint == "such as weight = -51; or leave it out, so that a failure is FAULT"


def test_where_no_weight_is_enough_none_is_named() -> None:
    instance = replace(WEB, priority=254, peer_priorities=(250,), track=uses(20))
    config = Config(agent=AGENT, instances=(instance,))
    assert traps(config)[0].hint == (
        "lower the priorities, or leave the weight out, so that a failure is FAULT"
    )


def test_many_weights_are_judged_quickly() -> None:
    assert found(replace(WEB, track=uses(*range(-40, -1)))) == []


def test_an_owner_is_not_changed_by_weights() -> None:
    owner = replace(WEB, priority=255, track=uses(-200))
    assert found(owner) == [("instance.web.priority", "255 is not changed by weights")]


@pytest.mark.parametrize(
    ("change", "key", "problem"),
    [
        ({"preempt_delay": SECOND}, "preempt_delay", "is never waited for with preempt = false"),
        (
            {"track": uses(-60)},
            "preempt",
            "with preempt = false, a MASTER that a weight has weakened goes on serving",
        ),
    ],
)
def test_what_preempt_false_makes_void(change: dict[str, object], key: str, problem: str) -> None:
    instance = replace(WEB, preempt=False, **change)  # type: ignore[arg-type]
    assert found(instance) == [(f"instance.web.{key}", problem)]
    assert found(replace(instance, preempt=True)) == []


def test_preempt_false_goes_with_fault() -> None:
    assert found(replace(WEB, preempt=False, track=uses(None))) == []


@pytest.mark.parametrize(
    ("peers", "said"),
    [
        ((100, 150), "2 hosts have priority 150"),
        ((100, 100), "2 hosts have priority 100"),
        ((150, 150), "3 hosts have priority 150"),
    ],
)
def test_equal_priorities_are_told(peers: tuple[int, ...], said: str) -> None:
    instance = replace(WEB, peer_priorities=peers)
    assert found(instance) == [("instance.web.peer_priorities", said)]


def test_members_agree_about_preemption() -> None:
    group = GroupConfig(name="edge", members=("web", "db"))
    assert found(WEB, replace(DB, preempt=False), groups=(group,)) == [
        ("group.edge.members", "some members preempt and some do not")
    ]


def test_a_tracker_counts_once() -> None:
    group = GroupConfig(name="edge", members=("web", "db"), track=uses(None))
    assert found(replace(WEB, track=uses(None)), DB, groups=(group,)) == [
        ("instance.web.track[0]", '"t0" stands on group edge as well')
    ]


def test_an_unused_tracker_is_told() -> None:
    idle = TrackerConfig(name="idle", kind="ping", interval=SECOND, timeout=SECOND)
    (trap,) = traps(Config(agent=AGENT, instances=(WEB,), trackers=(idle,)))
    assert (trap.path, trap.problem) == ("track.idle", "is not used")
