"""How long a better host waits: `preempt_delay` and `startup_delay`, by literal numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from solo_machine import CONFIG, LINK, VIP4, Solo

from vipd.core.actions import ReportTransition, SendAdvert
from vipd.core.cause import CauseCode
from vipd.core.config import InstanceConfig, TakeoverProbe
from vipd.core.events import LinkChanged
from vipd.core.model import State

MS = 1_000_000
SECOND = 1_000_000_000
DOWN = 3_609_375_000
"""The master_down_interval of priority 100 at an interval of 1 s."""

SKEW = 609_375_000

ONE = replace(CONFIG, addresses=(VIP4,))


def backup(config: InstanceConfig) -> Solo:
    solo = Solo(config)
    solo.start()
    return solo


def delayed(seconds: int, **changes: object) -> Solo:
    return backup(replace(ONE, preempt_delay=seconds * SECOND, **changes))  # type: ignore[arg-type]


def hear_for(solo: Solo, times: int, priority: int = 50) -> None:
    """An advert now, and one after each second that follows."""
    for _ in range(times):
        solo.hear(priority)
        solo.pass_time(SECOND)


def masters(solo: Solo) -> list[tuple[int, CauseCode]]:
    """When it became MASTER, and why."""
    return [
        (at, action.cause.code)
        for at, action in solo.done
        if isinstance(action, ReportTransition) and action.new is State.MASTER
    ]


# -- preempt_delay --------------------------------------------------------------------------


def test_without_a_delay_a_weaker_master_is_not_heard() -> None:
    solo = backup(ONE)
    hear_for(solo, 4)
    assert masters(solo) == [(DOWN, CauseCode.PREEMPTS)]


def test_the_delay_counts_from_the_first_weaker_advert() -> None:
    solo = delayed(10)
    solo.pass_time(2 * SECOND)
    hear_for(solo, 11)
    assert masters(solo) == [(12 * SECOND, CauseCode.PREEMPTS)]


def test_a_delay_shorter_than_the_down_interval_changes_nothing() -> None:
    solo = delayed(1)
    solo.pass_time(2 * SECOND)
    hear_for(solo, 3)
    assert masters(solo) == [(DOWN, CauseCode.PREEMPTS)]


def test_a_weaker_master_that_falls_silent_is_replaced_in_time() -> None:
    solo = delayed(60)
    hear_for(solo, 5)
    solo.pass_time(SECOND)
    assert masters(solo) == []
    solo.pass_time(2 * SECOND)
    assert masters(solo) == [(4 * SECOND + DOWN, CauseCode.MASTER_SILENT)]


def test_a_weaker_master_that_resigns_is_replaced_after_the_skew() -> None:
    solo = delayed(60)
    hear_for(solo, 5)
    solo.hear(0)
    solo.pass_time(SECOND)
    assert masters(solo) == [(5 * SECOND + SKEW, CauseCode.MASTER_RELEASED)]


@pytest.mark.parametrize("priority", [100, 150])
def test_an_equal_or_a_stronger_one_lets_the_delay_begin_anew(priority: int) -> None:
    solo = delayed(5)
    hear_for(solo, 4)
    hear_for(solo, 1, priority)
    assert solo.now == 5 * SECOND
    hear_for(solo, 6)
    assert masters(solo) == [(10 * SECOND, CauseCode.PREEMPTS)]


def test_a_weaker_master_is_timed_by_its_own_interval() -> None:
    solo = delayed(60)
    solo.hear(50, interval=4 * SECOND)
    solo.pass_time(12 * SECOND)
    assert masters(solo) == []
    solo.pass_time(4 * SECOND)
    assert masters(solo) == [(14_437_500_000, CauseCode.MASTER_SILENT)]


def test_the_delay_counts_from_the_health_of_this_host() -> None:
    solo = delayed(6)
    hear_for(solo, 4)
    solo.step(LinkChanged(replace(LINK, carrier=False)))
    hear_for(solo, 4)
    solo.step(LinkChanged(LINK))
    hear_for(solo, 7)
    assert masters(solo) == [(14 * SECOND, CauseCode.PREEMPTS)]


def test_whoever_does_not_preempt_does_not_after_a_delay() -> None:
    solo = delayed(5, preempt=False)
    hear_for(solo, 20)
    assert masters(solo) == []


def test_nobody_waits_where_nobody_serves() -> None:
    solo = delayed(60)
    solo.pass_time(4 * SECOND)
    assert masters(solo) == [(DOWN, CauseCode.MASTER_SILENT)]


# -- startup_delay --------------------------------------------------------------------------


def starting(seconds: int, **changes: object) -> Solo:
    return backup(replace(ONE, startup_delay=seconds * SECOND, **changes))  # type: ignore[arg-type]


def test_nothing_is_taken_over_before_the_startup_delay() -> None:
    solo = starting(10)
    solo.pass_time(11 * SECOND)
    assert masters(solo) == [(10 * SECOND, CauseCode.MASTER_SILENT)]


def test_a_startup_delay_shorter_than_the_down_interval_changes_nothing() -> None:
    solo = starting(2)
    solo.pass_time(5 * SECOND)
    assert masters(solo) == [(DOWN, CauseCode.MASTER_SILENT)]


def test_an_owner_listens_meanwhile() -> None:
    solo = starting(10, priority=255)
    assert solo.is_now(State.BACKUP)
    solo.pass_time(10 * SECOND - 1)
    assert solo.when(SendAdvert) == []
    solo.pass_time(1)
    assert masters(solo) == [(10 * SECOND, CauseCode.MASTER_SILENT)]


def test_an_owner_whose_link_comes_later_does_not_listen() -> None:
    solo = Solo(replace(ONE, priority=255, startup_delay=10 * SECOND), LINK)
    solo.link = replace(LINK, carrier=False)
    solo.start()
    solo.pass_time(10 * SECOND)
    solo.step(LinkChanged(LINK))
    assert masters(solo) == [(10 * SECOND, CauseCode.OWNER)]


def test_a_master_that_resigns_meanwhile_is_replaced_after_it() -> None:
    solo = starting(10)
    hear_for(solo, 3, 150)
    solo.hear(0)
    solo.pass_time(8 * SECOND)
    assert masters(solo) == [(10 * SECOND, CauseCode.MASTER_RELEASED)]


def test_it_counts_from_the_start_of_the_agent_alone() -> None:
    solo = starting(10)
    solo.pass_time(9 * SECOND)
    solo.step(LinkChanged(replace(LINK, carrier=False)))
    solo.step(LinkChanged(LINK))
    solo.pass_time(4 * SECOND)
    assert masters(solo) == [(9 * SECOND + DOWN, CauseCode.MASTER_SILENT)]


def test_the_question_for_the_addresses_is_put_before_the_takeover_and_not_before() -> None:
    solo = starting(10, takeover_probe=TakeoverProbe.WARN)
    assert solo.machine.next_deadline() == 9_950 * MS
