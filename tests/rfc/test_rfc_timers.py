"""RFC 9568 §6.1, §6.2: the timers. One test per line of the checklist, in literal nanoseconds."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from solo_machine import CONFIG, Solo

from vipd.core.actions import SendAdvert
from vipd.core.election import master_down_interval, skew_time
from vipd.core.events import ConfigChanged
from vipd.core.model import State

MS = 1_000_000
SECOND = 1_000_000_000


def backup(priority: int = 100, interval: int = SECOND) -> Solo:
    solo = Solo(replace(CONFIG, priority=priority, advert_interval=interval))
    solo.start()
    return solo


def first_advert(solo: Solo) -> int:
    return solo.when(SendAdvert)[0]


def test_the_skew_keeps_its_fractions_of_a_centisecond() -> None:
    """85, §6.1: priority 100 at 100 cs waits 60.9375 cs longer."""
    assert skew_time(100, SECOND) == 609_375_000


def test_the_down_interval_is_three_intervals_and_the_skew() -> None:
    """86, §6.1."""
    assert master_down_interval(100, SECOND) == 3_609_375_000


def test_the_master_interval_begins_as_our_own_and_follows_every_accepted_advert() -> None:
    """87, §6.1: Active_Adver_Interval."""
    solo = backup(interval=100 * MS)
    assert solo.machine.master_down_interval == 360_937_500
    solo.hear(150, interval=SECOND)
    assert solo.machine.master_down_interval == 3_609_375_000
    solo.hear(150, interval=200 * MS)
    assert solo.machine.master_down_interval == 721_875_000


def test_the_skew_of_the_strongest_at_the_shortest_interval_is_not_zero() -> None:
    """88: 254 at 10 ms waits 78.125 us longer, and 255 half of that."""
    assert skew_time(254, 10 * MS) == 78_125
    solo = backup(priority=254, interval=10 * MS)
    solo.pass_time(30_078_124)
    assert solo.is_now(State.BACKUP)
    solo.pass_time(1)
    assert solo.is_now(State.MASTER)


def test_of_equal_intervals_the_stronger_fires_earlier() -> None:
    """89, §6.1: for every pair of priorities, also at 10 ms."""
    moments = []
    for priority in range(254, 0, -1):
        solo = backup(priority=priority, interval=10 * MS)
        due = solo.machine.next_deadline()
        assert due is not None
        moments.append(due)
    assert all(stronger < weaker for stronger, weaker in pairwise(moments))


@pytest.mark.parametrize(("priority", "skew"), [(200, 218_750_000), (100, 609_375_000)])
def test_after_a_release_the_stronger_of_two_backups_is_first(priority: int, skew: int) -> None:
    """90, §6.4.2 (430)."""
    solo = backup(priority=priority)
    solo.hear(0)
    solo.pass_time(SECOND)
    assert first_advert(solo) == skew


def test_adverts_do_not_drift() -> None:
    """91: the 1000th advert is due 1000 intervals after the first, though each wake-up is late."""
    solo = backup(interval=10 * MS)
    solo.pass_time(36_093_750)
    for beat in range(1, 1001):
        solo.now = 36_093_750 + beat * 10 * MS
        solo.wake_late(3 * MS)
    assert solo.machine.next_deadline() == 36_093_750 + 1001 * 10 * MS


def test_a_new_interval_takes_effect_on_the_next_schedule() -> None:
    """91, 27, §7.2."""
    solo = backup()
    solo.pass_time(3_609_375_000)
    solo.step(ConfigChanged(replace(CONFIG, advert_interval=2 * SECOND)))
    solo.pass_time(6 * SECOND)
    beats = [at - 3_609_375_000 for at in solo.when(SendAdvert)]
    assert beats == [0, SECOND, 3 * SECOND, 5 * SECOND]


def test_a_learned_interval_is_never_the_interval_we_send_at() -> None:
    """93, 9, §6.1: it times the MASTER, not us."""
    solo = backup()
    solo.hear(150, interval=4 * SECOND)
    solo.pass_time(14_437_500_000)
    solo.pass_time(2 * SECOND)
    beats = [at - 14_437_500_000 for at in solo.when(SendAdvert)]
    assert beats == [0, SECOND, 2 * SECOND]
