"""When the machine acts, by literal numbers of nanoseconds."""

from __future__ import annotations

from dataclasses import replace

import pytest
from solo_machine import CONFIG, LINK, VIP4, VIP6, Solo

from vipd.core.actions import AnnounceAddresses, SendAdvert
from vipd.core.config import InstanceConfig
from vipd.core.events import ConfigChanged, LinkChanged, Stopped, TimePassed
from vipd.core.model import State

MS = 1_000_000
SECOND = 1_000_000_000
TAKEOVER = 3_609_375_000
"""When an undisturbed BACKUP of priority 100 and an interval of 1 s takes over."""


def started(**changes: object) -> Solo:
    solo = Solo(replace(CONFIG, **changes))  # type: ignore[arg-type]
    solo.start()
    return solo


def master(**changes: object) -> Solo:
    """A MASTER at the moment of its takeover, nothing on record before it."""
    solo = started(**changes)
    due = solo.machine.next_deadline()
    assert due is not None
    solo.pass_time(due - solo.now)
    assert solo.is_now(State.MASTER)
    return solo


@pytest.mark.parametrize(
    ("priority", "interval", "takeover"),
    [
        (1, 10 * MS, 39_960_937),
        (100, 10 * MS, 36_093_750),
        (254, 100 * MS, 300_781_250),
        (100, SECOND, 3_609_375_000),
        (200, SECOND, 3_218_750_000),
        (150, 40_950 * MS, 139_805_859_375),
    ],
)
def test_a_backup_takes_over_to_the_nanosecond(priority: int, interval: int, takeover: int) -> None:
    solo = started(priority=priority, advert_interval=interval)
    solo.pass_time(takeover - 1)
    assert solo.is_now(State.BACKUP)
    solo.step(TimePassed())
    assert solo.is_now(State.BACKUP)
    solo.pass_time(1)
    assert solo.is_now(State.MASTER)
    assert solo.when(SendAdvert) == [takeover]


def test_an_owner_does_not_wait() -> None:
    solo = started(priority=255)
    assert solo.when(SendAdvert) == [0]


def test_silence_is_measured_by_the_interval_of_the_master() -> None:
    solo = started(priority=100)
    solo.pass_time(500 * MS)
    solo.hear(150, interval=100 * MS)
    assert solo.machine.next_deadline() == 500 * MS + 360_937_500
    solo.hear(150, interval=2 * SECOND)
    assert solo.machine.next_deadline() == 500 * MS + 7_218_750_000


def test_a_learned_interval_is_forgotten_with_the_master_it_came_from() -> None:
    solo = started(priority=100)
    solo.hear(150, interval=100 * MS)
    solo.pass_time(360_937_500)
    assert solo.when(SendAdvert) == [360_937_500]
    solo.pass_time(SECOND)
    assert solo.when(SendAdvert) == [360_937_500, 1_360_937_500]


def test_a_fault_forgets_the_learned_interval() -> None:
    solo = started(priority=100)
    solo.hear(150, interval=100 * MS)
    solo.step(LinkChanged(replace(LINK, carrier=False)))
    assert solo.machine.next_deadline() is None
    solo.step(LinkChanged(LINK))
    assert solo.machine.next_deadline() == TAKEOVER


@pytest.mark.parametrize(
    ("priority", "skew"), [(200, 218_750_000), (100, 609_375_000), (1, 996_093_750)]
)
def test_after_a_release_only_the_skew_is_waited_for(priority: int, skew: int) -> None:
    solo = started(priority=priority)
    solo.pass_time(SECOND)
    solo.hear(0, interval=7 * SECOND)
    assert solo.machine.next_deadline() == SECOND + skew


def test_the_skew_after_a_release_is_of_the_interval_learned_before() -> None:
    solo = started(priority=100)
    solo.hear(150, interval=100 * MS)
    solo.hear(0)
    assert solo.machine.next_deadline() == 60_937_500


def test_the_addresses_are_announced_in_a_burst_then_every_minute() -> None:
    solo = master()
    solo.pass_time(130 * SECOND)
    assert [at - TAKEOVER for at in solo.when(AnnounceAddresses)] == [
        0,
        100 * MS,
        500 * MS,
        1_000 * MS,
        2_000 * MS,
        5_000 * MS,
        65_000 * MS,
        125_000 * MS,
    ]


def test_without_a_refresh_the_burst_is_all() -> None:
    solo = master(announce_refresh=0)
    solo.pass_time(300 * SECOND)
    assert len(solo.when(AnnounceAddresses)) == 6


@pytest.mark.parametrize(
    ("old", "new", "announced"),
    [
        (0, 30 * SECOND, [50 * SECOND, 80 * SECOND]),
        (3_600 * SECOND, 30 * SECOND, [50 * SECOND, 80 * SECOND]),
        (60 * SECOND, 0, []),
        (60 * SECOND, 60 * SECOND, [65 * SECOND]),
    ],
)
def test_a_reload_of_the_refresh_counts_from_the_reload(
    old: int, new: int, announced: list[int]
) -> None:
    solo = master(announce_refresh=old)
    solo.pass_time(20 * SECOND)
    solo.step(ConfigChanged(replace(solo.machine.config, announce_refresh=new)))
    solo.pass_time(70 * SECOND)
    later = [at - TAKEOVER for at in solo.when(AnnounceAddresses)]
    assert later[6:] == announced


def test_a_reload_of_the_refresh_leaves_the_burst_alone() -> None:
    solo = master()
    solo.pass_time(300 * MS)
    solo.step(ConfigChanged(replace(CONFIG, announce_refresh=30 * SECOND)))
    solo.pass_time(40 * SECOND)
    later = [at - TAKEOVER for at in solo.when(AnnounceAddresses)]
    assert later[2:] == [500 * MS, 1_000 * MS, 2_000 * MS, 5_000 * MS, 35_000 * MS]


def test_adverts_keep_their_rhythm_however_late_the_wake_ups_are() -> None:
    solo = master()
    for beat in range(1, 1001):
        solo.now = TAKEOVER + beat * SECOND
        late = beat * 7 % 13
        solo.wake_late(late * MS)
    solo.wake_late(SECOND)
    assert len(solo.when(SendAdvert)) == 1002
    assert solo.machine.next_deadline() == TAKEOVER + 1002 * SECOND


def test_a_stall_is_not_made_up_for() -> None:
    solo = master(announce_refresh=0)
    solo.pass_time(10 * SECOND)
    before = len(solo.when(SendAdvert))
    solo.wake_late(7_300 * MS)
    assert len(solo.when(SendAdvert)) == before + 1
    assert solo.machine.next_deadline() == TAKEOVER + 18_300 * MS


def test_refused_claims_are_tried_again_after_1_2_4_up_to_60_seconds() -> None:
    solo = started(advert_interval=10 * MS)
    solo.refusal = "Permission denied"
    waits = []
    for _ in range(9):
        solo.pass_time(36_093_750)
        assert solo.is_now(State.FAULT)
        due = solo.machine.next_deadline()
        assert due is not None
        waits.append((due - solo.now) // SECOND)
        solo.pass_time(due - solo.now)
        assert solo.is_now(State.BACKUP)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_a_claim_that_succeeds_makes_the_next_refusal_wait_a_second_again() -> None:
    solo = started(advert_interval=10 * MS)
    solo.refusal = "Permission denied"
    solo.pass_time(5 * SECOND)
    solo.refusal = None
    solo.pass_time(10 * SECOND)
    assert solo.is_now(State.MASTER)
    solo.refusal = "Permission denied"
    solo.step(ConfigChanged(replace(solo.machine.config, addresses=(VIP4,))))
    assert solo.is_now(State.FAULT)
    assert solo.machine.next_deadline() == solo.now + SECOND


@pytest.mark.parametrize(
    ("reloaded", "deadline"),
    [
        (replace(CONFIG, priority=200), 3_218_750_000),
        (replace(CONFIG, priority=1), 3_996_093_750),
        (replace(CONFIG, advert_interval=100 * MS), 360_937_500),
        (replace(CONFIG, advert_interval=2 * SECOND), 7_218_750_000),
        (replace(CONFIG, addresses=(VIP6, VIP4)), 3_609_375_000),
    ],
)
def test_the_silence_so_far_counts_after_a_reload(reloaded: InstanceConfig, deadline: int) -> None:
    solo = started()
    solo.pass_time(300 * MS)
    solo.step(ConfigChanged(reloaded))
    assert solo.machine.next_deadline() == deadline


def test_a_reload_of_the_interval_changes_nothing_while_the_master_sets_it() -> None:
    solo = started()
    solo.hear(150, interval=100 * MS)
    solo.step(ConfigChanged(replace(CONFIG, advert_interval=5 * SECOND, priority=200)))
    assert solo.machine.next_deadline() == 321_875_000


def test_a_new_interval_takes_effect_with_the_advert_after_the_next() -> None:
    solo = master()
    solo.pass_time(400 * MS)
    solo.step(ConfigChanged(replace(CONFIG, advert_interval=200 * MS)))
    solo.pass_time(SECOND)
    assert [at - TAKEOVER for at in solo.when(SendAdvert)] == [
        0,
        1_000 * MS,
        1_200 * MS,
        1_400 * MS,
    ]


def test_nothing_is_waited_for_after_the_end() -> None:
    """The end of a planned stop, which hands over first."""
    solo = master()
    solo.step(Stopped())
    solo.pass_time(2 * SECOND)
    assert solo.is_now(State.INIT)
    assert solo.machine.next_deadline() is None
