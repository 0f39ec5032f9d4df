"""The machine: one virtual router's decisions, and the only code that changes its state.

Theory of operation. `step` takes one event and the time and returns the actions that follow from
it, in the order in which they must happen. Each state has one entry and one exit; `_enter` is the
only door between two states, so that nothing which a state holds can be left behind. Timers are
deadlines in `Deadlines`; `TimePassed` fires what is due, and nothing else happens by itself.

    INIT --Started--> BACKUP --MASTER_DOWN--> MASTER     INIT --Started, owner--> MASTER
    MASTER --outranked--> BACKUP                         any --link fault--> FAULT
    MASTER --ClaimFailed--> FAULT --CLAIM_RETRY--> BACKUP
    FAULT --link good--> as from INIT                    any --Stopped--> INIT

A MASTER first claims, then speaks: it enters by `ClaimAddresses` alone, and what it says to its
peers and to the link waits for `AddressesClaimed`. A peer that hears our first advert may let go
at once, and a host whose kernel refuses the address never disturbs the one that serves.

It ends the other way round: it speaks, then lets go (`Leaving`). The addresses are served, in
silence, until the successor does; only what makes that impossible is a way out of its own.

An instance with IPv4 and IPv6 addresses is two virtual routers on the wire and one decision here:
an advert of either family keeps a BACKUP down, and only silence in both makes it MASTER. Equal
priorities are decided by the source address of the first family, as long as that is heard.

RFC: 9568 §6.4. It leaves open what follows; vipd answers so: a losing advert is answered at once
and the advert timer keeps its rhythm; an owner listens to adverts like everybody else (erratum
8298), so that of two owners one yields; FAULT is INIT with a cause that is looked at again. A
MASTER whose own address was away for a moment carries on, if nobody can have missed it.
"""

from __future__ import annotations

from typing import assert_never

from vipd.core import events
from vipd.core.actions import Action, DoubtFirewall, ReportIncident
from vipd.core.cause import Cause, CauseCode, outranked_cause, resumed_cause
from vipd.core.config import HookMoment, InstanceConfig
from vipd.core.election import outranks
from vipd.core.events import TrackReported
from vipd.core.health import link_fault
from vipd.core.incident import IncidentCode
from vipd.core.leaving import Destination, linger
from vipd.core.listening import PATIENCE
from vipd.core.model import (
    RELEASE_PRIORITY,
    Advert,
    IPAddress,
    LinkFacts,
    State,
    family_of,
)
from vipd.core.orders import Orders
from vipd.core.states import States
from vipd.core.timers import Timer
from vipd.core.units import Duration, Instant, format_duration

SPEECHLESS = {CauseCode.NO_SOURCE, CauseCode.NO_ADVERTS}
"""The faults that mean no more than that an address of the host's own is away."""


class Machine(States):
    """One virtual router on this host: what it makes of what happens."""

    __slots__ = ()

    def step(self, event: events.Event, now: Instant) -> tuple[Action, ...]:
        """Take in what happened; return what is to be done, in order."""
        self._catch_up()
        return self._take(event, now)

    def hears_again(self, event: events.AdvertReceived, now: Instant) -> bool:
        """Take in that this BACKUP hears what it heard last, when nothing else has happened since.

        `step` has the same effect, and is to be taken when this says False.
        """
        return self._refrain.sounds(event, now)

    # -- events -----------------------------------------------------------------------------

    def _take(self, event: events.Event, now: Instant) -> tuple[Action, ...]:  # noqa: C901  (one line for each event)
        match event:
            case events.AdvertReceived():
                return self._on_advert(event, now)
            case events.TimePassed():
                return self._on_time(now)
            case events.LinkChanged(link=link):
                return self._on_link(link, now)
            case events.TrackReported():
                return self._on_tracked(event, now)
            case events.HooksAnswered(moment=moment, fault=fault):
                return self._on_hooks_answered(moment, fault, now)
            case events.GroupAgreed():
                return self._on_group_agreed(now)
            case events.GroupLost(why=why):
                return self._on_group_lost(why, now)
            case events.GroupFailed(why=why):
                return self._on_group(why, now)
            case events.GroupRecovered():
                return self._on_group(None, now)
            case events.NeighborHeard(address=address, mac=mac):
                return self._on_neighbor(address, mac, now)
            case events.AddressesDrifted(what=what):
                return self._on_drifted(what, now)
            case events.AddressesClaimed():
                return self._on_claimed(now)
            case events.ClaimFailed(reason=reason):
                return self._on_claim_failed(reason, now)
            case events.WokeLate(by=by):
                return self._on_woke_late(by, now)
            case events.ConfigChanged(config=config):
                return self._on_config(config, now)
            case events.OrdersGiven() | events.FailoverOrdered() | events.AnnouncementOrdered():
                return self._on_order(event, now)
            case events.Started(spoke=spoke):
                return self._on_started(spoke, now)
            case events.Stopped(at_once=at_once):
                return self._on_stopped(now, at_once=at_once)
            case _:
                assert_never(event)

    def _on_started(self, spoke: Instant | None, now: Instant) -> tuple[Action, ...]:
        if self._state is not State.INIT:
            return ()
        if spoke is not None and 0 <= now - spoke < PATIENCE * self.config.advert_interval:
            self._terms.presume()
            if not (link_fault(self.config, self._link) or self._terms.fault()):
                return self._enter(State.MASTER, resumed_cause(now - spoke), now)
        self._listening.hold_off(now)
        if fault := link_fault(self.config, self._link) or self._terms.fault():
            return self._enter(State.FAULT, fault, now)
        return self._join(Cause(CauseCode.STARTED, "started"), now)

    def _on_stopped(self, now: Instant, *, at_once: bool) -> tuple[Action, ...]:
        if self._state is State.INIT:
            return ()
        stop = Destination(State.INIT, Cause(CauseCode.STOPPED, "stopped"))
        going = self._going
        if at_once or (going and going.state is State.INIT):
            return self._enter(stop.state, stop.cause, now)
        return self._hand_over(stop, now)

    def _on_link(self, link: LinkFacts, now: Instant) -> tuple[Action, ...]:
        before, self._link = self._link, link
        spoke = None if self._going else self.spoke or self._interrupted
        if actions := self._judge(now):
            if self._cause.code in SPEECHLESS and self.config.group is None:
                self._interrupted = spoke
            return actions
        if self._state is State.MASTER and before.announced_by != link.announced_by:
            return self._serving.announce_anew(now)
        return ()

    def _on_claimed(self, now: Instant) -> tuple[Action, ...]:
        if self._state is not State.MASTER:
            return ()
        self._retrying.succeed()
        return self._serving.claimed(now)

    def _on_claim_failed(self, reason: str, now: Instant) -> tuple[Action, ...]:
        if self._state is not State.MASTER:
            return ()
        return self._fail(Cause(CauseCode.CLAIM_FAILED, reason), now)

    def _on_drifted(self, what: str, now: Instant) -> tuple[Action, ...]:
        """Have again what somebody else took; in a fight only until another one serves."""
        if not self._serving.settled:
            return (self._serving.claim(),) if self._serving.holding.held else ()
        text, restore = self._drifting.note(what, now), self._serving.claim()
        if self._drifting.unbearable:
            fight = Destination(State.FAULT, Cause(CauseCode.DRIFT, text))
            return (*self._hand_over(fight, now), restore)
        return (ReportIncident(IncidentCode.ADDRESS_DRIFT, text), restore)

    def _on_neighbor(self, address: IPAddress, mac: bytes, now: Instant) -> tuple[Action, ...]:
        if self._state is State.BACKUP:
            self._listening.probing.note(address, mac)
        elif self._serving.settled:
            report = self._listening.probing.share(address, mac, now)
            return (*report, *self._serving.announce_again(now))
        return ()

    def _on_woke_late(self, by: Duration, now: Instant) -> tuple[Action, ...]:
        """Believe no timer that ran while this host did not: it has missed the adverts, too."""
        frozen = f"did not run for {format_duration(by)}"
        if self._state is State.BACKUP:
            waits = self._listening.wake_late(now)
            text = f"{frozen}: listens before it believes its timers"
            return (ReportIncident(IncidentCode.STALLED, text),) if waits else ()
        if self._state is not State.MASTER:
            return ()
        silence = now - self._serving.speaking.last
        if silence >= PATIENCE * self.config.advert_interval or not self._serving.holding.held:
            return self._give_way(Cause(CauseCode.STALLED, f"{frozen}: another may serve"), now)
        report = ReportIncident(IncidentCode.STALLED, frozen)
        return (report, *self._serving.announce_again(now))

    def _on_time(self, now: Instant) -> tuple[Action, ...]:
        actions: tuple[Action, ...] = ()
        while due := self._deadlines.take_due(now):
            actions += self._fire(*due, now)
        return actions

    def _fire(self, timer: Timer, due: Instant, now: Instant) -> tuple[Action, ...]:
        match timer:
            case Timer.MASTER_DOWN:
                return self._take_over(now)
            case Timer.HANDOVER:
                return self._let_go(now)
            case Timer.ADVERT:
                return self._serving.beat(due, now)
            case Timer.RENEW:
                return self._serving.renew(now)
            case Timer.ANNOUNCE:
                return self._serving.announce_next(now)
            case Timer.PROBE:
                return self._listening.probe(now)
            case Timer.OVERDUE:
                return (DoubtFirewall(),)
            case Timer.CLAIM_RETRY:
                return self._try_again(now)
            case _:
                assert_never(timer)

    def _on_config(self, config: InstanceConfig, now: Instant) -> tuple[Action, ...]:
        """Take over a new configuration of the same identity. RFC: 9568 §7.2 (current values)."""
        old, before = self.config, self.master_down_interval
        if self._state in {State.MASTER, State.BACKUP}:
            # A tracker that is new has said nothing yet: that is no reason to let go.
            self._terms.presume()
        self._terms.config = config
        if config.group is None:
            self._terms.group_fault = None
        if old.addresses != config.addresses:
            self._retrying.hurry(now)
        actions = self._reckon(before, now)
        if self._parts and self._parting and config.group is None:
            actions += self._part(self._parting, now)
        if self._state is State.MASTER:
            actions += self._serving.change(old, now)
        return actions

    def _on_tracked(self, report: TrackReported, now: Instant) -> tuple[Action, ...]:
        before, priority = self.master_down_interval, self.priority
        self._terms.take(report)
        return self._reckon(before, now) if self.priority != priority else self._judge(now)

    def _reckon(self, before: Duration, now: Instant) -> tuple[Action, ...]:
        """The terms are others: so are the wait of a BACKUP, which was `before`, and the health."""
        if self._state is State.BACKUP:
            self._listening.move(before)
        return self._judge(now)

    def _on_hooks_answered(
        self, moment: HookMoment, fault: str | None, now: Instant
    ) -> tuple[Action, ...]:
        """Go on with what has waited for the hooks, unless something else has come meanwhile."""
        if moment is HookMoment.BEFORE_RELEASE:
            parting, self._parting = self._parting, None
            return self._hand_over(parting, now, asked=True) if parting else ()
        preparing, self._preparing = self._preparing, None
        if preparing is None or not self._listening.ready:
            return ()
        if fault is not None:
            return self._enter(State.FAULT, Cause(CauseCode.HOOK, fault), now)
        return self._enter(State.MASTER, preparing, now)

    def _on_group(self, fault: str | None, now: Instant) -> tuple[Action, ...]:
        """Another instance of the group is in FAULT, or is no more."""
        self._terms.group_fault = fault
        return self._judge(now)

    def _on_group_agreed(self, now: Instant) -> tuple[Action, ...]:
        """Take over, or hand over, with the others of the group."""
        if self._parts and self._parting:
            return self._part(self._parting, now, agreed=True)
        return self._take_over(now, agreed=True) if self._listening.ready else ()

    def _on_group_lost(self, why: str, now: Instant) -> tuple[Action, ...]:
        """Yield with the others of the group, also from a claim that is not answered yet."""
        if self._state is not State.MASTER or self._going:
            return ()
        return self._hand_over(Destination(State.BACKUP, Cause(CauseCode.GROUP, why)), now)

    # -- orders -----------------------------------------------------------------------------

    def _on_order(self, order: events.Order, now: Instant) -> tuple[Action, ...]:
        match order:
            case events.OrdersGiven(orders=orders):
                return self._on_orders(orders, now)
            case events.FailoverOrdered(why=why):
                return self._on_failover(why, now)
            case events.AnnouncementOrdered():
                return self._serving.announce_anew(now) if self._state is State.MASTER else ()
            case _:
                assert_never(order)

    def _on_orders(self, orders: Orders, now: Instant) -> tuple[Action, ...]:
        """Take over what holds from now on. After a maintenance all is as it was before."""
        if self._terms.orders.maintenance is not None and orders.maintenance is None:
            self._listening.stands_aside = False
        before, self._terms.orders = self.master_down_interval, orders
        return self._reckon(before, now)

    def _on_failover(self, why: str, now: Instant) -> tuple[Action, ...]:
        """Hand over to whoever comes; whoever is on the way out already needs no order."""
        if not self._serving.settled or self._going:
            return ()
        self._listening.stands_aside = True
        aside = Destination(State.BACKUP, Cause(CauseCode.FAILOVER, why), returns=True)
        return self._hand_over(aside, now)

    # -- adverts ----------------------------------------------------------------------------

    def _on_advert(self, event: events.AdvertReceived, now: Instant) -> tuple[Action, ...]:
        advert, source = event.advert, event.source
        if self._state is State.INIT or family_of(source) not in self.config.families:
            return ()
        self._hearing.note(advert, source, now)
        if self._state is State.BACKUP:
            steady = self._listening.hear(advert, now)
            if steady and (due := self._deadlines.next()):
                self._refrain.begin(event, due - now)
            return self._call_off()
        if self._serving.leaving:
            self._listening.learn(advert)
            self._serving.leaving.follow(advert.priority, self.config, now)
        elif self._state is State.MASTER:
            return self._advert_as_master(advert, source, now)
        # In FAULT: whoever is heard serves now.
        self._interrupted = None
        return ()

    def _advert_as_master(
        self, advert: Advert, source: IPAddress, now: Instant
    ) -> tuple[Action, ...]:
        """RFC: 9568 §6.4.3."""
        if advert.priority == RELEASE_PRIORITY:
            return self._serving.answer_release(now)
        if advert.priority == self.priority and not self._decides_ties(source, now):
            return ()
        own_source = self._link.source(family_of(source))
        assert own_source is not None, "a MASTER has a source in each of its families"
        if not outranks(advert.priority, source, self.priority, own_source):
            return self._serving.answer_loser(now)
        self._listening.learn(advert)
        cause = outranked_cause(source, advert.priority, own_source, self.priority)
        back = self._destination() if self._parting else Destination(State.BACKUP, cause)
        self._parting, self._parts = None, False
        if not linger(self.config) or not self._serving.settled:
            actions = self._enter(back.state, back.cause, now)
            self._listening.follows = self._state is State.BACKUP
            return actions
        return self._serving.yield_to(advert.priority, back, now)

    def _decides_ties(self, source: IPAddress, now: Instant) -> bool:
        assert self._since is not None, "a MASTER has become so at some time"
        if not self.config.leads and not self._listening.is_tied(now):
            return False
        return self._listening.decides_ties(family_of(source), self._since, now)
