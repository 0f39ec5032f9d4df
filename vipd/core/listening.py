"""How a BACKUP waits for its MASTER: how long, and what it asks before it takes over."""

from __future__ import annotations

from dataclasses import dataclass

from vipd.core.actions import Action
from vipd.core.cause import Cause, CauseCode, takeover_cause
from vipd.core.config import TakeoverProbe
from vipd.core.election import master_down_interval, skew_time
from vipd.core.hearing import Hearing
from vipd.core.model import RELEASE_PRIORITY, Advert, Family, Heard
from vipd.core.probing import Probing, probe_lead
from vipd.core.status import Prospect
from vipd.core.terms import Terms
from vipd.core.timers import Deadlines, Timer
from vipd.core.units import Duration, Instant, format_duration

PATIENCE = 3
"""After so many intervals of silence the strongest BACKUP takes over. RFC: 9568 §6.1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """How long a MASTER of one interval is waited for, on one edition of the terms.

    `lead` is how long before its end the link is asked, `overdue` when an advert is; None where
    nothing is asked. Units: nanoseconds.
    """

    edition: int
    interval: Duration
    skew: Duration
    down: Duration
    lead: Duration | None
    overdue: Duration | None


class Listening:
    """The wait of one instance. Keeps `Timer.MASTER_DOWN` armed while it is BACKUP."""

    __slots__ = (
        "_began",
        "_deadlines",
        "_hearing",
        "_learned_from",
        "_learned_interval",
        "_not_before",
        "_terms",
        "_tied",
        "_wait",
        "_weaker_since",
        "follows",
        "probing",
        "ready",
        "stands_aside",
    )

    def __init__(self, terms: Terms, deadlines: Deadlines, hearing: Hearing) -> None:
        self._terms = terms
        self._deadlines = deadlines
        self._hearing = hearing
        self._learned_interval: Duration | None = None
        self._learned_from: Advert | None = None
        self._wait: Wait | None = None
        self._not_before: Instant = 0
        self._weaker_since: Instant | None = None
        self.ready = False
        """Whether it would take over, but for the others of its group."""
        self.follows = False
        """Whether another one serves, as it has heard since it became BACKUP."""
        self.stands_aside = False
        """Whether it lets a weaker MASTER serve, because an operator has moved the addresses."""
        self._began: Instant = 0
        self._tied: tuple[Instant, Instant] | None = None
        self.probing = Probing(deadlines)

    def interval(self) -> Duration:
        """The interval that the MASTER is timed by. RFC: 9568 §6.1 Active_Adver_Interval."""
        return self._learned_interval or self._terms.config.advert_interval

    def skew(self) -> Duration:
        """How long this router lets a stronger one go first."""
        return self.wait().skew

    def master_down_interval(self) -> Duration:
        """The silence after which this router takes over. RFC: 9568 §6.1."""
        return self.wait().down

    def wait(self) -> Wait:
        """How long that is in all its parts. Why: it is reckoned once, and each advert asks."""
        interval, wait = self.interval(), self._wait
        if wait is None or wait.interval != interval or wait.edition != self._terms.edition:
            wait = self._wait = self._reckon(interval)
        return wait

    def _reckon(self, interval: Duration) -> Wait:
        terms, config = self._terms, self._terms.config
        skew = skew_time(terms.priority, interval, config.version)
        asks = config.takeover_probe is not TakeoverProbe.OFF
        return Wait(
            edition=terms.edition,
            interval=interval,
            skew=skew,
            down=master_down_interval(terms.priority, interval, config.version),
            lead=probe_lead(skew) if asks else None,
            overdue=interval * 5 // 4 if asks else None,
        )

    def rival(self) -> Heard | None:
        """The router heard last."""
        return self._hearing.rival(self._terms.config.families[0], self.interval())

    def master(self) -> Heard | None:
        """The router that serves, as far as this one has heard."""
        heard = self.rival()
        return heard if heard and heard.priority != RELEASE_PRIORITY else None

    @property
    def preempts(self) -> bool:
        """Whether it takes over from a weaker MASTER."""
        return self._terms.config.preempts and not self.stands_aside

    def learn(self, advert: Advert) -> None:
        """Time the MASTER by its own interval. RFC: 9568 §6.4.2; in VRRPv2 it is ours."""
        if advert is self._learned_from:
            return
        if self._terms.config.version == 3 and advert.priority != RELEASE_PRIORITY:
            self._learned_interval, self._learned_from = advert.interval, advert

    def decides_ties(self, family: Family, since: Instant, now: Instant) -> bool:
        """Whether this family's addresses decide between equal priorities at the moment, for a
        MASTER that became so at `since`.

        Why: packets of the two families overtake each other. A MASTER that lets the second one
        decide before it has listened to the first can yield to a peer that yields to it.
        """
        first = self._terms.config.families[0]
        if family is first:
            return True
        heard = self._hearing.last(first)
        listened_since = max(since, heard.at) if heard else since
        return now - listened_since > self.master_down_interval()

    def is_tied(self, now: Instant) -> bool:
        """A MASTER hears an equal one: whether that has gone on for so long that the instance which
        decides for its group does not hear it.

        Why: the addresses on another link may be in another order, and both groups would yield.
        """
        patience = self.master_down_interval()
        begun, last = self._tied or (now, now)
        self._tied = (begun if now - last <= patience else now, now)
        return now - self._tied[0] > patience

    def forget_interval(self) -> None:
        """No MASTER is known whose interval counts."""
        self._learned_interval = self._learned_from = None

    def hold_off(self, now: Instant) -> None:
        """The agent has started: take over nothing for a while, if it is told so."""
        self._not_before = now + self._terms.config.startup_delay

    def holds_off(self, now: Instant) -> bool:
        """Whether that while is not over."""
        return now < self._not_before

    def takeover_cause(self, now: Instant) -> Cause:
        """Why this router takes over now, and what else it knows of that."""
        rival, patience = self.rival(), self.master_down_interval()
        cause = takeover_cause(rival, self._terms.priority, patience, now - self._began, now)
        evidence = self.probing.evidence
        if rival and cause.code is CauseCode.MASTER_SILENT:
            missed = min(now - rival.at, now - self._began) // self.interval()
            every = format_duration(self.interval())
            evidence = (f"{missed} adverts missed, one every {every}", *evidence)
        elif cause.code is CauseCode.PREEMPTS and self._terms.config.preempt_delay:
            waited = format_duration(self._terms.config.preempt_delay)
            evidence = (f"waited for the preempt_delay of {waited}", *evidence)
        return Cause(cause.code, cause.text, evidence)

    def prospect(self) -> Prospect:
        """What a BACKUP will do, unless something happens."""
        due = self._deadlines.at(Timer.MASTER_DOWN)
        assert due is not None, "a BACKUP always waits for its MASTER"
        if self.ready:
            return Prospect("asks its group and its hooks again", due)
        heard = self.master()
        if heard is None:
            return Prospect("would take over", due)
        if heard.priority < self._terms.priority and self.preempts:
            return Prospect(f"preempts {heard.address}", due)
        return Prospect(f"would take over from {heard.address}", due)

    # -- the wait ---------------------------------------------------------------------------

    def begin(self, now: Instant) -> None:
        """Wait for a whole master_down_interval of silence."""
        self._weaker_since = None
        self.follows = False
        self._began = now
        self._await(now + self.master_down_interval())

    def begin_briefly(self, now: Instant) -> None:
        """Wait for one advert of a MASTER that others must have elected long ago."""
        wait = self.interval() + self.skew()
        self._began = now
        self._await(now + wait)

    def begin_behind(self, now: Instant, *, followed: bool) -> None:
        """Wait for a MASTER that was heard while this router lingered, or for its heirs.

        Why: its silence counts from there, but one who let go late has not listened for so long.
        """
        heard = self._hearing.newest
        if heard is None:
            self.begin(now)
        elif heard.priority == RELEASE_PRIORITY:
            self._await_release(now)
        else:
            self._began = min(self._began, heard.at)
            down = heard.at + self.master_down_interval()
            self._await(max(down, now + self.interval() + self.skew()))
            self.follows = followed

    def hear(self, advert: Advert, now: Instant) -> bool:
        """Take in an advert as a BACKUP; whether the same advert will only move deadlines.

        RFC: 9568 §6.4.2. Its sender is never compared here.
        """
        steady = False
        if advert.priority == RELEASE_PRIORITY:
            self._await_release(now)
        elif advert.priority >= self._terms.priority or not self.preempts:
            steady = self._follow(advert, now)
        elif self._terms.config.preempt_delay:
            self._let_serve(advert, now)
        self.probing.forget()
        return steady

    def _follow(self, advert: Advert, now: Instant) -> bool:
        """A MASTER serves that may: wait for its next advert."""
        self._weaker_since = None
        self.follows = True
        self.learn(advert)
        wait = self.wait()
        self._await(now + wait.down, wait)
        if wait.overdue is None:
            self._deadlines.disarm(Timer.OVERDUE)
        else:
            self._deadlines.arm(Timer.OVERDUE, now + wait.overdue)
        return now + wait.down >= self._not_before

    def _let_serve(self, advert: Advert, now: Instant) -> None:
        """A weaker MASTER serves: take over from it after a while, or when it is silent."""
        self.follows = True
        self.learn(advert)
        if self._weaker_since is None:
            self._weaker_since = now
        preempts = self._weaker_since + self._terms.config.preempt_delay
        due = self._deadlines.at(Timer.MASTER_DOWN)
        assert due is not None, "a BACKUP always waits for its MASTER"
        self._await(max(due, min(now + self.master_down_interval(), preempts)))

    def move(self, before: Duration) -> None:
        """The master_down_interval is another: let the silence heard so far count towards it.

        Why one that is ready stays so: it has heard enough of it, and its hooks may run already.
        """
        due, ready = self._deadlines.at(Timer.MASTER_DOWN), self.ready
        assert due is not None, "a BACKUP always waits for its MASTER"
        self._await(due + self.master_down_interval() - before)
        self.ready = ready

    def wake_late(self, now: Instant) -> bool:
        """This host did not run: whether the silence proves nothing, so that it waits again."""
        due = self._deadlines.at(Timer.MASTER_DOWN)
        assert due is not None, "a BACKUP always waits for its MASTER"
        if due >= now + self.interval() + self.skew():
            return False
        self.begin_briefly(now)
        return True

    def probe(self, now: Instant) -> tuple[Action, ...]:
        """Ask whether the addresses are in use: a BACKUP if its MASTER is silent, a MASTER if
        somebody has claimed them.

        Why: who would hold back and asks late takes over late; an answer that is not waited for
        is none.
        """
        down = self._deadlines.at(Timer.MASTER_DOWN)
        if down is None:
            return self.probing.check(self._terms.config, now)
        rival = self.rival()
        if rival and now - rival.at < PATIENCE * self.interval():
            return ()
        if self._terms.config.takeover_probe is TakeoverProbe.HOLD:
            lead = probe_lead(self.skew())
            self._deadlines.arm(Timer.MASTER_DOWN, max(down, now + lead))
        return self.probing.ask(self._terms.config)

    def hold_back(self, now: Instant) -> bool:
        """Whether the takeover that is due must wait, for one more interval at most."""
        until = self.probing.held_until(self._terms.config, now)
        if until is None:
            return False
        self._await(min(now + self.interval(), until))
        return True

    def get_ready(self, now: Instant) -> None:
        """This instance would take over; it waits for its group, and looks again soon."""
        self._deadlines.arm(Timer.MASTER_DOWN, now + self.interval())
        self.ready, self.follows = True, False

    def _await_release(self, now: Instant) -> None:
        """The MASTER has resigned: there is nobody to ask for the addresses."""
        self.follows = False
        self._await(now + self.skew())
        self._deadlines.disarm(Timer.PROBE)

    def _await(self, master_down: Instant, wait: Wait | None = None) -> None:
        self.ready = False
        if master_down < self._not_before:
            master_down = self._not_before
        self._deadlines.arm(Timer.MASTER_DOWN, master_down)
        self.probing.expect(master_down, (wait or self.wait()).lead)
