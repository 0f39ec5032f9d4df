"""Telling what instances have become, in the log and to the crew, when there is time for it.

For hundreds of instances that takes as long as their takeover. So nothing is told while others are
due: of 255 that take over within milliseconds, the last does not wait for what is told of others.
Where hooks follow from it, it is told at once: they are to see things as they are, and what is
asked of them comes after what was told before.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from vipd.agent.crew import Crew
from vipd.agent.instance import Instance
from vipd.agent.ports import Clock
from vipd.core.units import MILLISECOND, Duration, Instant
from vipd.log import Logger

WITHIN: Duration = 100 * MILLISECOND
"""No transition waits for longer to be told, whoever is due."""


class Telling:
    """Those of whom something is to be told."""

    def __init__(self, clock: Clock, log: Logger) -> None:
        self._clock = clock
        self._log = log
        self._changed: dict[Instance, None] = {}
        self._urgent = False

    def note(self, instances: Iterable[Instance]) -> None:
        """Remember those of these that have become something else."""
        for instance in instances:
            if instance.passages:
                self._changed[instance] = None
                self._urgent = self._urgent or _has_hooks(instance)

    def is_time(self, due: Instant | None) -> bool:
        """Whether it is to be told now, where the next instance is due then."""
        if not self._changed:
            return False
        now, decided = self._clock(), next(iter(self._changed)).passages[0].at
        return self._urgent or due is None or due > now or now - decided > WITHIN

    def tell(self, crew: Crew) -> Collection[Instance]:
        """Log what they went through, and let the crew know; who they are."""
        changed, self._changed, self._urgent = self._changed, {}, False
        for instance in changed:
            self._tell_of(instance, crew)
        return changed

    def _tell_of(self, instance: Instance, crew: Crew) -> None:
        for passage in instance.passages:
            report = passage.report
            self._log.info(
                "transition",
                instance=instance.config.name,
                old=report.old.value,
                new=report.new.value,
                cause=str(report.cause),
                code=report.cause.code.value,
                **passage.timings,
            )
            crew.on_transition(instance, passage)
        instance.passages.clear()


def _has_hooks(instance: Instance) -> bool:
    """Whether hooks may follow from what it becomes: its own, or those of its group."""
    config = instance.config
    return bool(config.hooks.hooks or config.hooks.fifo or config.group)
