"""Orders that something else happens to: a tracker, hooks that run, another order."""

from __future__ import annotations

from dataclasses import replace

from solo_machine import CONFIG, FULL, VIP4, Solo

from vipd.core.actions import AskHooks, ReportTransition
from vipd.core.config import Hook, HookMoment, HooksConfig, TrackUse
from vipd.core.events import FailoverOrdered, HooksAnswered, OrdersGiven, TrackReported
from vipd.core.model import State
from vipd.core.orders import Orders
from vipd.core.units import MILLISECOND, SECOND

MOVE = FailoverOrdered("ordered by an operator")
BOUND = 1_096_093_750
WELL = TrackReported(name="nginx", up=True, text="well")
SICK = TrackReported(name="nginx", up=False, text="gone")
TRACKED = replace(FULL, track=(TrackUse(name="nginx"),))
PROMOTE = Hook(argv=("/usr/bin/promote",))
HOOKED = replace(
    CONFIG, addresses=(VIP4,), hooks=HooksConfig(hooks=((HookMoment.BEFORE_MASTER, PROMOTE),))
)


def tracked() -> Solo:
    solo = Solo(TRACKED)
    solo.step(WELL)
    solo.start()
    solo.step(WELL)
    solo.pass_time(10 * SECOND)
    assert solo.is_now(State.MASTER)
    return solo


def test_another_priority_does_not_ask_the_hooks_again() -> None:
    solo = Solo(HOOKED)
    solo.start()
    solo.pass_time(3_609_375_000)
    assert len(solo.when(AskHooks)) == 1
    solo.step(OrdersGiven(Orders(priority=50)))
    solo.pass_time(3 * SECOND)
    assert len(solo.when(AskHooks)) == 1
    solo.step(HooksAnswered(moment=HookMoment.BEFORE_MASTER))
    assert solo.is_now(State.MASTER)


def test_hooks_that_answer_after_another_priority_are_listened_to() -> None:
    solo = Solo(HOOKED)
    solo.start()
    solo.pass_time(3_609_375_000)
    solo.step(OrdersGiven(Orders(priority=50)))
    solo.step(HooksAnswered(moment=HookMoment.BEFORE_MASTER))
    assert solo.is_now(State.MASTER)


def test_a_failover_is_remembered_through_a_fault_that_comes_and_goes() -> None:
    solo = tracked()
    solo.step(MOVE)
    solo.step(SICK)
    solo.pass_time(100 * MILLISECOND)
    solo.step(WELL)
    solo.pass_time(500 * MILLISECOND)
    solo.hear(50)
    solo.pass_time(20 * MILLISECOND)
    for _ in range(20):
        assert solo.is_now(State.BACKUP)
        solo.pass_time(SECOND)
        solo.hear(50)
    assert solo.is_now(State.BACKUP)


def test_one_that_came_back_from_a_failover_stands_for_election_as_before() -> None:
    solo = Solo.master(after=10 * SECOND)
    solo.step(MOVE)
    solo.pass_time(2 * BOUND)
    assert solo.is_now(State.MASTER)
    assert not solo.machine.status(solo.now).stands_aside
    assert len(solo.when(ReportTransition)) == 2


def test_who_would_serve_on_says_so() -> None:
    solo = Solo.master(after=10 * SECOND)
    solo.step(MOVE)
    prospect = solo.machine.status(solo.now).prospect
    assert prospect is not None
    assert prospect.text == "serves on, unless another one is heard"
