"""The states of an instance, and the one door between them.

Each state has one entry and one exit; `_enter` is the only way from one to another, so that nothing
which a state holds can be left behind. What leads there is decided in `vipd.core.machine`.
"""

from __future__ import annotations

from vipd.core.actions import Action, AskHooks, CallOffHooks, ReportTransition, SendAdvert
from vipd.core.cause import Cause, CauseCode
from vipd.core.config import HookMoment, InstanceConfig
from vipd.core.drifting import Drifting
from vipd.core.group import Standing
from vipd.core.health import link_fault
from vipd.core.hearing import Hearing
from vipd.core.leaving import Destination
from vipd.core.listening import PATIENCE, Listening
from vipd.core.model import (
    Heard,
    LinkFacts,
    State,
    Vip,
)
from vipd.core.orders import Orders
from vipd.core.refrain import Refrain
from vipd.core.retrying import Retrying
from vipd.core.serving import Serving
from vipd.core.speaking import Speaking
from vipd.core.status import InstanceStatus, Prospect
from vipd.core.terms import Terms
from vipd.core.timers import Deadlines, Timer
from vipd.core.units import Duration, Instant

_HEALTH = {
    CauseCode.TRACKER: "its trackers are up",
    CauseCode.GROUP: "its group is in health",
    CauseCode.MAINTENANCE: "the maintenance is over",
}
"""The faults that the link is not to blame for, and what is said when they are over."""


class States:
    """One virtual router on this host: what it is, and how it becomes something else."""

    __slots__ = (
        "_cause",
        "_deadlines",
        "_drifting",
        "_hearing",
        "_interrupted",
        "_link",
        "_listening",
        "_parting",
        "_parts",
        "_preparing",
        "_refrain",
        "_retrying",
        "_serving",
        "_since",
        "_state",
        "_terms",
    )

    def __init__(self, config: InstanceConfig) -> None:
        self._terms = Terms(config)
        self._state = State.INIT
        self._cause = Cause(CauseCode.STOPPED, "not started")
        self._since: Instant | None = None
        self._link = LinkFacts(name=config.interface, exists=False)
        self._deadlines = Deadlines()
        self._hearing = Hearing()
        self._listening = Listening(self._terms, self._deadlines, self._hearing)
        self._serving = Serving(self._terms, self._deadlines, Speaking(self._hearing))
        self._drifting = Drifting()
        self._retrying = Retrying(self._deadlines)
        self._preparing: Cause | None = None
        """Why this BACKUP will be MASTER, once its hooks have run."""
        self._parting: Destination | None = None
        """Where this MASTER will go, once its hooks have run."""
        self._parts = False
        """Whether they have, and it waits for those of the others of its group."""
        self._refrain = Refrain()
        self._interrupted: Instant | None = None
        """When a MASTER spoke last that has no source for its adverts now."""

    @property
    def config(self) -> InstanceConfig:
        """What this instance is told to be."""
        return self._terms.config

    @property
    def state(self) -> State:
        """What this instance is."""
        return self._state

    @property
    def orders(self) -> Orders:
        """What an operator wants of it, beside what is configured."""
        return self._terms.orders

    @property
    def stands_aside(self) -> bool:
        """Whether it lets a weaker MASTER serve, because an operator has moved the addresses."""
        return self._listening.stands_aside

    @property
    def priority(self) -> int:
        """The priority that this instance stands for election with."""
        return self._terms.priority

    @property
    def master_down_interval(self) -> Duration:
        """The silence after which this router takes over. RFC: 9568 §6.1."""
        return self._listening.master_down_interval()

    @property
    def held(self) -> tuple[Vip, ...]:
        """The addresses that a claim has brought and no release has taken."""
        return self._serving.holding.addresses if self._serving.holding.held else ()

    @property
    def spoke(self) -> Instant | None:
        """When this MASTER sent its last advert; None for whoever is not, or stops being one."""
        return self._serving.speaking.last if self._serving.settled else None

    @property
    def wording(self) -> SendAdvert:
        """What this router says as MASTER, if it is one, as far as that is known before."""
        return self._serving.speaking.wording(self.config, self.priority)

    @property
    def _going(self) -> Destination | None:
        """Where a MASTER goes that does not stay, whether its hooks have run or not."""
        return self._parting or self._serving.leaving.destination

    @property
    def standing(self) -> Standing:
        """What the group has to know of it."""
        going = self._going
        failing = self._state is State.FAULT or (going and going.state is State.FAULT)
        cause = going.cause if going else self._cause
        return Standing(
            state=self._state,
            leaving=going is not None,
            asking=self._parting is not None and not self._parts,
            returns=going is not None and going.returns and self._serving.leaving.followed is None,
            ready=self._parts or (self._listening.ready and self._preparing is None),
            follows=self._listening.follows,
            fault=cause.text if failing and cause.code is not CauseCode.GROUP else None,
            group_fault=self._terms.group_fault,
        )

    def next_deadline(self) -> Instant | None:
        """When `TimePassed` is due; None when only an event can change anything."""
        return self._refrain.due() or self._deadlines.next()

    @property
    def takes_over_at(self) -> Instant | None:
        """When this BACKUP takes over, unless something happens; None where it does not, or waits
        for its group or its hooks, or holds back."""
        self._catch_up()
        waits = self._listening.ready or self._listening.probing.judged
        return None if waits else self._deadlines.at(Timer.MASTER_DOWN)

    def status(self, now: Instant) -> InstanceStatus:
        """A frozen picture of this instance for the people and programs that look at it."""
        self._catch_up()
        leaving, warning = self._serving.leaving.destination, self._listening.probing.warning
        return InstanceStatus(
            config=self.config,
            state=self._state,
            since=self._since if self._since is not None else now,
            cause=self._cause,
            leaving=leaving.cause if leaving else None,
            effective_priority=self.priority,
            master=self._master(),
            master_down_interval=self.master_down_interval,
            held=self._serving.holding.held,
            warnings=(warning,) if warning else (),
            track=self._terms.effects,
            orders=self._terms.orders,
            stands_aside=self._listening.stands_aside,
            prospect=self._prospect(),
        )

    # -- states -----------------------------------------------------------------------------

    def _join(self, cause: Cause, now: Instant) -> tuple[Action, ...]:
        """Stand for election. RFC: 9568 §6.4.1: the owner begins as MASTER, others listen."""
        alone = self.config.group is None
        aside = self._listening.stands_aside or self._listening.holds_off(now)
        if self.config.owner and alone and not aside:
            text = f"{cause}; priority 255 owns the addresses"
            return self._enter(State.MASTER, Cause(CauseCode.OWNER, text), now)
        self._listening.forget_interval()
        return self._enter(State.BACKUP, cause, now)

    def _take_over(self, now: Instant, *, agreed: bool = False) -> tuple[Action, ...]:
        """The MASTER is silent; one that is alive all the same may have to be waited for, and a
        group has to agree."""
        cause = self._listening.takeover_cause(now)
        incidents = self._listening.probing.judge(self.config, now)
        if not agreed:
            if self._listening.hold_back(now):
                return incidents
            if self.config.group is not None:
                self._listening.get_ready(now)
                return incidents
        if self.config.hooks.at(HookMoment.BEFORE_MASTER):
            return (*incidents, *self._prepare(cause, now))
        return (*incidents, *self._enter(State.MASTER, cause, now))

    def _prepare(self, cause: Cause, now: Instant) -> tuple[Action, ...]:
        """Let the hooks run before the claim; they are asked once, however long they take."""
        asked = self._preparing is not None and self._listening.ready
        self._listening.get_ready(now)
        if asked:
            return ()
        self._preparing = cause
        report = ReportTransition(old=self._state, new=State.MASTER, cause=cause)
        return (AskHooks(moment=HookMoment.BEFORE_MASTER, report=report),)

    def _call_off(self) -> tuple[CallOffHooks, ...]:
        """Prepare no more for what is not to be: a MASTER is heard again."""
        if self._preparing is None or self._listening.ready:
            return ()
        self._preparing = None
        return (CallOffHooks(),)

    def _hand_over(
        self, destination: Destination, now: Instant, *, asked: bool = False
    ) -> tuple[Action, ...]:
        """Go elsewhere; a MASTER that serves does so without leaving a gap.

        Order: the hooks of the release run before a word is said, while all goes on as it was.
        """
        if self._serving.settled:
            if asked or self._parts or not self.config.hooks.at(HookMoment.BEFORE_RELEASE):
                return self._part(destination, now)
            parting = self._parting
            if parting and parting.state is State.INIT:
                return ()
            self._parting = destination
            report = ReportTransition(
                old=self._state, new=destination.state, cause=destination.cause
            )
            return () if parting else (AskHooks(moment=HookMoment.BEFORE_RELEASE, report=report),)
        if self._serving.leaving:
            self._serving.leaving.redirect(destination, self.config, now)
            return ()
        return self._enter(destination.state, destination.cause, now)

    def _part(
        self, destination: Destination, now: Instant, *, agreed: bool = False
    ) -> tuple[Action, ...]:
        """Say that it resigns; a group that is ordered to says so together."""
        if destination.returns and self.config.group is not None and not agreed:
            self._parting, self._parts = destination, True
            return ()
        self._parting, self._parts = None, False
        return self._serving.resign(destination, now)

    def _let_go(self, now: Instant) -> tuple[Action, ...]:
        """The end of a handover: another one serves, or nobody has come in time."""
        report, going = self._serving.leaving.report(self.config), self._destination()
        if self._serving.leaving.returns:
            self._listening.stands_aside = False
            return (*report, *self._serving.stay(now))
        followed = self._serving.leaving.followed is not None
        actions = (*report, *self._enter(going.state, going.cause, now))
        if going.state is State.BACKUP:
            self._listening.begin_behind(now, followed=followed)
        return actions

    def _destination(self) -> Destination:
        """What a MASTER that lets go becomes: who was ill may be in health again."""
        going = self._going
        assert going is not None, "only who is leaving lets go"
        if going.state is not State.FAULT or going.cause.code not in _HEALTH:
            return going
        if fault := self._terms.fault():
            return Destination(State.FAULT, fault)
        return Destination(State.BACKUP, self._recovery(going.cause.code))

    def _enter(self, new: State, cause: Cause, now: Instant) -> tuple[Action, ...]:
        """Leave the present state and enter another. The only place where the state changes.

        Order: what the old state gives up, then the report, then what the new state takes.
        """
        old, left = self._state, tuple[Action, ...]()
        if old is State.MASTER:
            # Whoever yields to a MASTER has no need to say that it stops.
            left = self._serving.release(now, says_so=new is not State.BACKUP)
        self._deadlines.disarm_all()
        self._listening.ready = self._listening.follows = False
        self._state, self._cause, self._since = new, cause, now
        self._preparing = self._parting = self._interrupted = None
        self._parts = False
        report = ReportTransition(old=old, new=new, cause=cause)
        if new is State.MASTER:
            self._listening.forget_interval()
            self._listening.stands_aside = False
            self._listening.probing.watch(now)
            return (*left, report, self._serving.claim())
        self._listening.probing.forget()
        self._drifting.forget()
        if new is State.BACKUP:
            self._listening.begin(now)
        elif new is State.FAULT:
            self._retrying.begin(cause.code, now)
        return (*left, report)

    def _judge(self, now: Instant) -> tuple[Action, ...]:
        """Enter or leave FAULT as link and health allow; a new reason replaces the old one."""
        if self._state is State.INIT:
            return ()
        if fault := link_fault(self.config, self._link):
            same = self._state is State.FAULT and fault == self._cause
            return () if same else self._fail(fault, now)
        if fault := self._terms.fault():
            return self._fall_ill(fault, now)
        if self._state is State.FAULT and not self._retrying.waits:
            return self._recover(now)
        return ()

    def _fall_ill(self, fault: Cause, now: Instant) -> tuple[Action, ...]:
        """The link is good, so whoever serves may hand over."""
        if self._state is State.FAULT:
            same = fault == self._cause or self._retrying.waits
            return () if same else self._enter(State.FAULT, fault, now)
        going = self._going
        if going and (going.state is State.INIT or going.cause.code is CauseCode.DRIFT):
            return ()
        return self._hand_over(Destination(State.FAULT, fault), now)

    def _try_again(self, now: Instant) -> tuple[Action, ...]:
        """The wait after a refused claim is over."""
        if fault := link_fault(self.config, self._link) or self._terms.fault():
            return self._enter(State.FAULT, fault, now)
        return self._join(Cause(CauseCode.RECOVERED, "tries its addresses again"), now)

    def _recovery(self, code: CauseCode) -> Cause:
        """What has ended a FAULT of this kind."""
        return Cause(CauseCode.RECOVERED, _HEALTH.get(code, f"{self._link.name} is usable"))

    def _fail(self, cause: Cause, now: Instant) -> tuple[Action, ...]:
        """It cannot serve; who is about to stop has no use for trying again."""
        if (going := self._going) and going.state is State.INIT:
            return self._enter(going.state, going.cause, now)
        return self._enter(State.FAULT, cause, now)

    def _recover(self, now: Instant) -> tuple[Action, ...]:
        """Stand for election; a MASTER that nobody has missed yet carries on.

        Why: systemd-networkd takes the address of an interface away, and puts it back at once,
        whenever it is configured anew.
        """
        spoke = self._interrupted
        if spoke is not None and now - spoke < PATIENCE * self.config.advert_interval:
            text = f"{self._link.name} has its address again: carries on"
            return self._enter(State.MASTER, Cause(CauseCode.RESUMED, text), now)
        return self._join(self._recovery(self._cause.code), now)

    def _give_way(self, cause: Cause, now: Instant) -> tuple[Action, ...]:
        """Let go at once, and listen for as long as a MASTER needs to be heard."""
        if self._going:
            going = self._destination()
            return self._enter(going.state, going.cause, now)
        actions = self._enter(State.BACKUP, cause, now)
        self._listening.begin_briefly(now)
        return actions

    def _prospect(self) -> Prospect | None:
        """What this instance will do, unless something happens."""
        if self._state is State.BACKUP:
            return self._listening.prospect()
        if (at := self._deadlines.at(Timer.HANDOVER)) is not None:
            stays = self._serving.leaving.returns
            text = "serves on, unless another one is heard" if stays else "lets go at the latest"
            return Prospect(text, at)
        if (at := self._deadlines.at(Timer.CLAIM_RETRY)) is not None:
            return Prospect("tries its addresses again", at)
        return None

    # -- what is known ----------------------------------------------------------------------

    def _catch_up(self) -> None:
        """Be what hearing the same again has made of it."""
        if heard := self._refrain.end():
            event, at = heard
            self._hearing.note(event.advert, event.source, at)
            self._listening.hear(event.advert, at)

    def _master(self) -> Heard | None:
        """Who serves, as far as this router knows."""
        if self._state is State.MASTER and self._serving.leaving.followed is None:
            source = self._link.source(self.config.families[0])
            return self._serving.described(source)
        return self._listening.master()
