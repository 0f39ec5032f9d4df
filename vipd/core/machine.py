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

An instance with IPv4 and IPv6 addresses is two virtual routers on the wire and one decision here:
an advert of either family keeps a BACKUP down, and only silence in both makes it MASTER. Equal
priorities are decided by the source address of the first family, because the two families could
disagree; the second one decides once the first was silent for a whole down interval.

RFC: 9568 §6.4. It leaves open what follows; vipd answers so: a losing advert is answered at once
and the advert timer keeps its rhythm; an owner listens to adverts like everybody else (erratum
8298), so that of two owners one yields; FAULT is INIT with a cause that is looked at again.
"""

from __future__ import annotations

from typing import assert_never

from vipd.core.actions import (
    Action,
    AnnounceAddresses,
    ReportTransition,
    SendAdvert,
)
from vipd.core.announcing import Announcing
from vipd.core.cause import Cause, CauseCode, outranked_cause, takeover_cause
from vipd.core.config import InstanceConfig
from vipd.core.election import master_down_interval, outranks, skew_time
from vipd.core.events import (
    AddressesClaimed,
    AdvertReceived,
    ClaimFailed,
    ConfigChanged,
    Event,
    LinkChanged,
    Started,
    Stopped,
    TimePassed,
)
from vipd.core.health import link_fault
from vipd.core.hearing import Hearing
from vipd.core.holding import Holding
from vipd.core.model import (
    RELEASE_PRIORITY,
    Advert,
    ChecksumForm,
    Family,
    Heard,
    IPAddress,
    LinkFacts,
    State,
    family_of,
)
from vipd.core.status import InstanceStatus
from vipd.core.timers import Deadlines, Timer
from vipd.core.units import SECOND, Duration, Instant

FIRST_CHECKSUM = ChecksumForm.PSEUDO_HEADER
"""What is sent before a peer was heard: keepalived and FRR drop the other form by default."""

CLAIM_RETRY_FIRST: Duration = SECOND
CLAIM_RETRY_LONGEST: Duration = 60 * SECOND
"""The wait after a refused claim doubles from the first to the longest."""

ANSWERS_PER_BEAT = 8
"""How many losing adverts are answered between two adverts of our own: enough for any group, and
an end for two routers that each count the other as the loser."""


class Machine:
    """One virtual router on this host."""

    def __init__(self, config: InstanceConfig) -> None:
        self._config = config
        self._state = State.INIT
        self._cause = Cause(CauseCode.STOPPED, "not started")
        self._since: Instant | None = None
        self._link = LinkFacts(name=config.interface, exists=False)
        self._deadlines = Deadlines()
        self._learned_interval: Duration | None = None
        self._hearing = Hearing()
        self._holding = Holding(self._deadlines)
        self._announcing = Announcing(self._deadlines)
        self._last_sent: Instant = 0
        self._answers = 0
        self._claim_retry = CLAIM_RETRY_FIRST

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
        return master_down_interval(self.priority, self._master_interval, self._config.version)

    def next_deadline(self) -> Instant | None:
        """When `TimePassed` is due; None when only an event can change anything."""
        return self._deadlines.next()

    def step(self, event: Event, now: Instant) -> tuple[Action, ...]:
        """Take in what happened; return what is to be done, in order."""
        match event:
            case AdvertReceived(advert=advert, source=source):
                return self._on_advert(advert, source, now)
            case TimePassed():
                return self._on_time(now)
            case LinkChanged(link=link):
                return self._on_link(link, now)
            case AddressesClaimed():
                return self._on_claimed(now)
            case ClaimFailed(reason=reason):
                return self._on_claim_failed(reason, now)
            case ConfigChanged(config=config):
                return self._on_config(config, now)
            case Started():
                return self._on_started(now)
            case Stopped():
                return self._on_stopped(now)
            case _:
                assert_never(event)

    def status(self, now: Instant) -> InstanceStatus:
        """A frozen picture of this instance for the people and programs that look at it."""
        return InstanceStatus(
            name=self._config.name,
            interface=self._config.interface,
            vrid=self._config.vrid,
            version=self._config.version,
            state=self._state,
            since=self._since if self._since is not None else now,
            cause=self._cause,
            priority=self._config.priority,
            effective_priority=self.priority,
            master=self._master(),
            advert_interval=self._config.advert_interval,
            master_down_interval=self.master_down_interval,
            addresses=self._config.addresses,
            held=self._holding.held,
        )

    # -- events -----------------------------------------------------------------------------

    def _on_started(self, now: Instant) -> tuple[Action, ...]:
        if self._state is not State.INIT:
            return ()
        if fault := link_fault(self._config, self._link):
            return self._enter(State.FAULT, fault, now)
        return self._join(Cause(CauseCode.STARTED, "started"), now)

    def _on_stopped(self, now: Instant) -> tuple[Action, ...]:
        if self._state is State.INIT:
            return ()
        return self._enter(State.INIT, Cause(CauseCode.STOPPED, "stopped"), now)

    def _on_link(self, link: LinkFacts, now: Instant) -> tuple[Action, ...]:
        self._link = link
        return self._judge_link(now)

    def _judge_link(self, now: Instant) -> tuple[Action, ...]:
        """Enter or leave FAULT as the link allows; a new reason replaces the old one."""
        if self._state is State.INIT:
            return ()
        if fault := link_fault(self._config, self._link):
            same = self._state is State.FAULT and fault == self._cause
            return () if same else self._enter(State.FAULT, fault, now)
        if self._state is State.FAULT and self._deadlines.at(Timer.CLAIM_RETRY) is None:
            return self._join(Cause(CauseCode.RECOVERED, f"{self._link.name} is usable"), now)
        return ()

    def _on_claimed(self, now: Instant) -> tuple[Action, ...]:
        if self._state is not State.MASTER:
            return ()
        self._holding.confirm(self._config, now)
        self._claim_retry = CLAIM_RETRY_FIRST
        self._deadlines.arm(Timer.ADVERT, now + self._config.advert_interval)
        self._announcing.begin(self._config, now)
        return (self._speak(self.priority, now), AnnounceAddresses(self._holding.addresses))

    def _on_claim_failed(self, reason: str, now: Instant) -> tuple[Action, ...]:
        if self._state is not State.MASTER:
            return ()
        actions = self._enter(State.FAULT, Cause(CauseCode.CLAIM_FAILED, reason), now)
        self._deadlines.arm(Timer.CLAIM_RETRY, now + self._claim_retry)
        self._claim_retry = min(2 * self._claim_retry, CLAIM_RETRY_LONGEST)
        return actions

    def _on_time(self, now: Instant) -> tuple[Action, ...]:
        actions: tuple[Action, ...] = ()
        while due := self._deadlines.take_due(now):
            actions += self._fire(*due, now)
        return actions

    def _fire(self, timer: Timer, due: Instant, now: Instant) -> tuple[Action, ...]:
        match timer:
            case Timer.MASTER_DOWN:
                silence = self.master_down_interval
                cause = takeover_cause(self._rival(), self.priority, silence, now)
                return self._enter(State.MASTER, cause, now)
            case Timer.ADVERT:
                self._answers = 0
                self._deadlines.arm(timer, _next_beat(due, self._config.advert_interval, now))
                renewal = self._holding.renew_with_advert(self._config, now)
                return (self._speak(self.priority, now), *renewal)
            case Timer.RENEW:
                return self._holding.renew(self._config, now)
            case Timer.ANNOUNCE:
                self._announcing.go_on(self._config, now)
                return (AnnounceAddresses(self._holding.addresses),)
            case Timer.CLAIM_RETRY:
                return self._join(Cause(CauseCode.RECOVERED, "tries its addresses again"), now)
            case _:
                assert_never(timer)

    def _on_config(self, config: InstanceConfig, now: Instant) -> tuple[Action, ...]:
        """Take over a new configuration of the same identity. RFC: 9568 §7.2 (current values)."""
        old, self._config = self._config, config
        if self._state is State.BACKUP:
            self._move_master_down(old)
        elif self._deadlines.at(Timer.CLAIM_RETRY) and old.addresses != config.addresses:
            self._deadlines.arm(Timer.CLAIM_RETRY, now)
        actions = self._judge_link(now)
        if self._state is State.MASTER:
            if self._holding.held:
                self._announcing.change(old, config, now)
            actions += self._holding.change(config, now)
        return actions

    def _move_master_down(self, old: InstanceConfig) -> None:
        """Let the silence heard so far count towards the new master_down_interval."""
        due = self._deadlines.at(Timer.MASTER_DOWN)
        assert due is not None, "a BACKUP always waits for its MASTER"
        interval = self._learned_interval or old.advert_interval
        before = master_down_interval(old.priority, interval, old.version)
        self._deadlines.arm(Timer.MASTER_DOWN, due + self.master_down_interval - before)

    # -- adverts ----------------------------------------------------------------------------

    def _on_advert(self, advert: Advert, source: IPAddress, now: Instant) -> tuple[Action, ...]:
        if self._state is State.INIT or family_of(source) not in self._config.families:
            return ()
        self._hearing.note(advert, source, now)
        if self._state is State.BACKUP:
            self._advert_as_backup(advert, now)
        elif self._state is State.MASTER:
            return self._advert_as_master(advert, source, now)
        return ()

    def _advert_as_backup(self, advert: Advert, now: Instant) -> None:
        """RFC: 9568 §6.4.2. The sender's address is never compared here."""
        if advert.priority == RELEASE_PRIORITY:
            skew = skew_time(self.priority, self._master_interval, self._config.version)
            self._deadlines.arm(Timer.MASTER_DOWN, now + skew)
        elif advert.priority >= self.priority or not self._config.preempts:
            self._learn(advert)
            self._deadlines.arm(Timer.MASTER_DOWN, now + self.master_down_interval)

    def _advert_as_master(
        self, advert: Advert, source: IPAddress, now: Instant
    ) -> tuple[Action, ...]:
        """RFC: 9568 §6.4.3."""
        if advert.priority == RELEASE_PRIORITY:
            return self._answer_release(now)
        if advert.priority == self.priority and not self._decides_ties(family_of(source), now):
            return ()
        own_source = self._link.source(family_of(source))
        assert own_source is not None, "a MASTER has a source in each of its families"
        if not outranks(advert.priority, source, self.priority, own_source):
            return self._answer_loser(now)
        self._learn(advert)
        cause = outranked_cause(source, advert.priority, own_source, self.priority)
        return self._enter(State.BACKUP, cause, now)

    def _answer_release(self, now: Instant) -> tuple[Action, ...]:
        """Assert that we are MASTER; one that still claims will say so soon."""
        if not self._holding.held:
            return ()
        self._deadlines.arm(Timer.ADVERT, now + self._config.advert_interval)
        return (self._speak(self.priority, now),)

    def _answer_loser(self, now: Instant) -> tuple[Action, ...]:
        """Assert that we are MASTER, at once. RFC: 9568 §6.4.3; 3768 §6.4.3 (VRRPv2 is silent)."""
        silent = self._config.version == 2 or self._answers >= ANSWERS_PER_BEAT
        if silent or not self._holding.held:
            return ()
        self._answers += 1
        return (self._speak(self.priority, now),)

    def _learn(self, advert: Advert) -> None:
        """Time the MASTER by its own interval. RFC: 9568 §6.4.2; in VRRPv2 it is ours."""
        if self._config.version == 3:
            self._learned_interval = advert.interval

    def _decides_ties(self, family: Family, now: Instant) -> bool:
        """Whether this family's addresses decide between equal priorities at the moment.

        Why: packets of the two families overtake each other. A MASTER that lets the second one
        decide before it has listened to the first can yield to a peer that yields to it.
        """
        first = self._config.families[0]
        if family is first:
            return True
        heard = self._hearing.last(first)
        assert self._since is not None, "a MASTER has become so at some time"
        listened_since = max(self._since, heard.at) if heard else self._since
        return now - listened_since > self.master_down_interval

    # -- states -----------------------------------------------------------------------------

    def _join(self, cause: Cause, now: Instant) -> tuple[Action, ...]:
        """Stand for election. RFC: 9568 §6.4.1: the owner begins as MASTER, others listen."""
        if self._config.owner:
            text = f"{cause}; priority 255 owns the addresses"
            return self._enter(State.MASTER, Cause(CauseCode.OWNER, text), now)
        self._learned_interval = None
        return self._enter(State.BACKUP, cause, now)

    def _enter(self, new: State, cause: Cause, now: Instant) -> tuple[Action, ...]:
        """Leave the present state and enter another. The only place where the state changes.

        Order: what the old state gives up, then the report, then what the new state takes.
        """
        old = self._state
        left = self._leave_master(new, now) if old is State.MASTER else ()
        self._deadlines.disarm_all()
        self._state, self._cause, self._since = new, cause, now
        report = ReportTransition(old=old, new=new, cause=cause)
        if new is State.MASTER:
            self._learned_interval = None
            return (*left, report, self._holding.claim(self._config))
        if new is State.BACKUP:
            self._deadlines.arm(Timer.MASTER_DOWN, now + self.master_down_interval)
        return (*left, report)

    def _leave_master(self, new: State, now: Instant) -> tuple[Action, ...]:
        """Give the addresses up. Whoever yields to a MASTER has no need to say that it stops."""
        resigns = self._holding.held and new is not State.BACKUP
        release = self._holding.release()
        return (self._speak(RELEASE_PRIORITY, now), release) if resigns else (release,)

    # -- what is said -----------------------------------------------------------------------

    def _speak(self, priority: int, now: Instant) -> SendAdvert:
        self._last_sent = now
        return SendAdvert(priority=priority, checksum=self._checksum)

    @property
    def _checksum(self) -> ChecksumForm:
        return self._config.checksum or self._hearing.checksum or FIRST_CHECKSUM

    @property
    def _master_interval(self) -> Duration:
        """The interval that the MASTER is timed by. RFC: 9568 §6.1 Active_Adver_Interval."""
        return self._learned_interval or self._config.advert_interval

    # -- what is known ----------------------------------------------------------------------

    def _rival(self) -> Heard | None:
        return self._hearing.rival(self._config.families[0], self._master_interval)

    def _master(self) -> Heard | None:
        """Who serves, as far as this router knows."""
        if self._state is State.MASTER:
            source = self._link.source(self._config.families[0])
            if source is None or not self._holding.held:
                return None
            return Heard(address=source, priority=self.priority, at=self._last_sent)
        heard = self._rival()
        return heard if heard and heard.priority != RELEASE_PRIORITY else None


def _next_beat(due: Instant, interval: Duration, now: Instant) -> Instant:
    """Keep the rhythm of the adverts; after a stall begin anew rather than catch up."""
    return due + interval if due + interval > now else now + interval
