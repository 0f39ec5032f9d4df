"""What is judged how, of an instance and of the agent."""

from __future__ import annotations

import msgspec
import pytest
from status_samples import (
    ASIDE,
    BETA,
    FAULT,
    GROUPED,
    INIT,
    INTERNAL,
    LEAVING,
    LONELY,
    MAINTENANCE,
    MUTE,
    ODD,
    PREEMPTS,
    REFUSED,
    SERVED,
    SICK,
    STANDBY,
    STAYS_DOWN,
    UNHEALTHY,
    WARNED,
    WEB,
    addresses,
    changed,
    report,
    tracked,
)

from vipd.cli.assessment import Level, Topic, assess
from vipd.control.report import AgentReport, HookReport, InstanceReport, MasterReport

OK, WARNING, CRITICAL = Level.OK, Level.WARNING, Level.CRITICAL

MISSING = addresses("192.0.2.1/24", held=True, in_kernel=False)
LEFT_OVER = addresses("192.0.2.1/24", held=False, in_kernel=True)
SILENT = MasterReport(address="198.51.100.11", priority=150, age_s=10)
HOOK = HookReport(
    moment="on_master",
    program="/etc/vipd/hooks/promote",
    ok=False,
    text="exit 1",
    took_s=0.1,
    at="2026-01-02T01:02:04.000Z",
)


def hook(**changes: object) -> HookReport:
    return msgspec.structs.replace(HOOK, **changes)


@pytest.mark.parametrize(
    ("instance", "level"),
    [
        (SERVED, OK),
        (STANDBY, OK),
        (WEB, OK),
        (LEAVING, OK),
        (PREEMPTS, OK),
        (ASIDE, OK),
        (FAULT, CRITICAL),
        (INIT, WARNING),
        (WARNED, WARNING),
        (LONELY, WARNING),
        (changed(WEB, peers=(BETA, ODD)), WARNING),
        (changed(WEB, peers=(SICK, BETA)), OK),
        (changed(WEB, peers=(MUTE,)), OK),
        (changed(INTERNAL, peers=(SICK, MUTE)), OK),
        (changed(INTERNAL, peers=(SICK,), master=SILENT), WARNING),
        (changed(INTERNAL, master=None), WARNING),
        (changed(WEB, master=None), OK),
        (changed(WEB, master=SILENT), WARNING),
        (changed(WEB, addresses=MISSING), CRITICAL),
        (changed(STANDBY, addresses=LEFT_OVER), CRITICAL),
        (changed(SERVED, hooks=(HOOK,)), WARNING),
        (changed(SERVED, hooks=(hook(at="2026-01-02T00:00:00.000Z"),)), OK),
        (changed(SERVED, hooks=(hook(at="2026-01-02T01:02:03.000Z"),)), OK),
        (changed(SERVED, hooks=(hook(at="2026-01-02T01:02:03.000Z", moment="before_master"),)),
         WARNING),
        (changed(SERVED, hooks=(hook(ok=True),)), OK),
    ],
)  # fmt: skip
def test_an_instance_is_judged(instance: InstanceReport, level: Level) -> None:
    assert assess(report(instance)).level is level


@pytest.mark.parametrize(
    ("shown", "level"),
    [
        (report(SERVED, STANDBY), OK),
        (report(SERVED, FAULT, INIT), CRITICAL),
        (report(), WARNING),
        (report(SERVED, warnings=("the clock jumps",)), WARNING),
        (report(SERVED, config=REFUSED), WARNING),
        (report(SERVED, config=msgspec.structs.replace(REFUSED, refused=None)), OK),
        (report(STANDBY, maintenance=MAINTENANCE), WARNING),
        (report(STAYS_DOWN, maintenance=MAINTENANCE), WARNING),
        (report(changed(STAYS_DOWN, master=None), maintenance=MAINTENANCE), CRITICAL),
        (report(changed(INTERNAL, master=None), maintenance=MAINTENANCE), CRITICAL),
        (report(changed(WEB, master=SILENT), maintenance=MAINTENANCE), WARNING),
        (tracked(GROUPED, "good"), WARNING),
        (tracked(changed(GROUPED, hooks=()), "good", "spare"), OK),
        (tracked(changed(GROUPED, hooks=()), "good", "uplink"), WARNING),
        (tracked(changed(GROUPED, hooks=()), "bad"), WARNING),
    ],
)
def test_an_agent_is_judged(shown: AgentReport, level: Level) -> None:
    assert assess(shown).level is level


def test_a_fault_by_a_tracker_is_one_finding_and_that_nobody_serves_another() -> None:
    (judged,) = assess(tracked(UNHEALTHY, "bad")).judged
    assert [(each.level, each.topic) for each in judged.findings] == [
        (CRITICAL, Topic.STATE),
        (CRITICAL, Topic.MASTER),
    ]


def test_the_worst_come_first_and_the_others_keep_their_order() -> None:
    names = {"a": SERVED, "b": LONELY, "c": FAULT, "d": SERVED, "e": LONELY}
    shown = report(*(changed(one, name=name) for name, one in names.items()))
    assert "".join(each.instance.name for each in assess(shown).worst_first()) == "cbead"
