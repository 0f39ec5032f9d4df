"""A repeated line is written once a minute."""

from __future__ import annotations

from fake_world import World

from vipd.agent.throttle import LINES_REMEMBERED, Throttle
from vipd.core.units import SECOND


def test_a_line_comes_at_once_then_once_a_minute_with_what_was_left_out() -> None:
    world = World()
    throttle = Throttle(world.log, world.clock)  # type: ignore[arg-type]
    for _ in range(61):
        throttle.warning("dropped", source="a")
        world.now += SECOND
    assert world.log.called("dropped") == [{"source": "a"}, {"source": "a", "suppressed": 59}]


def test_lines_with_other_fields_are_other_lines() -> None:
    world = World()
    throttle = Throttle(world.log, world.clock)  # type: ignore[arg-type]
    for source in ("a", "b", "a"):
        throttle.warning("dropped", source=source)
    assert world.log.called("dropped") == [{"source": "a"}, {"source": "b"}]


def test_of_a_flood_of_different_lines_only_so_many_are_written_in_a_minute() -> None:
    world = World()
    throttle = Throttle(world.log, world.clock)  # type: ignore[arg-type]
    for number in range(3 * LINES_REMEMBERED):
        throttle.warning("dropped", source=str(number))
    assert len(world.log.called("dropped")) == LINES_REMEMBERED
    world.now += 60 * SECOND
    throttle.warning("dropped", source="new")
    assert len(world.log.called("dropped")) == LINES_REMEMBERED + 1
