"""A machine and its trackers: FAULT, weights, and what is not known yet."""

from __future__ import annotations

from dataclasses import replace

import pytest
from solo_machine import CONFIG, FULL, LINK, VIP4, Solo

from vipd.core.actions import (
    Action,
    ClaimAddresses,
    ProbeAddresses,
    ReleaseAddresses,
    ReportTransition,
    SendAdvert,
)
from vipd.core.cause import CauseCode
from vipd.core.config import InstanceConfig, TakeoverProbe, TrackUse
from vipd.core.events import (
    AddressesDrifted,
    ConfigChanged,
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
"""The master_down_interval of priority 100 at an interval of 1 s; that of priority 50 is
3,804,687,500, and that of priority 120 is 3,531,250,000."""

BOUND = 1_096_093_750
"""For how long a MASTER waits for a successor: the skew of priority 1, and 100 ms."""

ONE = replace(CONFIG, addresses=(VIP4,))
NGINX = replace(ONE, track=(TrackUse(name="nginx"),))
UPLINK = replace(ONE, track=(TrackUse(name="uplink", weight=-50),))


def tracked(config: InstanceConfig = NGINX) -> Solo:
    """A BACKUP with each of its trackers up, at the moment of its start."""
    solo = Solo(config)
    solo.step(LinkChanged(LINK))
    for use in config.track:
        report(solo, use.name, up=True)
    solo.step(Started())
    return solo


def serving(config: InstanceConfig = NGINX) -> Solo:
    solo = tracked(config)
    while not solo.is_now(State.MASTER):
        solo.pass_time(SECOND)
    return solo


def report(
    solo: Solo, name: str = "nginx", *, up: bool, text: str = "gone", weight: int | None = None
) -> tuple[Action, ...]:
    return solo.step(TrackReported(name=name, up=up, text=text, weight=weight))


def cause(solo: Solo) -> tuple[CauseCode, str]:
    why = solo.machine.status(solo.now).cause
    return why.code, why.text


def priorities(actions: tuple[Action, ...]) -> list[int]:
    return [action.priority for action in actions if isinstance(action, SendAdvert)]


def moves(actions: tuple[Action, ...]) -> list[tuple[State, State]]:
    return [(a.old, a.new) for a in actions if isinstance(a, ReportTransition)]


# -- FAULT ----------------------------------------------------------------------------------


def test_a_backup_whose_tracker_fails_is_in_fault_until_it_is_up() -> None:
    solo = tracked()
    (moved,) = report(solo, up=False)
    assert moves((moved,)) == [(State.BACKUP, State.FAULT)]
    assert cause(solo) == (CauseCode.TRACKER, "nginx: gone")
    assert solo.machine.next_deadline() is None
    solo.pass_time(60 * SECOND)
    (moved,) = report(solo, up=True)
    assert moves((moved,)) == [(State.FAULT, State.BACKUP)]
    assert cause(solo) == (CauseCode.RECOVERED, "its trackers are up")
    assert solo.machine.next_deadline() == 60 * SECOND + DOWN


def test_a_master_whose_tracker_fails_hands_over() -> None:
    solo = serving()
    assert priorities(report(solo, up=False)) == [0]
    status = solo.machine.status(solo.now)
    assert (status.state, status.held) == (State.MASTER, True)
    assert status.leaving is not None
    assert status.leaving.code is CauseCode.TRACKER
    solo.pass_time(700 * MS)
    solo.hear(50)
    solo.pass_time(0)
    assert solo.is_now(State.FAULT)
    assert cause(solo) == (CauseCode.TRACKER, "nginx: gone")
    assert solo.machine.held == ()


def test_without_a_successor_it_serves_for_as_long_as_one_may_take() -> None:
    solo = serving()
    failed = solo.now
    report(solo, up=False)
    solo.pass_time(5 * SECOND)
    assert solo.when(ReleaseAddresses) == [failed + BOUND]
    assert solo.is_now(State.FAULT)


def test_what_recovers_while_it_hands_over_is_backup_after_it() -> None:
    solo = serving()
    report(solo, up=False)
    solo.pass_time(300 * MS)
    assert report(solo, up=True) == ()
    assert solo.is_now(State.MASTER)
    solo.pass_time(BOUND)
    assert solo.is_now(State.BACKUP)
    assert cause(solo) == (CauseCode.RECOVERED, "its trackers are up")


def test_what_recovers_and_then_sleeps_is_not_in_fault_for_ever() -> None:
    solo = serving()
    report(solo, up=False)
    report(solo, up=True)
    solo.now += 5 * SECOND
    solo.step(WokeLate(5 * SECOND))
    assert solo.is_now(State.BACKUP)
    assert cause(solo) == (CauseCode.RECOVERED, "its trackers are up")


def test_what_recovers_after_it_has_let_go_is_backup_at_once() -> None:
    solo = serving()
    report(solo, up=False)
    solo.pass_time(BOUND)
    assert solo.is_now(State.FAULT)
    report(solo, up=True)
    assert solo.is_now(State.BACKUP)


def test_what_fails_while_an_outranked_master_lingers_is_fault_after_it() -> None:
    solo = serving(replace(NGINX, linger=100 * MS))
    solo.hear(150)
    report(solo, up=False)
    solo.pass_time(100 * MS)
    assert solo.is_now(State.FAULT)


def test_a_master_that_stops_stops_whatever_fails() -> None:
    solo = serving()
    solo.step(Stopped())
    assert report(solo, up=False) == ()
    solo.pass_time(BOUND)
    assert solo.is_now(State.INIT)


def test_a_fight_for_the_addresses_is_waited_out_whatever_fails_and_recovers() -> None:
    solo = serving()
    for _ in range(6):
        solo.step(AddressesDrifted("192.0.2.100/24 was removed from eth0"))
    report(solo, up=False)
    report(solo, up=True)
    solo.pass_time(BOUND)
    assert cause(solo)[0] is CauseCode.DRIFT
    solo.pass_time(29 * SECOND)
    assert solo.is_now(State.FAULT)
    solo.pass_time(SECOND)
    assert solo.is_now(State.BACKUP)


def test_another_reason_replaces_the_first_and_the_same_is_not_told_twice() -> None:
    config = replace(ONE, track=(TrackUse(name="nginx"), TrackUse(name="disk")))
    solo = tracked(config)
    report(solo, "disk", up=False, text="full")
    assert cause(solo) == (CauseCode.TRACKER, "disk: full")
    assert report(solo, "disk", up=False, text="full") == ()
    assert moves(report(solo, up=False)) == [(State.FAULT, State.FAULT)]
    assert cause(solo) == (CauseCode.TRACKER, "nginx: gone")
    report(solo, up=True)
    assert cause(solo) == (CauseCode.TRACKER, "disk: full")


def test_a_link_that_comes_back_to_a_sick_host_leaves_it_in_fault() -> None:
    solo = tracked()
    solo.step(LinkChanged(replace(LINK, carrier=False)))
    assert report(solo, up=False) == ()
    assert moves(solo.step(LinkChanged(LINK))) == [(State.FAULT, State.FAULT)]
    assert cause(solo) == (CauseCode.TRACKER, "nginx: gone")


def test_a_fault_of_the_link_lets_go_at_once_whatever_is_under_way() -> None:
    solo = serving()
    report(solo, up=False)
    solo.step(LinkChanged(replace(LINK, carrier=False)))
    assert cause(solo)[0] is CauseCode.NO_CARRIER


def test_a_tracker_in_init_means_nothing_yet() -> None:
    solo = Solo(NGINX)
    assert report(solo, up=False) == ()
    assert solo.is_now(State.INIT)


# -- a refused claim beside it --------------------------------------------------------------


def refused() -> Solo:
    """FAULT by a refused claim, just now."""
    solo = tracked()
    solo.refusal = "Permission denied"
    solo.pass_time(DOWN)
    assert cause(solo)[0] is CauseCode.CLAIM_FAILED
    solo.refusal = None
    return solo


def test_a_tracker_that_fails_meanwhile_is_looked_at_when_it_would_try_again() -> None:
    solo = refused()
    assert report(solo, up=False) == ()
    solo.pass_time(SECOND - 1)
    assert cause(solo)[0] is CauseCode.CLAIM_FAILED
    solo.pass_time(1)
    assert cause(solo) == (CauseCode.TRACKER, "nginx: gone")
    report(solo, up=True)
    assert solo.is_now(State.BACKUP)


def test_a_tracker_that_recovers_does_not_hurry_it() -> None:
    solo = refused()
    report(solo, up=False)
    assert report(solo, up=True) == ()
    assert solo.is_now(State.FAULT)
    solo.pass_time(SECOND)
    assert solo.is_now(State.BACKUP)


# -- what is not known yet ------------------------------------------------------------------


def test_it_is_in_fault_until_its_trackers_are_known() -> None:
    solo = Solo(NGINX)
    solo.start()
    assert solo.is_now(State.FAULT)
    assert cause(solo) == (CauseCode.TRACKER, "nginx: nothing is known of it yet")
    solo.pass_time(200 * MS)
    report(solo, up=True)
    assert solo.is_now(State.BACKUP)
    assert solo.machine.next_deadline() == 200 * MS + DOWN


def test_an_owner_waits_for_its_trackers_as_well() -> None:
    solo = Solo(replace(NGINX, priority=255))
    solo.start()
    assert solo.is_now(State.FAULT)
    report(solo, up=True)
    assert solo.is_now(State.MASTER)


def test_an_agent_that_carries_on_presumes_that_all_is_well() -> None:
    config = replace(NGINX, track=(*NGINX.track, TrackUse(name="uplink", weight=-50)))
    solo = Solo(config)
    solo.step(LinkChanged(LINK))
    solo.now = SECOND
    actions = solo.step(Started(spoke=0))
    assert solo.is_now(State.MASTER)
    assert priorities(actions) == [100]
    report(solo, up=True)
    assert solo.is_now(State.MASTER)
    assert priorities(report(solo, up=False)) == [0]


def test_it_does_not_carry_on_what_is_known_to_be_ill() -> None:
    solo = Solo(NGINX)
    solo.step(LinkChanged(LINK))
    report(solo, up=False)
    solo.now = SECOND
    solo.step(Started(spoke=0))
    assert cause(solo) == (CauseCode.TRACKER, "nginx: gone")
    assert solo.when(ClaimAddresses) == []


def test_an_agent_that_was_away_for_too_long_presumes_nothing() -> None:
    solo = Solo(NGINX)
    solo.step(LinkChanged(LINK))
    solo.now = 3 * SECOND
    solo.step(Started(spoke=0))
    assert cause(solo)[0] is CauseCode.TRACKER


# -- weights --------------------------------------------------------------------------------


def test_a_backup_with_a_penalty_waits_for_the_longer_skew() -> None:
    solo = tracked(UPLINK)
    assert solo.machine.next_deadline() == DOWN
    solo.pass_time(SECOND)
    report(solo, "uplink", up=False)
    assert solo.machine.priority == 50
    assert solo.machine.next_deadline() == 3_804_687_500
    report(solo, "uplink", up=True)
    assert solo.machine.next_deadline() == DOWN


def test_a_backup_with_a_reward_waits_for_the_shorter_skew() -> None:
    config = replace(ONE, track=(TrackUse(name="cache", weight=20),))
    solo = Solo(config)
    solo.start()
    assert solo.machine.next_deadline() == DOWN
    solo.pass_time(SECOND)
    report(solo, "cache", up=True)
    assert solo.machine.next_deadline() == 3_531_250_000


def test_a_master_with_a_penalty_says_so_in_its_next_advert_and_yields_to_a_better_one() -> None:
    solo = serving(UPLINK)
    assert report(solo, "uplink", up=False) == ()
    solo.pass_time(SECOND)
    assert priorities(tuple(action for _, action in solo.done))[-1] == 50
    solo.hear(80)
    assert solo.is_now(State.BACKUP)
    assert cause(solo) == (CauseCode.OUTRANKED, "192.0.2.51 advertises priority 80, ours is 50")


def test_a_number_from_a_file_is_a_weight() -> None:
    solo = serving()
    report(solo, up=True, weight=-99)
    assert solo.machine.priority == 1
    assert solo.machine.status(solo.now).effective_priority == 1


@pytest.mark.parametrize("probe", [TakeoverProbe.WARN, TakeoverProbe.HOLD])
def test_a_report_that_changes_no_weight_disturbs_nothing(probe: TakeoverProbe) -> None:
    """It comes between the question for the addresses and the takeover."""
    solo = tracked(replace(FULL, addresses=(VIP4,), track=NGINX.track, takeover_probe=probe))
    solo.pass_time(3_570 * MS)
    assert len(solo.when(ProbeAddresses)) == 1
    assert report(solo, up=True, text="well, again") == ()
    solo.pass_time(40 * MS)
    assert len(solo.when(ProbeAddresses)) == 1
    assert solo.when(ClaimAddresses) == [DOWN]


def test_a_reload_may_use_other_trackers() -> None:
    solo = tracked(UPLINK)
    report(solo, "uplink", up=False)
    solo.step(ConfigChanged(replace(UPLINK, track=(TrackUse(name="uplink"),))))
    assert cause(solo) == (CauseCode.TRACKER, "uplink: gone")
    solo.step(ConfigChanged(replace(UPLINK, track=())))
    assert solo.is_now(State.BACKUP)
    assert solo.machine.priority == 100


def test_a_master_that_is_reloaded_serves_on_until_its_new_tracker_is_known() -> None:
    solo = serving(ONE)
    assert solo.step(ConfigChanged(NGINX)) == ()
    solo.pass_time(SECOND)
    assert solo.is_now(State.MASTER)
    assert priorities(report(solo, up=False)) == [0]
