"""A machine that is one of a group: it takes over, yields and fails with the others."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Interface

import pytest
from solo_machine import CONFIG, FULL, LINK, VIP4, Solo

from vipd.core.actions import (
    Action,
    ClaimAddresses,
    ReleaseAddresses,
    ReportTransition,
    SendAdvert,
)
from vipd.core.cause import Cause, CauseCode
from vipd.core.config import InstanceConfig, TakeoverProbe, TrackUse
from vipd.core.events import (
    AddressesClaimed,
    AddressesDrifted,
    ConfigChanged,
    GroupAgreed,
    GroupFailed,
    GroupLost,
    GroupRecovered,
    LinkChanged,
    NeighborHeard,
    Started,
    Stopped,
    TrackReported,
    WokeLate,
)
from vipd.core.group import Standing
from vipd.core.incident import IncidentCode
from vipd.core.model import State

MS = 1_000_000
SECOND = 1_000_000_000
DOWN = 3_609_375_000
SKEW = 609_375_000
BOUND = 1_096_093_750
"""For how long a MASTER that stops waits for a successor: the skew of priority 1, and 100 ms."""

LONG_BOUND = 4_096_093_750
"""The same for one that goes with its group: three intervals more."""

ONE = replace(CONFIG, addresses=(VIP4,), group="edge")
LOST = GroupLost("inner, of the group edge, has yielded")
FAILED = GroupFailed("inner, of the group edge: eth1 has no carrier")
PEER = NeighborHeard(address=VIP4.ip, mac=bytes.fromhex("020000000051"))


def backup(config: InstanceConfig = ONE) -> Solo:
    solo = Solo(config)
    solo.start()
    return solo


def ready(config: InstanceConfig = ONE) -> Solo:
    solo = backup(config)
    solo.pass_time(DOWN)
    assert standing(solo).ready
    return solo


def serving(config: InstanceConfig = ONE) -> Solo:
    solo = ready(config)
    solo.step(GroupAgreed())
    solo.pass_time(10_250 * MS)
    assert solo.is_now(State.MASTER)
    return solo


def standing(solo: Solo) -> Standing:
    return solo.machine.standing


def cause(solo: Solo) -> Cause:
    return solo.machine.status(solo.now).cause


def moves(actions: tuple[Action, ...]) -> list[tuple[State, State]]:
    return [(a.old, a.new) for a in actions if isinstance(a, ReportTransition)]


def priorities(actions: tuple[Action, ...]) -> list[int]:
    return [action.priority for action in actions if isinstance(action, SendAdvert)]


# -- taking over ----------------------------------------------------------------------------


def test_it_is_ready_when_its_time_has_come_and_takes_over_when_all_agree() -> None:
    solo = backup()
    solo.pass_time(DOWN - 1)
    assert standing(solo) == Standing(state=State.BACKUP)
    solo.pass_time(1)
    assert standing(solo) == Standing(state=State.BACKUP, ready=True)
    assert solo.machine.next_deadline() == DOWN + SECOND
    assert solo.machine.takes_over_at is None, "that is for the group to say"
    solo.pass_time(60 * SECOND)
    assert solo.is_now(State.BACKUP)
    assert standing(solo).ready
    actions = solo.step(GroupAgreed())
    assert moves(actions) == [(State.BACKUP, State.MASTER)]
    assert cause(solo).code is CauseCode.MASTER_SILENT
    assert standing(solo) == Standing(state=State.MASTER)


@pytest.mark.parametrize("priority", [100, 150])
def test_a_master_that_is_heard_ends_its_readiness(priority: int) -> None:
    solo = ready()
    solo.hear(priority)
    assert standing(solo) == Standing(state=State.BACKUP, follows=True)
    assert solo.machine.next_deadline() == DOWN + DOWN


def test_a_weaker_master_does_not() -> None:
    solo = ready()
    solo.hear(50)
    assert standing(solo) == Standing(state=State.BACKUP, ready=True)
    solo.step(GroupAgreed())
    assert cause(solo).code is CauseCode.PREEMPTS


def test_a_master_that_resigns_is_waited_for_once_more() -> None:
    solo = ready()
    solo.hear(150)
    solo.hear(0)
    assert standing(solo) == Standing(state=State.BACKUP)
    solo.pass_time(SKEW)
    assert standing(solo).ready


def test_nobody_takes_over_who_is_not_ready() -> None:
    solo = backup()
    assert solo.step(GroupAgreed()) == ()
    solo.step(LinkChanged(replace(LINK, carrier=False)))
    assert solo.step(GroupAgreed()) == ()
    stopped = Solo(ONE)
    assert stopped.step(GroupAgreed()) == ()


def test_nobody_takes_over_who_was_ready_before_it_failed() -> None:
    solo = ready()
    solo.step(LinkChanged(replace(LINK, carrier=False)))
    assert not standing(solo).ready
    assert solo.step(GroupAgreed()) == ()


def test_a_master_that_is_told_again_to_take_over_has_done_so() -> None:
    assert serving().step(GroupAgreed()) == ()


def test_an_owner_waits_for_its_group_as_well() -> None:
    solo = backup(replace(ONE, priority=255))
    assert solo.is_now(State.BACKUP)
    solo.pass_time(3_003_906_250)
    assert standing(solo).ready


def test_one_that_holds_back_is_not_ready() -> None:
    hold = replace(FULL, addresses=(VIP4,), group="edge", takeover_probe=TakeoverProbe.HOLD)
    solo = backup(hold)
    solo.pass_time(3_570 * MS)
    solo.step(PEER)
    solo.pass_time(SECOND)
    assert not standing(solo).ready


def test_what_has_been_agreed_upon_is_not_held_back() -> None:
    """The time to hold back is over, but what answers still does."""
    config = replace(FULL, addresses=(VIP4,), group="edge", takeover_probe=TakeoverProbe.HOLD)
    solo = backup(replace(config, probe_hold_max=SECOND))
    solo.pass_time(3_570 * MS)
    while not standing(solo).ready:
        solo.step(PEER)
        solo.pass_time(500 * MS)
    solo.step(GroupAgreed())
    assert solo.is_now(State.MASTER)


# -- yielding -------------------------------------------------------------------------------


def test_it_yields_with_the_others_without_a_gap() -> None:
    solo = serving()
    assert priorities(solo.step(LOST)) == [0]
    assert standing(solo) == Standing(state=State.MASTER, leaving=True)
    assert solo.machine.held == (VIP4,)
    solo.pass_time(2 * SECOND)
    solo.hear(150)
    solo.pass_time(0)
    assert solo.is_now(State.BACKUP)
    assert cause(solo) == Cause(CauseCode.GROUP, "inner, of the group edge, has yielded")
    assert standing(solo) == Standing(state=State.BACKUP, follows=True)
    assert solo.machine.next_deadline() == solo.now + DOWN


def test_whoever_follows_may_have_to_miss_the_other_instance_first() -> None:
    solo = serving()
    told = solo.now
    solo.step(LOST)
    solo.pass_time(10 * SECOND)
    assert solo.when(ReleaseAddresses) == [told + LONG_BOUND]
    (incident,) = solo.incidents()
    assert incident[:2] == (told + LONG_BOUND, IncidentCode.NO_SUCCESSOR)
    assert incident[2].startswith("nobody took over within 4.096 s")
    assert not standing(solo).follows


def test_whoever_stops_meanwhile_does_not_wait_for_so_long() -> None:
    solo = serving()
    solo.step(LOST)
    solo.pass_time(SECOND)
    stopped = solo.now
    solo.step(Stopped())
    solo.pass_time(10 * SECOND)
    assert solo.when(ReleaseAddresses) == [stopped + BOUND]
    assert solo.is_now(State.INIT)


def test_whoever_stops_late_does_not_wait_for_longer() -> None:
    solo = serving()
    told = solo.now
    solo.step(LOST)
    solo.pass_time(4 * SECOND)
    solo.step(Stopped())
    solo.pass_time(10 * SECOND)
    assert solo.when(ReleaseAddresses) == [told + LONG_BOUND]


def test_it_yields_from_a_claim_that_is_not_answered_yet() -> None:
    solo = ready()
    solo.answering = False
    solo.step(GroupAgreed())
    actions = solo.step(LOST)
    assert moves(actions) == [(State.MASTER, State.BACKUP)]
    assert priorities(actions) == []
    assert solo.step(AddressesClaimed()) == ()


def test_nobody_yields_twice_or_without_being_master() -> None:
    solo = serving()
    solo.step(LOST)
    assert solo.step(LOST) == ()
    for other in (ready(), Solo(ONE)):
        assert other.step(LOST) == ()


def test_one_that_is_outranked_follows_from_that_moment() -> None:
    solo = serving()
    solo.hear(150)
    assert standing(solo) == Standing(state=State.BACKUP, follows=True)


def test_one_that_lingers_leaves_and_follows_then() -> None:
    solo = serving(replace(ONE, linger=100 * MS))
    solo.hear(150)
    assert standing(solo) == Standing(state=State.MASTER, leaving=True)
    solo.pass_time(100 * MS)
    assert standing(solo) == Standing(state=State.BACKUP, follows=True)


def test_one_that_has_slept_listens_and_follows_nobody() -> None:
    solo = serving()
    solo.hear(50)
    solo.now += 5 * SECOND
    solo.step(WokeLate(5 * SECOND))
    assert standing(solo) == Standing(state=State.BACKUP)
    solo.pass_time(SECOND + SKEW)
    assert standing(solo).ready


def test_a_weaker_master_that_is_left_alone_for_a_while_is_followed() -> None:
    solo = backup(replace(ONE, preempt_delay=10 * SECOND))
    solo.hear(50)
    assert standing(solo) == Standing(state=State.BACKUP, follows=True)


# -- FAULT ----------------------------------------------------------------------------------


def test_a_backup_fails_and_recovers_with_the_others() -> None:
    solo = backup()
    assert moves(solo.step(FAILED)) == [(State.BACKUP, State.FAULT)]
    assert cause(solo) == Cause(CauseCode.GROUP, FAILED.why)
    assert standing(solo) == Standing(state=State.FAULT, group_fault=FAILED.why)
    assert solo.step(FAILED) == ()
    assert moves(solo.step(GroupRecovered())) == [(State.FAULT, State.BACKUP)]
    assert cause(solo) == Cause(CauseCode.RECOVERED, "its group is in health")


def test_a_master_fails_with_the_others_without_a_gap() -> None:
    solo = serving()
    told = solo.now
    assert priorities(solo.step(FAILED)) == [0]
    assert standing(solo) == Standing(state=State.MASTER, leaving=True, group_fault=FAILED.why)
    solo.pass_time(LONG_BOUND)
    assert solo.when(ReleaseAddresses) == [told + LONG_BOUND]
    assert solo.is_now(State.FAULT)


def test_a_group_that_recovers_while_it_hands_over_is_backup_after_it() -> None:
    solo = serving()
    solo.step(FAILED)
    solo.step(GroupRecovered())
    assert standing(solo) == Standing(state=State.MASTER, leaving=True)
    solo.hear(150)
    solo.pass_time(0)
    assert solo.is_now(State.BACKUP)
    assert cause(solo).text == "its group is in health"


def test_a_group_that_fails_while_it_yields_is_fault_after_it() -> None:
    solo = serving()
    solo.step(LOST)
    solo.step(FAILED)
    solo.hear(150)
    solo.pass_time(0)
    assert solo.is_now(State.FAULT)


def test_its_own_fault_is_what_the_group_has_to_know() -> None:
    config = replace(ONE, track=(TrackUse(name="nginx"),))
    solo = Solo(config)
    solo.step(LinkChanged(LINK))
    solo.step(FAILED)
    solo.step(Started())
    own = "nginx: nothing is known of it yet"
    assert standing(solo) == Standing(state=State.FAULT, fault=own, group_fault=FAILED.why)
    solo.step(TrackReported(name="nginx", up=True, text="well"))
    assert standing(solo) == Standing(state=State.FAULT, group_fault=FAILED.why)


def test_a_fault_counts_from_the_moment_when_it_hands_over() -> None:
    config = replace(ONE, track=(TrackUse(name="nginx", weight=None),))
    solo = Solo(config)
    solo.step(LinkChanged(LINK))
    solo.step(TrackReported(name="nginx", up=True, text="well"))
    solo.step(Started())
    solo.pass_time(DOWN)
    solo.step(GroupAgreed())
    solo.step(TrackReported(name="nginx", up=False, text="gone"))
    assert standing(solo) == Standing(state=State.MASTER, leaving=True, fault="nginx: gone")


def test_a_refused_claim_is_a_fault_of_the_group_until_it_is_tried_again() -> None:
    solo = ready()
    solo.refusal = "Permission denied"
    solo.step(GroupAgreed())
    assert standing(solo) == Standing(state=State.FAULT, fault="Permission denied")
    solo.pass_time(SECOND)
    assert standing(solo) == Standing(state=State.BACKUP)


def test_a_fight_for_the_addresses_is_a_fault_of_the_group() -> None:
    solo = serving()
    for _ in range(6):
        solo.step(AddressesDrifted("192.0.2.100/24 was removed from eth0"))
    assert standing(solo).leaving
    assert (standing(solo).fault or "").startswith("192.0.2.100/24 was removed")


def test_it_carries_on_after_a_crash_without_being_asked() -> None:
    solo = Solo(ONE)
    solo.step(LinkChanged(LINK))
    solo.now = SECOND
    solo.step(Started(spoke=0))
    assert solo.is_now(State.MASTER)
    assert len(solo.when(ClaimAddresses)) == 1


# -- equal priorities -----------------------------------------------------------------------


def test_the_instance_that_leads_decides_between_equals_at_once() -> None:
    solo = serving()
    solo.hear(100, source="192.0.2.51")
    assert solo.is_now(State.BACKUP)


def follower() -> Solo:
    """A MASTER that leaves the decision to another instance of its group."""
    return serving(replace(ONE, leads=False))


@pytest.mark.parametrize("source", ["192.0.2.49", "192.0.2.51"])
def test_the_others_neither_yield_nor_answer_for_as_long_as_it_takes(source: str) -> None:
    solo = follower()
    begun = solo.now
    while solo.now - begun <= 3 * SECOND:
        assert solo.hear(100, source=source) == ()
        solo.pass_time(SECOND)
    assert solo.is_now(State.MASTER)


def test_where_the_leader_hears_nothing_they_decide_in_the_end() -> None:
    solo = follower()
    begun = solo.now
    while solo.is_now(State.MASTER):
        solo.hear(100, source="192.0.2.51")
        solo.pass_time(SECOND)
    assert solo.now - begun == 5 * SECOND
    assert cause(solo).code is CauseCode.OUTRANKED


def test_where_the_leader_hears_nothing_the_greater_address_answers_in_the_end() -> None:
    solo = follower()
    answers = []
    for _ in range(6):
        answers.append(priorities(solo.hear(100, source="192.0.2.49")))
        solo.pass_time(SECOND)
    assert answers == [[], [], [], [], [100], [100]]


def test_another_tie_later_is_another_one() -> None:
    solo = follower()
    for _ in range(3):
        solo.hear(100, source="192.0.2.51")
        solo.pass_time(SECOND)
    solo.pass_time(10 * SECOND)
    for _ in range(4):
        assert solo.hear(100, source="192.0.2.51") == ()
        solo.pass_time(SECOND)
    assert solo.is_now(State.MASTER)


def test_a_stronger_one_needs_no_decision() -> None:
    solo = follower()
    solo.hear(101)
    assert solo.is_now(State.BACKUP)


def test_an_instance_without_a_group_leads() -> None:
    vip = IPv4Interface("192.0.2.100/24")
    config = InstanceConfig(name="web", interface="eth0", vrid=51, addresses=(vip,))
    assert config.leads


def test_whoever_is_in_no_group_any_more_is_not_kept_down_by_it() -> None:
    solo = Solo(ONE)
    solo.start()
    solo.step(FAILED)
    assert solo.is_now(State.FAULT)
    solo.step(ConfigChanged(replace(ONE, group=None)))
    assert solo.is_now(State.BACKUP)


def test_a_backup_that_begins_to_use_a_tracker_stays_what_it_is() -> None:
    solo = Solo(CONFIG)
    solo.start()
    assert solo.step(ConfigChanged(replace(CONFIG, track=(TrackUse(name="nginx"),)))) == ()
    assert solo.is_now(State.BACKUP)
