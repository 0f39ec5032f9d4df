"""What RFC 3768 (VRRPv2) says of the machine and its timers, where it differs from RFC 9568."""

from __future__ import annotations

from dataclasses import replace

import pytest
from solo_machine import CONFIG, VIP4, Solo

from vipd.core.actions import SendAdvert
from vipd.core.config import InstanceConfig
from vipd.core.model import State
from vipd.core.units import SECOND

V2 = replace(CONFIG, version=2, addresses=(VIP4,))


def solo(config: InstanceConfig = V2) -> Solo:
    one = Solo(config)
    one.start()
    return one


@pytest.mark.parametrize(
    ("priority", "interval", "down"),
    [
        (1, 1, 3_996_093_750),
        (100, 1, 3_609_375_000),
        (100, 5, 15_609_375_000),
        (254, 1, 3_007_812_500),
        (254, 255, 765_007_812_500),
    ],
)
def test_line_85_86_the_skew_is_of_a_second_whatever_the_interval(
    priority: int, interval: int, down: int
) -> None:
    """RFC 3768 §6.1: Skew_Time = (256 - Priority) / 256 seconds."""
    config = replace(V2, priority=priority, advert_interval=interval * SECOND)
    assert solo(config).machine.next_deadline() == down


def test_line_66_a_release_leaves_the_skew() -> None:
    """RFC 3768 §6.4.2: Skew_Time after priority 0; 156/256 s at priority 100."""
    one = solo(replace(V2, advert_interval=5 * SECOND))
    one.hear(150)
    one.hear(0)
    assert one.machine.next_deadline() == one.now + 609_375_000


def test_line_67_the_interval_is_never_learned() -> None:
    """RFC 3768 §6.4.2: reset the timer to Master_Down_Interval, which is of the own interval."""
    one = solo()
    one.hear(150, interval=7 * SECOND)
    assert one.machine.next_deadline() == one.now + 3_609_375_000


def test_line_79_nor_when_a_master_yields() -> None:
    """RFC 3768 §6.4.3."""
    one = solo()
    one.pass_time(4 * SECOND)
    one.hear(150, interval=7 * SECOND)
    assert one.is_now(State.BACKUP)
    assert one.machine.next_deadline() == one.now + 3_609_375_000


def test_line_82_a_losing_advert_is_not_answered() -> None:
    """RFC 3768 §6.4.3: otherwise discard the advertisement."""
    one = solo()
    one.pass_time(4 * SECOND)
    assert one.hear(50) == ()
    assert one.is_now(State.MASTER)


def test_line_78_a_release_is_answered_at_once() -> None:
    """RFC 3768 §6.4.3."""
    one = solo()
    one.pass_time(4 * SECOND)
    (answer,) = one.hear(0)
    assert isinstance(answer, SendAdvert)
    assert answer.priority == 100
