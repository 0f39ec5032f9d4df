"""What a group tells its instances: a table, and that it comes to an end."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vipd.core.events import GroupAgreed, GroupFailed, GroupLost, GroupRecovered
from vipd.core.group import GroupEvent, Standing, decide
from vipd.core.model import State

Told: TypeAlias = dict[str, GroupEvent]

INIT = Standing(state=State.INIT)
WAITS = Standing(state=State.BACKUP)
READY = Standing(state=State.BACKUP, ready=True)
FOLLOWS = Standing(state=State.BACKUP, follows=True)
MASTER = Standing(state=State.MASTER)
LEAVING = Standing(state=State.MASTER, leaving=True)
PARTING = Standing(state=State.MASTER, leaving=True, returns=True, ready=True)
ASKING = Standing(state=State.MASTER, leaving=True, returns=True, asking=True)
RETURNING = Standing(state=State.MASTER, leaving=True, returns=True)
CABLE = Standing(state=State.FAULT, fault="eth0 has no carrier")
FAILING = Standing(state=State.MASTER, leaving=True, fault="nginx: gone")

OF_A = "a, of the group edge: eth0 has no carrier"
OF_A_FAILING = "a, of the group edge: nginx: gone"
TAKEN = Standing(state=State.FAULT, group_fault=OF_A)

AGREED = GroupAgreed()
A_YIELDED, B_YIELDED = (GroupLost(f"{name}, of the group edge, has yielded") for name in "ab")


def decided(*members: Standing) -> Told:
    return dict(decide("edge", dict(zip("abc", members, strict=False))))


@pytest.mark.parametrize(
    ("members", "told"),
    [
        # All take over together, or none does.
        ((WAITS, WAITS), {}),
        ((READY, WAITS), {}),
        ((READY, FOLLOWS), {}),
        ((READY, INIT), {}),
        ((READY, READY), {"a": AGREED, "b": AGREED}),
        ((READY, READY, WAITS), {}),
        ((READY, READY, READY), {"a": AGREED, "b": AGREED, "c": AGREED}),
        ((READY,), {"a": AGREED}),
        # One that listens joins those that serve when it has heard nobody.
        ((MASTER, WAITS), {}),
        ((MASTER, READY), {"b": AGREED}),
        ((MASTER, READY, WAITS), {}),
        ((MASTER, READY, READY), {"b": AGREED, "c": AGREED}),
        ((MASTER, MASTER), {}),
        ((MASTER, INIT), {}),
        # Those that are ordered to hand over say so together, after the hooks of all.
        ((PARTING, PARTING), {"a": AGREED, "b": AGREED}),
        ((PARTING, ASKING), {}),
        ((RETURNING, MASTER), {}),
        # Whoever yields takes the others along.
        ((LEAVING, MASTER), {"b": A_YIELDED}),
        ((FOLLOWS, MASTER), {"b": A_YIELDED}),
        ((MASTER, FOLLOWS, MASTER), {"a": B_YIELDED, "c": B_YIELDED}),
        ((MASTER, FOLLOWS, READY), {"a": B_YIELDED}),
        ((LEAVING, LEAVING), {}),
        ((LEAVING, FOLLOWS), {}),
        ((LEAVING, READY), {}),
        # A FAULT is everybody's, and that comes first.
        ((CABLE, WAITS), {"b": GroupFailed(OF_A)}),
        ((CABLE, MASTER, READY), {"b": GroupFailed(OF_A), "c": GroupFailed(OF_A)}),
        ((FAILING, MASTER), {"b": GroupFailed(OF_A_FAILING)}),
        ((CABLE, INIT), {"b": GroupFailed(OF_A)}),
        ((CABLE, TAKEN), {}),
        ((FAILING, TAKEN), {"b": GroupFailed(OF_A_FAILING)}),
        ((WAITS, TAKEN), {"b": GroupRecovered()}),
        ((READY, replace(READY, group_fault=OF_A)), {"b": GroupRecovered()}),
        (
            (CABLE, replace(CABLE, group_fault=OF_A)),
            {"a": GroupFailed("b, of the group edge: eth0 has no carrier")},
        ),
    ],
)
def test_what_is_told(members: tuple[Standing, ...], told: Told) -> None:
    assert decided(*members) == told


def test_nobody_is_told_of_its_own_fault() -> None:
    assert "a" not in decided(CABLE, WAITS, WAITS)


# -- it comes to an end ---------------------------------------------------------------------

FAULTS = st.sampled_from([None, "no carrier", "nginx: gone"])
GROUP_FAULTS = st.sampled_from([None, "a, of the group edge: no carrier", "stale"])


@st.composite
def standings(draw: st.DrawFn) -> Standing:
    """Whatever a machine may be: one that serves or listens has not been told of a FAULT."""
    state = draw(st.sampled_from(State))
    group_fault = draw(GROUP_FAULTS)
    if state is State.FAULT:
        own = draw(FAULTS) if group_fault else draw(FAULTS.filter(bool))
        return Standing(state=state, fault=own, group_fault=group_fault)
    if state is State.MASTER and draw(st.booleans()):
        return Standing(state=state, leaving=True, fault=draw(FAULTS), group_fault=group_fault)
    if state is State.MASTER:
        return MASTER
    if state is State.BACKUP:
        return draw(st.sampled_from([WAITS, READY, FOLLOWS]))
    return Standing(state=state, group_fault=group_fault)


def obeyed(one: Standing, event: GroupEvent) -> Standing:
    """What a machine becomes of it."""
    match event:
        case GroupAgreed():
            assert one.ready, "it is told to take over before it would"
            return replace(one, state=State.MASTER, ready=False)
        case GroupLost():
            assert one.state is State.MASTER
            assert not one.leaving, "it is told twice to yield"
            return replace(one, leaving=True)
        case GroupFailed(why=why):
            return taken_along(replace(one, group_fault=why))
        case GroupRecovered():
            assert one.group_fault is not None, "it is told of the end of nothing"
            return recovered(replace(one, group_fault=None))


def taken_along(one: Standing) -> Standing:
    match one.state:
        case State.BACKUP:
            return Standing(state=State.FAULT, group_fault=one.group_fault)
        case State.MASTER:
            return replace(one, leaving=True)
        case _:
            return one


def recovered(one: Standing) -> Standing:
    if one.state is State.FAULT and one.fault is None:
        return Standing(state=State.BACKUP)
    return one


@settings(max_examples=1000, derandomize=True, database=None)
@given(st.lists(standings(), min_size=2, max_size=3))
def test_it_comes_to_an_end_and_leaves_nobody_divided(members: list[Standing]) -> None:
    group = dict(zip("abc", members, strict=False))
    for _ in range(4):
        told = dict(decide("edge", group))
        if not told:
            break
        for name, event in told.items():
            group[name] = obeyed(group[name], event)
    else:
        pytest.fail(f"there is always more to tell: {group}")
    serves = [one for one in group.values() if one.state is State.MASTER and not one.leaving]
    if serves:
        others = [one for one in group.values() if one not in serves]
        assert not any(one.leaving or one.follows or one.fault for one in others)


@settings(max_examples=1000, derandomize=True, database=None)
@given(st.lists(standings(), min_size=2, max_size=3))
def test_it_keeps_nothing_and_tells_nobody_twice(members: list[Standing]) -> None:
    group = dict(zip("abc", members, strict=False))
    told = list(decide("edge", group))
    assert told == list(decide("edge", group))
    assert len({name for name, _ in told}) == len(told)
