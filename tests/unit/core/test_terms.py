"""The effective priority and the health of an instance, by literal numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from solo_machine import CONFIG

from vipd.core.cause import Cause, CauseCode
from vipd.core.config import TrackUse
from vipd.core.events import TrackReported
from vipd.core.terms import Terms


def terms(*track: TrackUse, priority: int = 100) -> Terms:
    return Terms(replace(CONFIG, priority=priority, track=track))


def weighed(weight: int, *, priority: int = 100) -> Terms:
    return terms(TrackUse(name="uplink", weight=weight), priority=priority)


def report(
    name: str = "uplink", *, up: bool, text: str = "as seen", weight: int | None = None
) -> TrackReported:
    return TrackReported(name=name, up=up, text=text, weight=weight)


# -- weights --------------------------------------------------------------------------------


def test_without_trackers_the_priority_is_the_configured_one() -> None:
    assert terms(priority=37).priority == 37
    assert terms().fault() is None


@pytest.mark.parametrize(
    ("weight", "unknown", "down", "up"),
    [(-50, 50, 50, 100), (20, 100, 100, 120), (0, 100, 100, 100)],
)
def test_a_penalty_counts_while_it_is_down_and_a_reward_while_it_is_up(
    weight: int, unknown: int, down: int, up: int
) -> None:
    one = weighed(weight)
    assert one.priority == unknown
    one.take(report(up=True))
    assert one.priority == up
    one.take(report(up=False))
    assert one.priority == down
    one.take(report(up=True))
    assert one.priority == up
    assert one.fault() is None


def test_it_is_computed_anew_and_never_added_up() -> None:
    one = weighed(-50)
    for _ in range(3):
        one.take(report(up=False))
    assert one.priority == 50


def test_weights_add_up() -> None:
    uses = (
        TrackUse(name="uplink", weight=-50),
        TrackUse(name="disk", weight=-7),
        TrackUse(name="cache", weight=20),
    )
    one = terms(*uses)
    assert one.priority == 43
    for name, priority in (("disk", 50), ("cache", 70), ("uplink", 120)):
        one.take(report(name, up=True))
        assert one.priority == priority


@pytest.mark.parametrize(("weight", "priority"), [(-99, 1), (-100, 1), (-300, 1), (-98, 2)])
def test_a_penalty_never_makes_less_than_1(weight: int, priority: int) -> None:
    assert weighed(weight).priority == priority


@pytest.mark.parametrize(("weight", "priority"), [(154, 254), (155, 254), (400, 254), (153, 253)])
def test_a_reward_never_makes_more_than_254(weight: int, priority: int) -> None:
    one = weighed(weight)
    one.take(report(up=True))
    assert one.priority == priority


def test_the_sum_is_clamped_and_not_its_parts() -> None:
    one = terms(TrackUse(name="a", weight=-200), TrackUse(name="b", weight=150))
    one.take(report("b", up=True))
    assert one.priority == 50


def test_the_owner_stays_the_owner() -> None:
    one = weighed(-50, priority=255)
    assert one.priority == 255
    one.take(report(up=True, weight=-200))
    assert one.priority == 255


@pytest.mark.parametrize(("number", "priority"), [(-30, 70), (30, 130), (0, 100), (-500, 1)])
def test_a_number_that_was_read_is_the_weight(number: int, priority: int) -> None:
    for one in (weighed(-50), terms(TrackUse(name="uplink"))):
        one.take(report(up=True, weight=number))
        assert one.priority == priority
        assert one.fault() is None


def test_a_number_of_what_is_down_means_nothing() -> None:
    one = weighed(-50)
    one.take(report(up=False, weight=30))
    assert one.priority == 50


def test_a_tracker_that_is_not_used_means_nothing() -> None:
    one = weighed(-50)
    one.take(report(up=True))
    one.take(report("elsewhere", up=False))
    one.take(report("elsewhere", up=True, weight=99))
    assert one.priority == 100
    assert one.fault() is None


def test_another_configuration_weighs_what_was_said_before() -> None:
    one = weighed(-50)
    one.take(report(up=False))
    uses = (TrackUse(name="uplink", weight=-10),)
    one.config = replace(CONFIG, priority=200, track=uses)
    assert one.priority == 190


# -- faults ---------------------------------------------------------------------------------


def test_without_a_weight_it_is_a_fault_while_it_is_down() -> None:
    one = terms(TrackUse(name="nginx"))
    one.take(report("nginx", up=False, text="connection refused"))
    assert one.fault() == Cause(CauseCode.TRACKER, "nginx: connection refused")
    assert one.priority == 100
    one.take(report("nginx", up=True))
    assert one.fault() is None
    assert one.priority == 100


def test_a_tracker_that_has_said_nothing_is_down() -> None:
    one = terms(TrackUse(name="nginx"))
    assert one.fault() == Cause(CauseCode.TRACKER, "nginx: nothing is known of it yet")


def test_the_first_in_the_order_of_the_configuration_is_the_fault() -> None:
    one = terms(TrackUse(name="b"), TrackUse(name="a"))
    one.take(report("a", up=False, text="x"))
    one.take(report("b", up=False, text="y"))
    assert one.fault() == Cause(CauseCode.TRACKER, "b: y")
    one.take(report("b", up=True))
    assert one.fault() == Cause(CauseCode.TRACKER, "a: x")


def test_of_a_fault_of_its_own_and_one_of_the_group_it_names_its_own() -> None:
    one = terms(TrackUse(name="nginx"))
    one.group_fault = "b, of the group edge: no carrier"
    assert one.fault() == Cause(CauseCode.TRACKER, "nginx: nothing is known of it yet")
    one.take(report("nginx", up=True))
    assert one.fault() == Cause(CauseCode.GROUP, "b, of the group edge: no carrier")
    one.group_fault = None
    assert one.fault() is None


# -- an agent that carries on ---------------------------------------------------------------


def test_whoever_carries_on_takes_for_up_what_has_said_nothing() -> None:
    uses = (TrackUse(name="nginx"), TrackUse(name="uplink", weight=-50))
    one = terms(*uses, TrackUse(name="cache", weight=20))
    assert one.priority == 50
    one.presume()
    assert one.fault() is None
    assert one.priority == 120


def test_what_has_been_said_counts_more_than_what_is_presumed() -> None:
    one = terms(TrackUse(name="nginx"), TrackUse(name="uplink", weight=-50))
    one.take(report("nginx", up=False, text="gone"))
    one.take(report(up=False))
    one.presume()
    assert one.fault() == Cause(CauseCode.TRACKER, "nginx: gone")
    assert one.priority == 50
