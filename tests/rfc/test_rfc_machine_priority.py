"""RFC 9568 §6.1, §8.3.2: priority and preemption. One test per line of the checklist."""

from __future__ import annotations

from dataclasses import replace

import pytest
from solo_machine import CONFIG, LINK, Solo

from vipd.core.actions import SendAdvert
from vipd.core.config import InstanceConfig
from vipd.core.events import ConfigChanged, LinkChanged
from vipd.core.model import State

MS = 1_000_000
SECOND = 1_000_000_000
TAKEOVER = 3_609_375_000


def started(config: InstanceConfig) -> Solo:
    solo = Solo(config)
    solo.start()
    return solo


def hear_for_a_minute(solo: Solo, priority: int) -> None:
    for _ in range(60):
        solo.hear(priority)
        solo.pass_time(SECOND)


def test_preemption_is_the_default() -> None:
    """117, §6.1: Preempt_Mode defaults to True: weaker adverts hold nobody back."""
    solo = started(CONFIG)
    hear_for_a_minute(solo, 99)
    assert solo.when(SendAdvert)[0] == TAKEOVER


def test_an_owner_preempts_regardless() -> None:
    """117, §6.1 (exception of Preempt_Mode): also an owner that once yielded to another."""
    solo = started(replace(CONFIG, priority=255, preempt=False))
    solo.hear(255)
    assert solo.is_now(State.BACKUP)
    for _ in range(4):
        solo.hear(100)
        solo.pass_time(SECOND)
    assert solo.is_now(State.MASTER)


def test_without_preemption_a_weaker_master_keeps_the_addresses() -> None:
    """118, §6.1: its adverts restart the timer."""
    solo = started(replace(CONFIG, preempt=False))
    hear_for_a_minute(solo, 1)
    assert solo.is_now(State.BACKUP)
    assert solo.machine.next_deadline() == 59 * SECOND + TAKEOVER


def test_without_preemption_silence_still_makes_a_master() -> None:
    """118, §6.4.2 (365)."""
    solo = started(replace(CONFIG, preempt=False))
    hear_for_a_minute(solo, 1)
    solo.pass_time(TAKEOVER - SECOND)
    assert solo.is_now(State.MASTER)


def test_an_owner_is_master_at_once_though_another_serves() -> None:
    """119, §6.4.1: also when its link comes back."""
    solo = Solo(replace(CONFIG, priority=255), replace(LINK, carrier=False))
    solo.start()
    solo.hear(200)
    assert solo.is_now(State.FAULT)
    solo.step(LinkChanged(LINK))
    assert solo.is_now(State.MASTER)


@pytest.mark.parametrize(
    ("source", "state"), [("192.0.2.51", State.BACKUP), ("192.0.2.49", State.MASTER)]
)
def test_of_two_owners_one_yields(source: str, state: State) -> None:
    """39, 120, erratum 8298: an owner listens to adverts, so that the mistake costs no outage."""
    solo = started(replace(CONFIG, priority=255))
    solo.hear(255, source=source)
    assert solo.is_now(state)


def test_a_new_priority_goes_out_with_the_next_advert() -> None:
    """27, 121, §7.2."""
    solo = started(CONFIG)
    solo.pass_time(TAKEOVER)
    assert solo.step(ConfigChanged(replace(CONFIG, priority=150))) == ()
    solo.pass_time(SECOND)
    sent = [action for _, action in solo.done if isinstance(action, SendAdvert)]
    assert [advert.priority for advert in sent] == [100, 150]


def test_a_new_priority_decides_at_once_who_yields() -> None:
    """121: what the next advert will say is already what the machine goes by."""
    solo = started(CONFIG)
    solo.pass_time(TAKEOVER)
    solo.step(ConfigChanged(replace(CONFIG, priority=150)))
    solo.hear(120)
    assert solo.is_now(State.MASTER)
    solo.step(ConfigChanged(replace(CONFIG, priority=110)))
    solo.hear(120)
    assert solo.is_now(State.BACKUP)


def test_preemption_can_be_taken_back_by_a_reload() -> None:
    """117, 118: the next advert of a weaker MASTER counts, the timer runs on till then."""
    solo = started(CONFIG)
    solo.pass_time(3 * SECOND)
    solo.step(ConfigChanged(replace(CONFIG, preempt=False)))
    assert solo.machine.next_deadline() == TAKEOVER
    solo.hear(50)
    assert solo.machine.next_deadline() == 3 * SECOND + TAKEOVER
