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
8298), so that of two owners one yields; FAULT is INIT with a cause that is looked at again.
"""

from __future__ import annotations

from typing import assert_never

from vipd.core import events
from vipd.core.actions import Action, DoubtFirewall, ReportIncident, ReportTransition
from vipd.core.cause import Cause, CauseCode, outranked_cause, resumed_cause, takeover_cause
from vipd.core.config import InstanceConfig
from vipd.core.drifting import Drifting
from vipd.core.election import outranks
from vipd.core.health import link_fault
from vipd.core.hearing import Hearing
from vipd.core.incident import IncidentCode
from vipd.core.leaving import Destination, linger
from vipd.core.listening import PATIENCE, Listening
from vipd.core.model import (
    RELEASE_PRIORITY,
    Advert,
    Heard,
    IPAddress,
    LinkFacts,
    State,
    Vip,
    family_of,
)
from vipd.core.retrying import Retrying
from vipd.core.serving import Serving
from vipd.core.speaking import Speaking
from vipd.core.status import InstanceStatus
from vipd.core.timers import Deadlines, Timer
from vipd.core.units import Duration, Instant, format_duration


class Machine:
    """One virtual router on this host."""

    def __init__(self, config: InstanceConfig) -> None:
        self._config = config
        self._state = State.INIT
        self._cause = Cause(CauseCode.STOPPED, "not started")
        self._since: Instant | None = None
        self._link = LinkFacts(name=config.interface, exists=False)
        self._deadlines = Deadlines()
        self._hearing = Hearing()
        self._listening = Listening(self._deadlines, self._hearing)
        self._serving = Serving(self._deadlines, Speaking(self._hearing))
        self._drifting = Drifting()
        self._retrying = Retrying(self._deadlines)

    @property
    def config(self) -> InstanceConfig:
        """What this instance is told to be."""
        return self._config

    @property
    def state(self) -> State:
        """What this instance is."""
        return self._state

    @property
    def priority(self) -> int:
        """The priority that this instance stands for election with."""
        return self._config.priority

    @property
    def master_down_interval(self) -> Duration:
        """The silence after which this router takes over. RFC: 9568 §6.1."""
        return self._listening.master_down_interval(self._config, self.priority)

    @property
    def held(self) -> tuple[Vip, ...]:
        """The addresses that a claim has brought and no release has taken."""
        return self._serving.holding.addresses if self._serving.holding.held else ()

    @property
    def spoke(self) -> Instant | None:
        """When this MASTER sent its last advert; None for whoever is not, or stops being one."""
        return self._serving.speaking.last if self._serving.settled else None

    def next_deadline(self) -> Instant | None:
        """When `TimePassed` is due; None when only an event can change anything."""
        return self._deadlines.next()

    def step(self, event: events.Event, now: Instant) -> tuple[Action, ...]:  # noqa: C901  (one line for each event)
        """Take in what happened; return what is to be done, in order."""
        match event:
            case events.AdvertReceived(advert=advert, source=source):
                return self._on_advert(advert, source, now)
            case events.TimePassed():
                return self._on_time(now)
            case events.LinkChanged(link=link):
                return self._on_link(link, now)
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
            case events.Started(spoke=spoke):
                return self._on_started(spoke, now)
            case events.Stopped(at_once=at_once):
                return self._on_stopped(now, at_once=at_once)
            case _:
                assert_never(event)

    def status(self, now: Instant) -> InstanceStatus:
        """A frozen picture of this instance for the people and programs that look at it."""
        leaving, warning = self._serving.leaving.destination, self._listening.probing.warning
        return InstanceStatus(
            config=self._config,
            state=self._state,
            since=self._since if self._since is not None else now,
            cause=self._cause,
            leaving=leaving.cause if leaving else None,
            effective_priority=self.priority,
            master=self._master(),
            master_down_interval=self.master_down_interval,
            held=self._serving.holding.held,
            warnings=(warning,) if warning else (),
        )

    # -- events -----------------------------------------------------------------------------

    def _on_started(self, spoke: Instant | None, now: Instant) -> tuple[Action, ...]:
        if self._state is not State.INIT:
            return ()
        if fault := link_fault(self._config, self._link):
            return self._enter(State.FAULT, fault, now)
        if spoke is not None and 0 <= now - spoke < PATIENCE * self._config.advert_interval:
            return self._enter(State.MASTER, resumed_cause(now - spoke), now)
        return self._join(Cause(CauseCode.STARTED, "started"), now)

    def _on_stopped(self, now: Instant, *, at_once: bool) -> tuple[Action, ...]:
        if self._state is State.INIT:
            return ()
        stop = Destination(State.INIT, Cause(CauseCode.STOPPED, "stopped"))
        going = self._serving.leaving.destination
        if at_once or (going and going.state is State.INIT):
            return self._enter(stop.state, stop.cause, now)
        return self._hand_over(stop, now)

    def _on_link(self, link: LinkFacts, now: Instant) -> tuple[Action, ...]:
        before, self._link = self._link, link
        if actions := self._judge_link(now):
            return actions
        if self._state is State.MASTER and before.announced_by != link.announced_by:
            return self._serving.announce_anew(self._config, now)
        return ()

    def _judge_link(self, now: Instant) -> tuple[Action, ...]:
        """Enter or leave FAULT as the link allows; a new reason replaces the old one."""
        if self._state is State.INIT:
            return ()
        if fault := link_fault(self._config, self._link):
            same = self._state is State.FAULT and fault == self._cause
            return () if same else self._fail(fault, now)
        if self._state is State.FAULT and not self._retrying.waits:
            return self._join(Cause(CauseCode.RECOVERED, f"{self._link.name} is usable"), now)
        return ()

    def _on_claimed(self, now: Instant) -> tuple[Action, ...]:
        if self._state is not State.MASTER:
            return ()
        self._retrying.succeed()
        return self._serving.claimed(self._config, self.priority, now)

    def _on_claim_failed(self, reason: str, now: Instant) -> tuple[Action, ...]:
        if self._state is not State.MASTER:
            return ()
        return self._fail(Cause(CauseCode.CLAIM_FAILED, reason), now)

    def _fail(self, cause: Cause, now: Instant) -> tuple[Action, ...]:
        """It cannot serve; who is about to stop has no use for trying again."""
        if (going := self._serving.leaving.destination) and going.state is State.INIT:
            return self._enter(going.state, going.cause, now)
        return self._enter(State.FAULT, cause, now)

    def _on_drifted(self, what: str, now: Instant) -> tuple[Action, ...]:
        """Have again what somebody else took; in a fight only until another one serves."""
        if not self._serving.settled:
            return (self._serving.claim(self._config),) if self._serving.holding.held else ()
        text, restore = self._drifting.note(what, now), self._serving.claim(self._config)
        if self._drifting.unbearable:
            fight = Destination(State.FAULT, Cause(CauseCode.DRIFT, text))
            return (*self._hand_over(fight, now), restore)
        return (ReportIncident(IncidentCode.ADDRESS_DRIFT, text), restore)

    def _on_neighbor(self, address: IPAddress, mac: bytes, now: Instant) -> tuple[Action, ...]:
        if self._state is State.BACKUP:
            self._listening.probing.note(address, mac)
        elif self._serving.settled:
            report = self._listening.probing.share(address, mac, now)
            return (*report, *self._serving.announce_again(self._config, now))
        return ()

    def _on_woke_late(self, by: Duration, now: Instant) -> tuple[Action, ...]:
        """Believe no timer that ran while this host did not: it has missed the adverts, too."""
        frozen = f"did not run for {format_duration(by)}"
        if self._state is State.BACKUP:
            waits = self._listening.wake_late(self._config, self.priority, now)
            text = f"{frozen}: listens before it believes its timers"
            return (ReportIncident(IncidentCode.STALLED, text),) if waits else ()
        if self._state is not State.MASTER:
            return ()
        silence = now - self._serving.speaking.last
        if silence >= PATIENCE * self._config.advert_interval or not self._serving.holding.held:
            return self._give_way(Cause(CauseCode.STALLED, f"{frozen}: another may serve"), now)
        report = ReportIncident(IncidentCode.STALLED, frozen)
        return (report, *self._serving.announce_again(self._config, now))

    def _give_way(self, cause: Cause, now: Instant) -> tuple[Action, ...]:
        """Let go at once, and listen for as long as a MASTER needs to be heard."""
        if going := self._serving.leaving.destination:
            return self._enter(going.state, going.cause, now)
        actions = self._enter(State.BACKUP, cause, now)
        self._listening.begin_briefly(self._config, self.priority, now)
        return actions

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
                return self._serving.beat(self._config, self.priority, due, now)
            case Timer.RENEW:
                return self._serving.renew(self._config, now)
            case Timer.ANNOUNCE:
                return self._serving.announce_next(self._config, now)
            case Timer.PROBE:
                return self._listening.probe(self._config, self.priority, now)
            case Timer.OVERDUE:
                return (DoubtFirewall(),)
            case Timer.CLAIM_RETRY:
                return self._join(Cause(CauseCode.RECOVERED, "tries its addresses again"), now)
            case _:
                assert_never(timer)

    def _on_config(self, config: InstanceConfig, now: Instant) -> tuple[Action, ...]:
        """Take over a new configuration of the same identity. RFC: 9568 §7.2 (current values)."""
        old, old_priority, self._config = self._config, self.priority, config
        if self._state is State.BACKUP:
            self._listening.change(old, old_priority, config, self.priority)
        elif old.addresses != config.addresses:
            self._retrying.hurry(now)
        actions = self._judge_link(now)
        if self._state is State.MASTER:
            actions += self._serving.change(old, config, now)
        return actions

    # -- adverts ----------------------------------------------------------------------------

    def _on_advert(self, advert: Advert, source: IPAddress, now: Instant) -> tuple[Action, ...]:
        if self._state is State.INIT or family_of(source) not in self._config.families:
            return ()
        self._hearing.note(advert, source, now)
        if self._state is State.BACKUP:
            self._listening.hear(self._config, self.priority, advert, now)
        elif self._serving.leaving:
            self._listening.learn(self._config, advert)
            self._serving.leaving.follow(advert.priority, self._config, now)
        elif self._state is State.MASTER:
            return self._advert_as_master(advert, source, now)
        return ()

    def _advert_as_master(
        self, advert: Advert, source: IPAddress, now: Instant
    ) -> tuple[Action, ...]:
        """RFC: 9568 §6.4.3."""
        if advert.priority == RELEASE_PRIORITY:
            return self._serving.answer_release(self._config, self.priority, now)
        if advert.priority == self.priority and not self._decides_ties(source, now):
            return ()
        own_source = self._link.source(family_of(source))
        assert own_source is not None, "a MASTER has a source in each of its families"
        if not outranks(advert.priority, source, self.priority, own_source):
            return self._serving.answer_loser(self._config, self.priority, now)
        self._listening.learn(self._config, advert)
        cause = outranked_cause(source, advert.priority, own_source, self.priority)
        if not linger(self._config) or not self._serving.settled:
            return self._enter(State.BACKUP, cause, now)
        back = Destination(State.BACKUP, cause)
        return self._serving.yield_to(advert.priority, back, self._config, self.priority, now)

    def _decides_ties(self, source: IPAddress, now: Instant) -> bool:
        assert self._since is not None, "a MASTER has become so at some time"
        family = family_of(source)
        return self._listening.decides_ties(self._config, self.priority, family, self._since, now)

    # -- states -----------------------------------------------------------------------------

    def _join(self, cause: Cause, now: Instant) -> tuple[Action, ...]:
        """Stand for election. RFC: 9568 §6.4.1: the owner begins as MASTER, others listen."""
        if self._config.owner:
            text = f"{cause}; priority 255 owns the addresses"
            return self._enter(State.MASTER, Cause(CauseCode.OWNER, text), now)
        self._listening.forget_interval()
        return self._enter(State.BACKUP, cause, now)

    def _take_over(self, now: Instant) -> tuple[Action, ...]:
        """The MASTER is silent; one that is alive all the same may have to be waited for."""
        incidents = self._listening.probing.judge(self._config, now)
        if self._listening.hold_back(self._config, self.priority, now):
            return incidents
        rival = self._listening.rival(self._config)
        cause = takeover_cause(rival, self.priority, self.master_down_interval, now)
        return (*incidents, *self._enter(State.MASTER, cause, now))

    def _hand_over(self, destination: Destination, now: Instant) -> tuple[Action, ...]:
        """Go elsewhere; a MASTER that serves does so without leaving a gap."""
        if self._serving.settled:
            return self._serving.resign(destination, self._config, now)
        if self._serving.leaving:
            self._serving.leaving.redirect(destination)
            return ()
        return self._enter(destination.state, destination.cause, now)

    def _let_go(self, now: Instant) -> tuple[Action, ...]:
        """The end of a handover: another one serves, or nobody has come in time."""
        leaving = self._serving.leaving
        going = leaving.destination
        assert going is not None, "only who is leaving lets go"
        actions = (*leaving.report(self._config), *self._enter(going.state, going.cause, now))
        if going.state is State.BACKUP:
            self._listening.begin_behind(self._config, self.priority, now)
        return actions

    def _enter(self, new: State, cause: Cause, now: Instant) -> tuple[Action, ...]:
        """Leave the present state and enter another. The only place where the state changes.

        Order: what the old state gives up, then the report, then what the new state takes.
        """
        old, left = self._state, tuple[Action, ...]()
        if old is State.MASTER:
            # Whoever yields to a MASTER has no need to say that it stops.
            left = self._serving.release(self._config, now, says_so=new is not State.BACKUP)
        self._deadlines.disarm_all()
        self._state, self._cause, self._since = new, cause, now
        report = ReportTransition(old=old, new=new, cause=cause)
        if new is State.MASTER:
            self._listening.forget_interval()
            self._listening.probing.watch(now)
            return (*left, report, self._serving.claim(self._config))
        self._listening.probing.forget()
        self._drifting.forget()
        if new is State.BACKUP:
            self._listening.begin(self._config, self.priority, now)
        elif new is State.FAULT:
            self._retrying.begin(cause.code, now)
        return (*left, report)

    # -- what is known ----------------------------------------------------------------------

    def _master(self) -> Heard | None:
        """Who serves, as far as this router knows."""
        if self._state is State.MASTER and self._serving.leaving.followed is None:
            source = self._link.source(self._config.families[0])
            return self._serving.described(source, self.priority)
        return self._listening.master(self._config)
