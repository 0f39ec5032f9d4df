"""The staff: the crew of a real agent. Each has a room of its own; here they meet the runtime."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from vipd.agent.crew import Crew
from vipd.agent.fellow_rounds import Rounds
from vipd.agent.hook_desk import HookDesk
from vipd.agent.instance import Instance, Passage
from vipd.agent.journal import Journal
from vipd.agent.lag import LoopLag
from vipd.agent.operations import Operations
from vipd.agent.order import OrderBook
from vipd.agent.rehearsal import LEAD, Rehearsal
from vipd.agent.tracking import Tracking
from vipd.core.actions import AskHooks, CallOffHooks, ReportIncident
from vipd.core.events import HooksAnswered, TrackReported
from vipd.core.orders import Orders
from vipd.core.units import Duration


class Staff(Crew):
    """Trackers, hooks, orders and the journal; `changed` and `left` are told to the agent.

    Order: what orders something anew does so from the loop, never while machines step.
    """

    def __init__(
        self,
        tracking: Tracking,
        desk: HookDesk,
        book: OrderBook,
        operations: Operations,
        journal: Journal,
        rounds: Rounds,
        rehearsal: Rehearsal,
    ) -> None:
        self.tracking = tracking
        self.desk = desk
        self.book = book
        self.operations = operations
        self.journal = journal
        self.rounds = rounds
        self._rehearsal = rehearsal
        self.lag = LoopLag()
        self.changed: Callable[[], None] = lambda: None
        self.left: Callable[[], None] = lambda: None
        self._loop = asyncio.get_running_loop()

    def tracked(self) -> Iterable[TrackReported]:
        """What is known of the trackers."""
        return self.tracking.reports()

    def orders_for(self, name: str) -> Orders:
        """What an operator wants of an instance."""
        return self.book.orders_for(name)

    def ask_hooks(self, instance: Instance, what: AskHooks | CallOffHooks) -> HooksAnswered | None:
        """Let hooks run before a transition, or not any more."""
        self.desk.ask(instance, what)
        return None

    def on_transition(self, instance: Instance, passage: Passage) -> None:
        """Tell the hooks, and keep it for `vipd why`."""
        report = passage.report
        self.desk.transition(instance, report)
        self.journal.note(
            "transition",
            report.cause.code.value,
            report.cause.text,
            instance=instance.config.name,
            old=report.old,
            new=report.new,
            evidence=report.cause.evidence,
            timings_ms={what.removesuffix("_ms"): ms for what, ms in passage.timings.items()},
        )

    def on_incident(self, instance: Instance, incident: ReportIncident) -> None:
        """Keep it; who waits for a failover may learn from it that nobody came."""
        name, code = instance.config.name, incident.code.value
        self.journal.note("incident", code, incident.text, instance=name)
        self._loop.call_soon(self.operations.look)

    def on_change(self) -> None:
        """An instance has become something else."""
        self._loop.call_soon(self.operations.look)
        self._loop.call_soon(self.changed)
        self.rounds.soon()

    def on_wake(self, late: Duration) -> None:
        """Count how late the loop was."""
        self.lag.note(late)

    def on_stall(self) -> None:
        """Count it."""
        self.lag.stall()

    @property
    def lead(self) -> Duration:
        """How long before a takeover it is rehearsed."""
        return LEAD

    def rehearse(self) -> None:
        """Go through a takeover before one that is near."""
        self._rehearsal.rehearse()

    def on_left(self) -> None:
        """The last instance has left that was told to."""
        self.left()
