"""Seeds that break a rule, and what to show of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from vipd.core.machine import Machine
from vipd.sim.cluster import live, tell
from vipd.sim.drawing import draw
from vipd.sim.literal import literal
from vipd.sim.rule import Broken
from vipd.sim.scenario import Scenario
from vipd.sim.shrinking import shrink
from vipd.sim.world import MachineType

Drawing: TypeAlias = Callable[[int], Scenario]
"""What makes a scenario of a seed: `draw`, or `draw_group`."""


def broken_seed(
    seeds: range, *, machine: MachineType = Machine, drawing: Drawing = draw
) -> int | None:
    """The first of these seeds that breaks a rule."""
    for seed in seeds:
        try:
            live(drawing(seed), machine=machine)
        except Broken:
            return seed
    return None


def explain(seed: int, *, machine: MachineType = Machine, drawing: Drawing = draw) -> str:
    """The story of a seed that breaks a rule, as short as it can be, and how to keep it."""
    scenario = shrink(drawing(seed), machine=machine)
    return f"{tell(scenario, machine=machine)}\nseed {seed}, shrunken to\n{literal(scenario)}"
