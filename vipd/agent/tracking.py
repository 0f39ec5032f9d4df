"""Tracking: the trackers of an agent, what each has seen, and what the instances are told of it.

A tracker runs as long as it is configured, whoever uses it. An instance hears of it when its
verdict changes, and once when anything is known of it at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from vipd.agent.ports import Clock
from vipd.core.config import TrackerConfig
from vipd.core.events import TrackReported
from vipd.core.units import SECOND, Instant
from vipd.log import Logger
from vipd.track.outcome import Outcome, Tracker
from vipd.track.polling import Polling
from vipd.track.registry import make as make_tracker
from vipd.track.verdict import Verdict


@dataclass(slots=True)
class Watch:
    """One tracker at work."""

    config: TrackerConfig
    tracker: Tracker
    verdict: Verdict
    review: asyncio.TimerHandle | None = None

    @property
    def next_look(self) -> Instant | None:
        """When it looks again; None for a tracker that waits for events."""
        return self.tracker.next_look if isinstance(self.tracker, Polling) else None

    @property
    def report(self) -> TrackReported:
        """What an instance is told of it."""
        verdict = self.verdict
        return TrackReported(
            name=self.config.name, up=verdict.up, text=verdict.describe(), weight=verdict.weight
        )


class Tracking:
    """All trackers of one agent; `tell` takes what is new of one."""

    def __init__(
        self,
        clock: Clock,
        log: Logger,
        tell: Callable[[TrackReported], None],
        make: Callable[[TrackerConfig], Tracker] = make_tracker,
    ) -> None:
        self._clock = clock
        self._log = log
        self._tell = tell
        self._make = make
        self._watches: dict[str, Watch] = {}

    @property
    def watches(self) -> Sequence[Watch]:
        """Every tracker, in the order of the configuration."""
        return tuple(self._watches.values())

    def apply(self, configs: Iterable[TrackerConfig]) -> None:
        """Run these from now on. What did not change keeps its verdict. Order: on the loop."""
        wanted = {config.name: config for config in configs}
        for name, watch in list(self._watches.items()):
            if wanted.get(name) != watch.config:
                self._end(self._watches.pop(name))
        self._watches = {
            name: self._watches.get(name) or self._begin(config) for name, config in wanted.items()
        }

    def stop(self) -> None:
        """End all trackers."""
        self.apply(())

    def reports(self) -> Iterator[TrackReported]:
        """What is known: of whom nothing is, an instance takes for down until it is told."""
        known = (one for one in self.watches if one.verdict.last or one.config.initially_up)
        return (one.report for one in known)

    def _begin(self, config: TrackerConfig) -> Watch:
        watch = Watch(config, self._make(config), Verdict(config, self._clock()))
        watch.tracker.start(partial(self._take, watch))
        return watch

    def _end(self, watch: Watch) -> None:
        watch.tracker.stop()
        if watch.review:
            watch.review.cancel()

    def _take(self, watch: Watch, outcome: Outcome) -> None:
        """One more result of a tracker."""
        first = watch.verdict.last is None
        changed = watch.verdict.take(outcome, self._clock())
        if changed or first:
            self._say(watch)
        if watch.review or watch.verdict.held_until is not None:
            self._await_review(watch)

    def _await_review(self, watch: Watch) -> None:
        """Look again when a tracker that is held down for its flaps may be let up."""
        if watch.review:
            watch.review.cancel()
            watch.review = None
        if (until := watch.verdict.held_until) is not None:
            loop = asyncio.get_running_loop()
            wait = max(0, until - self._clock()) / SECOND
            watch.review = loop.call_later(wait, self._review, watch)

    def _review(self, watch: Watch) -> None:
        if watch.verdict.review(self._clock()):
            self._say(watch)

    def _say(self, watch: Watch) -> None:
        report = watch.report
        write = self._log.info if report.up else self._log.warning
        write("tracker", tracker=report.name, up=report.up, text=report.text)
        self._tell(report)
