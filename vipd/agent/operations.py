"""Operations: what an operator orders, carried out, and what came of it.

Theory of operation. An order is checked first: what cannot be done changes nothing, and the reply
says why. A failover is then watched until no instance is on its way out any more. `maintenance on`
is a failover first, from which an instance comes back when nobody takes over; only when all have
been followed does the host step down for good. So no order takes an address from everybody, unless
it is told to (`force`).

Instances of a group move together: an order for one is an order for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from vipd.agent.instance import Instance
from vipd.agent.order import OrderBook
from vipd.agent.ports import Clock
from vipd.agent.runtime import Runtime
from vipd.control.access import Caller
from vipd.control.handler import Respond
from vipd.control.messages import (
    AnnounceRequest,
    ErrorReply,
    FailoverRequest,
    MaintenanceRequest,
    OrderReply,
    OutcomeReport,
    PriorityRequest,
    no_such_instance,
)
from vipd.core.events import AnnouncementOrdered, FailoverOrdered, OrdersGiven
from vipd.core.leaving import linger
from vipd.core.model import State
from vipd.core.units import SECOND, Duration, Instant, format_duration


class Fellows(Protocol):
    """What is known of the other agents."""

    def ready_for(self, instances: Collection[Instance]) -> Collection[str]:
        """The nodes that would take over all of these."""


class Chronicle(Protocol):
    """Where it is noted what was ordered."""

    def note(self, kind: str, code: str, text: str, *, instance: str | None = None) -> object:
        """Keep this."""


@dataclass(slots=True, eq=False)
class _Move:
    """Instances that hand over, since when, and who wants to know how that ended."""

    instances: list[Instance]
    began: Instant
    done: Callable[[list[OutcomeReport]], None]
    outcomes: list[OutcomeReport]


class Operations:
    """Carries orders out."""

    def __init__(
        self, runtime: Runtime, book: OrderBook, fellows: Fellows, journal: Chronicle, clock: Clock
    ) -> None:
        self._runtime = runtime
        self._book = book
        self._fellows = fellows
        self._journal = journal
        self._clock = clock
        self._moves: list[_Move] = []
        self._resumed = 0
        """How often a maintenance was ended, or called off."""

    # -- failover ---------------------------------------------------------------------------

    def fail_over(self, request: FailoverRequest, caller: Caller, respond: Respond) -> None:
        """Let another host serve what is asked for."""
        chosen = self._chosen(request.name)
        if isinstance(chosen, ErrorReply):
            respond(chosen)
            return
        masters = [one for one in chosen if _serves(one)]
        if not masters:
            respond(self._nothing_to_move(request.name, chosen))
            return
        why = f"failover ordered by {caller}"
        self._note("failover", why, masters)

        def tell(outcomes: list[OutcomeReport]) -> None:
            moved = sum(one.done for one in outcomes)
            respond(
                OrderReply(text=f"{moved} of {len(outcomes)} handed over", outcomes=(*outcomes,))
            )

        self._move(masters, why, tell if request.wait else lambda _: None)
        if not request.wait:
            names = ", ".join(one.config.name for one in masters)
            respond(OrderReply(text=f"ordered: {names} hand over when a successor is heard"))

    def look(self) -> None:
        """Something has changed: see who has arrived. Order: never while machines step."""
        for move in list(self._moves):
            if move not in self._moves:
                continue
            still = [one for one in move.instances if one.machine.standing.leaving]
            arrived = [one for one in move.instances if one not in still]
            move.outcomes += [self._outcome(one, move.began) for one in arrived]
            move.instances = still
            if not still:
                self._moves.remove(move)
                move.done(move.outcomes)

    def _move(
        self,
        masters: Sequence[Instance],
        why: str,
        done: Callable[[list[OutcomeReport]], None],
    ) -> None:
        self._moves.append(_Move(list(masters), self._clock(), done, []))
        order = FailoverOrdered(why)
        self._runtime.order((one, order) for one in masters)
        self.look()

    def _outcome(self, instance: Instance, began: Instant) -> OutcomeReport:
        """What has become of one; it is done when another host has been heard to serve it.

        Why a little earlier counts: one that is told to move while it lingers has heard it already.
        """
        name, now = instance.config.name, self._clock()
        took = format_duration(now - began)
        status = instance.machine.status(now)
        heir, since = status.master, began - linger(instance.config)
        if instance.machine.state is State.MASTER:
            text = f"nobody took over within {took}: this host serves on"
            return OutcomeReport(instance=name, done=False, text=text)
        if heir and heir.at >= since:
            text = f"{heir.address} (priority {heir.priority}) serves, after {took}"
            return OutcomeReport(instance=name, done=True, text=text)
        text = f"{instance.machine.state.value} after {took}: {status.cause}"
        return OutcomeReport(instance=name, done=False, text=text)

    def _nothing_to_move(self, name: str | None, chosen: Sequence[Instance]) -> ErrorReply:
        if leaving := [one.config.name for one in chosen if one.machine.standing.leaving]:
            return ErrorReply(error=f"{', '.join(leaving)}: this host is handing over already")
        if name is None:
            return ErrorReply(error="this host is MASTER of nothing: there is nothing to hand over")
        one = chosen[0]
        status = one.machine.status(self._clock())
        text = f"{one.config.name} is {one.machine.state.value} here"
        if status.master:
            text += f"; {status.master.address} serves it: order it there"
        return ErrorReply(error=text)

    # -- maintenance ------------------------------------------------------------------------

    def maintain(self, request: MaintenanceRequest, caller: Caller, respond: Respond) -> None:
        """Begin or end a maintenance."""
        if not request.on:
            self._resume(caller, respond)
            return
        if not request.force and (why := self._unsafe()):
            respond(ErrorReply(error=why))
            return

        resumed = self._resumed

        def step_down(outcomes: list[OutcomeReport]) -> None:
            if resumed != self._resumed:
                respond(ErrorReply(error="called off by `vipd maintenance off`"))
            elif masters := self._masters():
                respond(_stays(masters, outcomes))
            else:
                self._step_down(request, caller, respond, outcomes)

        if request.force:
            self._step_down(request, caller, respond, [])
        else:
            self._move(self._masters(), f"maintenance ordered by {caller}", step_down)

    def _step_down(
        self,
        request: MaintenanceRequest,
        caller: Caller,
        respond: Respond,
        outcomes: list[OutcomeReport],
    ) -> None:
        """Serve nothing from now on; who serves yet hands over, whether somebody comes or not."""
        masters = self._masters()
        try:
            self._book.begin_maintenance(request.reason, _span(request.for_s))
        except OSError as error:
            respond(ErrorReply(error=f"the maintenance could not be kept over a restart: {error}"))
            return
        lasts = f" for {format_duration(span)}" if (span := _span(request.for_s)) else ""
        reason = f": {request.reason}" if request.reason else ""
        text = f"maintenance{lasts} ordered by {caller}{reason}"
        self._note("maintenance_on", text)

        def tell(more: list[OutcomeReport]) -> None:
            serving = {one.config.name for one in self._masters()}
            left = [
                OutcomeReport(
                    instance=one.instance, done=one.instance not in serving, text=one.text
                )
                for one in more
            ]
            respond(OrderReply(text=f"in maintenance{lasts}{reason}", outcomes=(*outcomes, *left)))

        self._moves.append(_Move(masters, self._clock(), tell, []))
        self._give_orders()
        self.look()

    def _resume(self, caller: Caller, respond: Respond) -> None:
        self._resumed += 1
        if self._book.maintenance is None:
            respond(OrderReply(text="this host is in no maintenance"))
            return
        try:
            self._book.end_maintenance()
        except OSError as error:
            respond(ErrorReply(error=f"the maintenance cannot be ended: {error}"))
            return
        self._note("maintenance_off", f"maintenance ended by {caller}")
        self._give_orders()
        respond(OrderReply(text="the maintenance is over: this host stands for election again"))

    def _masters(self) -> list[Instance]:
        """Who serves, those on their way out too. Why: how that ends is to be waited for."""
        return [one for one in self._runtime.instances if one.machine.state is State.MASTER]

    def _unsafe(self) -> str | None:
        """Why nobody would be there to serve; None when somebody would."""
        for unit in self._units():
            if all(one.machine.state is State.FAULT for one in unit):
                continue
            if self._fellows.ready_for(unit) or all(map(self._follows, unit)):
                continue
            names = ", ".join(one.config.name for one in unit)
            return (
                f"no other host is known to be ready to serve {names}: peers that are not vipd do "
                "not tell, and a firewall may stop the hellos (UDP port 9568). "
                "With --force this host steps down all the same"
            )
        return None

    def _follows(self, instance: Instance) -> bool:
        """Whether another host serves it now."""
        status = instance.machine.status(self._clock())
        return instance.machine.state is State.BACKUP and status.master is not None

    # -- priority, announcements ------------------------------------------------------------

    def prioritise(self, request: PriorityRequest, caller: Caller, respond: Respond) -> None:
        """Let an instance stand with another priority for a while."""
        chosen = self._chosen(request.name)
        if isinstance(chosen, ErrorReply):
            respond(chosen)
            return
        if any(one.config.owner for one in chosen):
            text = f"{request.name} owns its addresses: its priority is 255 and stays so"
            respond(ErrorReply(error=text))
            return
        names = [one.config.name for one in chosen]
        span = _span(request.for_s)
        self._book.set_priority(names, request.priority, span)
        if request.priority is None:
            what = "the configured priority"
        else:
            lasts = f"for {format_duration(span)}" if span else "until the next reload"
            what = f"priority {request.priority} {lasts}"
        self._note("priority", f"{what}, ordered by {caller}", chosen)
        self._give_orders()
        effective = chosen[0].machine.priority
        text = f"{', '.join(names)}: {what}; stands with {effective} now"
        respond(OrderReply(text=text))

    def announce(self, request: AnnounceRequest, caller: Caller, respond: Respond) -> None:
        """Say once more where the addresses of an instance are."""
        chosen = self._chosen(request.name)
        if isinstance(chosen, ErrorReply):
            respond(chosen)
            return
        masters = [one for one in chosen if _serves(one)]
        if not masters:
            respond(self._nothing_to_move(request.name, chosen))
            return
        self._note("announce", f"announcements ordered by {caller}", masters)
        self._runtime.order((one, AnnouncementOrdered()) for one in masters)
        addresses = ", ".join(str(vip.ip) for one in masters for vip in one.config.addresses)
        respond(OrderReply(text=f"announced: {addresses}"))

    # -- what holds -------------------------------------------------------------------------

    def expire(self) -> None:
        """End what was ordered until now: call it once a second."""
        if self._book.expire():
            self._note("expired", "what was ordered for a time is over")
            self._give_orders()

    def reloaded(self) -> None:
        """The configuration was read anew: ordered priorities are over."""
        self._book.forget_priorities()
        self._give_orders()

    def _give_orders(self) -> None:
        """Tell every instance what holds for it, if that is new."""
        wanted = [(one, self._book.orders_for(one.config.name)) for one in self._runtime.instances]
        self._runtime.order(
            (one, OrdersGiven(orders)) for one, orders in wanted if orders != one.machine.orders
        )

    # -- who is meant -----------------------------------------------------------------------

    def _chosen(self, name: str | None) -> list[Instance] | ErrorReply:
        """The instances that a name means: one, with its whole group; those of a group; or all."""
        known = self._runtime.running
        if name is None:
            return list(known)
        named = [one for one in known if name in {one.config.name, one.config.group}]
        groups = {one.config.group for one in named} - {None}
        chosen = [one for one in known if one in named or one.config.group in groups]
        return chosen or no_such_instance(name, [one.config.name for one in known])

    def _units(self) -> Iterable[list[Instance]]:
        """What moves together: the groups, and whoever is in none."""
        groups: dict[str, list[Instance]] = {}
        for one in self._runtime.running:
            groups.setdefault(one.config.group or f"/{one.config.name}", []).append(one)
        return groups.values()

    def _note(self, code: str, text: str, instances: Iterable[Instance] | None = None) -> None:
        if instances is None:
            self._journal.note("order", code, text)
        else:
            for one in instances:
                self._journal.note("order", code, text, instance=one.config.name)


def _serves(instance: Instance) -> bool:
    return instance.machine.state is State.MASTER and not instance.machine.standing.leaving


def _stays(masters: Sequence[Instance], outcomes: Sequence[OutcomeReport]) -> ErrorReply:
    names = ", ".join(one.config.name for one in masters)
    moved = ", ".join(one.instance for one in outcomes if one.done)
    rest = f"Another host serves {moved} now. " if moved else ""
    return ErrorReply(
        error=f"nobody took over {names}: this host serves on, and is in no maintenance. {rest}"
        "With --force it steps down all the same"
    )


def _span(seconds: float | None) -> Duration | None:
    return None if seconds is None else round(seconds * SECOND)
