"""What one node tracks, and what it makes of its priority: reckoned apart from the machine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from vipd.core.config import InstanceConfig
from vipd.core.events import TrackReported
from vipd.core.model import OWNER_PRIORITY
from vipd.core.units import Instant


class Trackers:
    """How the trackers of a node are, and what its agent knows of that.

    Why the count: two faults of one tracker may overlap.
    """

    __slots__ = ("_failures", "_presumed", "_told")

    def __init__(self) -> None:
        self._failures: Counter[str] = Counter()
        self._told: dict[str, bool] = {}
        self._presumed = False

    def change(self, name: str, *, up: bool) -> None:
        """One is down for one reason more, or less."""
        self._failures[name] += -1 if up else 1

    def begin(self, config: InstanceConfig, spoke: Instant | None, now: Instant) -> None:
        """An agent has started, and knows nothing; if it carries on, it presumes the best."""
        self._told = {}
        self._presumed = spoke is not None and now - spoke < 3 * config.advert_interval

    def news(self, config: InstanceConfig) -> Iterator[TrackReported]:
        """What the agent has not been told."""
        for use in config.track:
            up = self._failures[use.name] <= 0
            if self._told.get(use.name) is not up:
                self._told[use.name] = up
                yield TrackReported(name=use.name, up=up, text="well" if up else "ill")

    def weigh(self, config: InstanceConfig) -> InstanceConfig:
        """The configuration with the priority that the agent stands with, as far as it knows."""
        if config.priority == OWNER_PRIORITY or not config.track:
            return config
        total = config.priority
        for use in config.track:
            up = self._told.get(use.name, self._presumed)
            total += max(use.weight or 0, 0) if up else min(use.weight or 0, 0)
        return replace(config, priority=sorted((1, total, 254))[1])
