"""What an operator wants of one node, and what follows: reckoned apart from the machine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from vipd.core.actions import ReportTransition
from vipd.core.cause import CauseCode
from vipd.core.config import InstanceConfig
from vipd.core.events import Event, FailoverOrdered, OrdersGiven
from vipd.core.model import OWNER_PRIORITY, State
from vipd.core.orders import NONE, Orders


class Operator:
    """The orders for one node.

    Why the count: two maintenances may overlap.
    """

    __slots__ = ("_failovers", "_maintenances", "_told", "moved_away")

    def __init__(self) -> None:
        self._maintenances = self._failovers = 0
        self._told = NONE
        self.moved_away = False
        """Whether the addresses were moved away, so that it lets whoever has them serve."""

    def fail_over(self) -> None:
        """Want another one to serve."""
        self._failovers += 1

    def maintain(self, *, on: bool) -> None:
        """Begin a maintenance, or end one. Agents come and go meanwhile."""
        self._maintenances += 1 if on else -1

    def begin(self) -> None:
        """The agent has started: what it was told is forgotten, and what was moved."""
        self._told, self._failovers, self.moved_away = NONE, 0, False

    def news(self) -> Iterator[Event]:
        """What the agent has not been told."""
        orders = Orders(maintenance="maintenance" if self._maintenances else None)
        if orders != self._told:
            self._told = orders
            self.moved_away &= self._maintenances > 0
            yield OrdersGiven(orders)
        for _ in range(self._failovers):
            yield FailoverOrdered("ordered")
        self._failovers = 0

    def note(self, report: ReportTransition) -> None:
        """The node has become something else."""
        self.moved_away &= report.new is not State.MASTER
        self.moved_away |= report.cause.code is CauseCode.FAILOVER

    def subdue(self, config: InstanceConfig) -> InstanceConfig:
        """The configuration, of one that lets a weaker MASTER serve if it was moved there."""
        if not self.moved_away:
            return config
        return replace(config, preempt=False, priority=min(config.priority, OWNER_PRIORITY - 1))

    def forbids(self, state: State, *, leaving: bool) -> bool:
        """Whether it must not be so, by what the agent was told."""
        return self._told != NONE and not leaving and state in {State.MASTER, State.BACKUP}
