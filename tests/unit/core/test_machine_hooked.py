"""A machine that lets hooks run before it takes over and before it lets go."""

from __future__ import annotations

from dataclasses import replace

import pytest
from solo_machine import CONFIG, LINK, VIP4, Solo

from vipd.core.actions import (
    Action,
    AskHooks,
    CallOffHooks,
    ClaimAddresses,
    ReleaseAddresses,
    ReportTransition,
    SendAdvert,
)
from vipd.core.cause import Cause, CauseCode
from vipd.core.config import Hook, HookMoment, HooksConfig, InstanceConfig, TrackUse
from vipd.core.events import (
    AddressesDrifted,
    ConfigChanged,
    GroupAgreed,
    GroupLost,
    HooksAnswered,
    LinkChanged,
    Started,
    Stopped,
    TrackReported,
    WokeLate,
)
from vipd.core.model import State

MS = 1_000_000
SECOND = 1_000_000_000
DOWN = 3_609_375_000
SKEW = 609_375_000

PROMOTE = Hook(argv=("/usr/bin/promote",))
BEFORE = HooksConfig(hooks=((HookMoment.BEFORE_MASTER, PROMOTE),))
AFTER = HooksConfig(hooks=((HookMoment.BEFORE_RELEASE, PROMOTE),))
RUN = HooksAnswered(moment=HookMoment.BEFORE_MASTER)
FAILED = HooksAnswered(moment=HookMoment.BEFORE_MASTER, fault="promote: exit code 1")
RELEASED = HooksAnswered(moment=HookMoment.BEFORE_RELEASE)

ONE = replace(CONFIG, addresses=(VIP4,), hooks=BEFORE)
LAST = replace(CONFIG, addresses=(VIP4,), hooks=AFTER, track=(TrackUse(name="nginx"),))


def preparing(config: InstanceConfig = ONE) -> Solo:
    """A BACKUP whose hooks were asked just now."""
    solo = Solo(config)
    solo.start()
    solo.pass_time(DOWN)
    if config.group:
        solo.step(GroupAgreed())
    assert len(solo.when(AskHooks)) == 1
    return solo


def serving(config: InstanceConfig = LAST) -> Solo:
    solo = Solo(config)
    solo.step(LinkChanged(LINK))
    well(solo)
    solo.step(Started())
    solo.pass_time(10_250 * MS)
    if config.group:
        solo.step(GroupAgreed())
    assert solo.is_now(State.MASTER)
    return solo


def well(solo: Solo) -> tuple[Action, ...]:
    return solo.step(TrackReported(name="nginx", up=True, text="well"))


def sick(solo: Solo) -> tuple[Action, ...]:
    return solo.step(TrackReported(name="nginx", up=False, text="gone"))


def cause(solo: Solo) -> Cause:
    return solo.machine.status(solo.now).cause


def asked(actions: tuple[Action, ...]) -> list[tuple[HookMoment, State, State]]:
    return [
        (action.moment, action.report.old, action.report.new)
        for action in actions
        if isinstance(action, AskHooks)
    ]


# -- before it takes over -------------------------------------------------------------------


def test_the_claim_waits_for_the_hooks_and_they_are_asked_once() -> None:
    solo = preparing()
    assert solo.when(AskHooks) == [DOWN]
    assert solo.is_now(State.BACKUP)
    solo.pass_time(10 * SECOND)
    assert (solo.when(AskHooks), solo.when(ClaimAddresses)) == ([DOWN], [])
    solo.step(RUN)
    assert solo.is_now(State.MASTER)
    assert solo.when(ClaimAddresses) == [DOWN + 10 * SECOND]
    assert cause(solo).code is CauseCode.MASTER_SILENT


def test_a_failure_is_a_fault_and_tried_again() -> None:
    solo = preparing()
    solo.step(FAILED)
    assert cause(solo) == Cause(CauseCode.HOOK, "promote: exit code 1")
    solo.pass_time(SECOND)
    assert solo.is_now(State.BACKUP)
    solo.pass_time(DOWN)
    assert len(solo.when(AskHooks)) == 2


def test_a_master_that_is_heard_calls_them_off() -> None:
    solo = preparing()
    assert solo.hear(150) == (CallOffHooks(),)
    assert solo.step(RUN) == ()
    assert solo.hear(150) == ()
    solo.pass_time(DOWN)
    assert len(solo.when(AskHooks)) == 2


def test_a_weaker_master_does_not() -> None:
    solo = preparing()
    assert solo.hear(50) == ()
    solo.step(RUN)
    assert solo.is_now(State.MASTER)


def test_an_answer_that_comes_too_late_means_nothing() -> None:
    solo = preparing()
    solo.step(LinkChanged(replace(LINK, carrier=False)))
    assert solo.step(RUN) == ()
    assert solo.step(FAILED) == ()


@pytest.mark.parametrize("group", [None, "edge"])
def test_who_sleeps_meanwhile_listens_and_asks_again(group: str | None) -> None:
    solo = preparing(replace(ONE, group=group))
    solo.now += 5 * SECOND
    solo.step(WokeLate(5 * SECOND))
    assert solo.step(RUN) == ()
    solo.pass_time(SECOND + SKEW)
    if group:
        assert solo.machine.standing.ready
        solo.step(GroupAgreed())
    assert len(solo.when(AskHooks)) == 2


def test_who_prepares_is_not_asked_by_its_group_again() -> None:
    solo = preparing(replace(ONE, group="edge"))
    assert not solo.machine.standing.ready
    solo.pass_time(10 * SECOND)
    solo.step(RUN)
    assert solo.is_now(State.MASTER)


# -- before it lets go ----------------------------------------------------------------------


def test_all_goes_on_until_the_hooks_have_run() -> None:
    solo = serving()
    before = len(solo.when(SendAdvert))
    assert asked(solo.step(Stopped())) == [(HookMoment.BEFORE_RELEASE, State.MASTER, State.INIT)]
    solo.pass_time(5 * SECOND)
    assert len(solo.when(SendAdvert)) == before + 5
    (resigned,) = solo.step(RELEASED)
    assert isinstance(resigned, SendAdvert)
    assert resigned.priority == 0
    assert solo.step(RELEASED) == ()
    solo.pass_time(2 * SECOND)
    assert solo.is_now(State.INIT)


def test_its_group_sees_it_leave_at_once() -> None:
    solo = serving(replace(LAST, group="edge"))
    solo.step(Stopped())
    assert solo.machine.standing.leaving
    assert solo.step(GroupLost("another has yielded")) == ()


def test_a_second_stop_does_not_wait() -> None:
    solo = serving()
    solo.step(Stopped())
    solo.step(Stopped())
    assert solo.is_now(State.INIT)


def test_who_is_sick_and_then_stops_asks_once_and_stops() -> None:
    solo = serving()
    assert len(asked(sick(solo))) == 1
    assert asked(solo.step(Stopped())) == []
    solo.step(RELEASED)
    solo.pass_time(2 * SECOND)
    assert solo.is_now(State.INIT)


def stopping(linger: int) -> Solo:
    solo = serving(replace(LAST, linger=linger))
    solo.step(Stopped())
    return solo


@pytest.mark.parametrize("linger", [0, 100 * MS])
def test_who_stops_stops_though_it_is_outranked_meanwhile(linger: int) -> None:
    solo = stopping(linger)
    solo.hear(150)
    solo.pass_time(linger)
    assert solo.is_now(State.INIT)
    assert solo.machine.next_deadline() is None
    assert solo.step(RELEASED) == ()


def test_who_stops_stops_though_the_answer_comes_while_it_lingers() -> None:
    solo = stopping(100 * MS)
    solo.hear(150)
    assert solo.step(RELEASED) == ()
    solo.pass_time(100 * MS)
    assert solo.is_now(State.INIT)


def test_who_stops_stops_though_it_sleeps_meanwhile() -> None:
    solo = stopping(0)
    solo.now += 5 * SECOND
    solo.step(WokeLate(5 * SECOND))
    assert solo.is_now(State.INIT)


def test_who_stops_stops_though_its_link_is_lost_meanwhile() -> None:
    solo = stopping(0)
    solo.step(LinkChanged(replace(LINK, carrier=False)))
    assert solo.is_now(State.INIT)


def test_who_stops_stops_though_it_fails_or_fights_meanwhile() -> None:
    solo = stopping(0)
    sick(solo)
    for _ in range(6):
        solo.step(AddressesDrifted("192.0.2.100/24 was removed from eth0"))
    solo.step(RELEASED)
    solo.pass_time(2 * SECOND)
    assert solo.is_now(State.INIT)


@pytest.mark.parametrize("linger", [0, 100 * MS])
def test_who_is_sick_and_outranked_meanwhile_is_in_fault(linger: int) -> None:
    solo = serving(replace(LAST, linger=linger))
    sick(solo)
    solo.hear(150)
    solo.pass_time(linger)
    assert cause(solo) == Cause(CauseCode.TRACKER, "nginx: gone")


@pytest.mark.parametrize("linger", [0, 100 * MS])
def test_who_recovers_meanwhile_is_not_in_fault_for_ever(linger: int) -> None:
    solo = serving(replace(LAST, linger=linger))
    sick(solo)
    well(solo)
    solo.hear(150)
    solo.pass_time(linger)
    assert solo.is_now(State.BACKUP)
    assert solo.machine.next_deadline() is not None


def test_who_stops_after_a_reload_without_hooks_stops() -> None:
    solo = serving(replace(LAST, group="edge"))
    solo.step(GroupLost("another has yielded"))
    solo.step(ConfigChanged(replace(solo.machine.config, hooks=HooksConfig())))
    solo.step(Stopped())
    solo.pass_time(5 * SECOND)
    assert solo.is_now(State.INIT)


def test_who_is_outranked_and_then_stops_stops() -> None:
    solo = serving(replace(LAST, linger=100 * MS))
    sick(solo)
    solo.hear(150)
    solo.step(Stopped())
    solo.pass_time(100 * MS)
    assert solo.is_now(State.INIT)


def test_a_fault_of_the_link_asks_nobody() -> None:
    solo = serving()
    actions = solo.step(LinkChanged(replace(LINK, carrier=False)))
    assert asked(actions) == []
    kinds = [type(action) for action in actions]
    assert kinds == [SendAdvert, ReleaseAddresses, ReportTransition]
