"""What a node stands in, and whom it tells of itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import TypeAlias

from vipd.core.actions import ReportTransition
from vipd.core.config import InstanceConfig
from vipd.core.machine import Machine
from vipd.core.units import Duration
from vipd.sim.clock import Clock
from vipd.sim.network import Network

MachineType: TypeAlias = Callable[[InstanceConfig], Machine]
"""What makes a node's machine: `Machine`, or a broken one that the simulation must find out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The same for all nodes of a cluster.

    `on_change` is called when a node has another state, runs or no longer runs, or its kernel has
    other addresses; `on_transition` for every transition of the node of an index. `tell` takes a
    line of the story, if there is one to be told.
    """

    clock: Clock
    network: Network
    rng: Random
    lateness: Duration
    machine: MachineType
    on_change: Callable[[], None]
    on_transition: Callable[[int, ReportTransition], None]
    tell: Callable[[str], None] | None
