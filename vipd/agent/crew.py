"""The crew: who works beside the runtime. It is asked what they know, and told what happens."""

from __future__ import annotations

from collections.abc import Iterable

from vipd.agent.instance import Instance, Passage
from vipd.core.actions import AskHooks, CallOffHooks, ReportIncident
from vipd.core.events import HooksAnswered, TrackReported
from vipd.core.orders import NONE, Orders
from vipd.core.units import Duration


class Crew:
    """Nobody: it knows nothing, wants nothing and lets everything pass. Others are made of it."""

    def tracked(self) -> Iterable[TrackReported]:
        """What is known of the trackers, for an instance that begins to use them."""
        return ()

    def orders_for(self, name: str) -> Orders:  # noqa: ARG002
        """What an operator wants of an instance that begins."""
        return NONE

    def ask_hooks(
        self,
        instance: Instance,  # noqa: ARG002
        what: AskHooks | CallOffHooks,
    ) -> HooksAnswered | None:
        """Let hooks run before a transition, or not any more; None means that they answer later."""
        return HooksAnswered(moment=what.moment) if isinstance(what, AskHooks) else None

    def on_transition(self, instance: Instance, passage: Passage) -> None:
        """An instance has become something else, and all that it asked for at once is done."""

    def on_incident(self, instance: Instance, incident: ReportIncident) -> None:
        """Something has happened to an instance which a person should know."""

    def on_change(self) -> None:
        """Some instances have become something else: called once for all of a moment."""

    @property
    def lead(self) -> Duration:
        """How long before a takeover they want to rehearse it; 0 for not at all."""
        return 0

    def rehearse(self) -> None:
        """A takeover is near, and nothing else is to be done until then."""

    def on_left(self) -> None:
        """The last instance has left that was told to."""

    def on_stall(self) -> None:
        """It has woken so late that an instance may have missed adverts."""

    def on_wake(self, late: Duration) -> None:
        """The runtime has woken for its alarm, so much later than it was set for."""
