"""On what terms an instance stands for election: what it is told, and in what health it is.

The effective priority is computed anew from the configured one, or the one that an operator has
ordered, and all that the trackers have said, whenever one of these changes; never added up. A
tracker that has said nothing yet is down, unless this agent carries on what it did a moment ago:
then nothing is worse until it is said to be.
"""

from __future__ import annotations

from vipd.core.cause import Cause, CauseCode
from vipd.core.config import InstanceConfig, TrackUse
from vipd.core.events import TrackReported
from vipd.core.orders import NONE, Orders

LEAST_PRIORITY, GREATEST_PRIORITY = 1, 254
"""What weights may make of a priority. RFC: 9568 §5.2.4 (0 resigns, 255 owns)."""


class Terms:
    """The configuration and the health of one instance."""

    __slots__ = (
        "_config",
        "_orders",
        "_presumed",
        "_reports",
        "edition",
        "group_fault",
        "priority",
    )

    def __init__(self, config: InstanceConfig) -> None:
        self._reports: dict[str, TrackReported] = {}
        self._presumed = False
        self._orders = NONE
        self.edition = 0
        """Another number whenever the configuration or the priority may be others."""
        self.group_fault: str | None = None
        """Why another instance of the group cannot serve."""
        self.config = config

    @property
    def config(self) -> InstanceConfig:
        """What this instance is told to be."""
        return self._config

    @config.setter
    def config(self, config: InstanceConfig) -> None:
        self._config = config
        self._weigh()

    @property
    def orders(self) -> Orders:
        """What an operator wants otherwise."""
        return self._orders

    @orders.setter
    def orders(self, orders: Orders) -> None:
        self._orders = orders
        self._weigh()

    def take(self, report: TrackReported) -> None:
        """A tracker has something new to say."""
        self._reports[report.name] = report
        self._weigh()

    def presume(self) -> None:
        """Take every tracker that has said nothing yet for up."""
        self._presumed = True
        self._weigh()

    def fault(self) -> Cause | None:
        """What of the health of this host, or of what was ordered, keeps it from serving."""
        if self._orders.maintenance is not None:
            return Cause(CauseCode.MAINTENANCE, self._orders.maintenance)
        for use in self._config.track:
            if use.weight is None and not self._is_up(use):
                return Cause(CauseCode.TRACKER, f"{use.name}: {self._words(use)}")
        if self.group_fault is not None:
            return Cause(CauseCode.GROUP, self.group_fault)
        return None

    @property
    def effects(self) -> tuple[tuple[TrackUse, int], ...]:
        """What each tracker adds to the priority at the moment."""
        return tuple((use, self._weight(use)) for use in self._config.track)

    def _weigh(self) -> None:
        """Compute the priority that this instance stands for election with."""
        config = self._config
        self.edition += 1
        self.priority = config.priority
        if not config.owner:
            base = self._orders.priority or config.priority
            total = base + sum(map(self._weight, config.track))
            self.priority = min(max(total, LEAST_PRIORITY), GREATEST_PRIORITY)

    def _weight(self, use: TrackUse) -> int:
        """What a tracker adds: a reward while it is up, a penalty while it is down."""
        number = self._number(use)
        if number is not None:
            return number
        weight = use.weight or 0
        return weight if self._is_up(use) == (weight > 0) else 0

    def _is_up(self, use: TrackUse) -> bool:
        report = self._reports.get(use.name)
        return report.up if report else self._presumed

    def _number(self, use: TrackUse) -> int | None:
        report = self._reports.get(use.name)
        return report.weight if report and report.up else None

    def _words(self, use: TrackUse) -> str:
        report = self._reports.get(use.name)
        return report.text if report else "nothing is known of it yet"
