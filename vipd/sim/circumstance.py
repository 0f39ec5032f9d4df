"""What is around an agent besides the network: what it tracks, and what an operator wants of it."""

from __future__ import annotations

from collections.abc import Iterator

from vipd.core.actions import ReportTransition
from vipd.core.config import InstanceConfig
from vipd.core.events import Event
from vipd.core.units import Instant
from vipd.sim.operator import Operator
from vipd.sim.trackers import Trackers


class Circumstances:
    """Those of one node; `news` is what its agent has not been told."""

    __slots__ = ("operator", "trackers")

    def __init__(self) -> None:
        self.operator = Operator()
        self.trackers = Trackers()

    def begin(self, config: InstanceConfig, spoke: Instant | None, now: Instant) -> None:
        """An agent has started, and knows nothing."""
        self.operator.begin()
        self.trackers.begin(config, spoke, now)

    def news(self, config: InstanceConfig) -> Iterator[Event]:
        """What the agent has not been told."""
        yield from self.operator.news()
        yield from self.trackers.news(config)

    def note(self, report: ReportTransition) -> None:
        """The node has become something else."""
        self.operator.note(report)
