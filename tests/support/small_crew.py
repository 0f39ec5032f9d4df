"""A crew of whom a test needs: trackers, hooks, or who counts the departures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from vipd.agent.crew import Crew
from vipd.agent.hook_desk import HookDesk
from vipd.agent.instance import Instance, Passage
from vipd.agent.tracking import Tracking
from vipd.core.actions import AskHooks, CallOffHooks
from vipd.core.events import HooksAnswered, TrackReported


@dataclass
class SmallCrew(Crew):
    """Those who are there do their part; `left` counts how often all have left."""

    tracking: Tracking | None = None
    desk: HookDesk | None = None
    left: int = 0

    def tracked(self) -> Iterable[TrackReported]:
        return self.tracking.reports() if self.tracking else ()

    def ask_hooks(self, instance: Instance, what: AskHooks | CallOffHooks) -> HooksAnswered | None:
        if self.desk is None:
            return super().ask_hooks(instance, what)
        self.desk.ask(instance, what)
        return None

    def on_transition(self, instance: Instance, passage: Passage) -> None:
        if self.desk:
            self.desk.transition(instance, passage.report)

    def on_left(self) -> None:
        self.left += 1
