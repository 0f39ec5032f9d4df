"""How one node has to behave, whatever the others do."""

from __future__ import annotations

from vipd.core.actions import ReportTransition
from vipd.core.cause import CauseCode
from vipd.core.config import InstanceConfig
from vipd.core.machine import Machine
from vipd.core.model import RELEASE_PRIORITY, Advert, IPAddress, State, Vip
from vipd.core.units import MILLISECOND, Duration, Instant, format_duration
from vipd.sim.rule import Broken


class Patience:
    """How long a BACKUP has to wait, reckoned apart from the machine and by other arithmetic.

    RFC: 9568 §6.1, §6.4.2. Units: all instants are of the host's own clock.
    """

    __slots__ = ("_intervals", "_learned", "_lets", "_missed", "_newest", "_since", "heard_from")

    def __init__(self, config: InstanceConfig) -> None:
        self._learned = config.advert_interval
        self._since: Instant = 0
        self._intervals = 3
        self._missed = self._lets = False
        self._newest = config.advert_interval
        self.heard_from: IPAddress | None = None
        """Whose silence alone it is that the BACKUP waits for; None where it is nobody's."""

    def begin(self, config: InstanceConfig, now: Instant, *, intervals: int) -> None:
        """It listens from now on, for so many intervals and its skew."""
        self._learned, self._since, self._intervals = config.advert_interval, now, intervals
        self.heard_from, self._lets = None, False

    def begin_behind(self, config: InstanceConfig, now: Instant) -> None:
        """It has let go, and listens for an interval at least, of whoever it has heard meanwhile;
        unless that one has let go, too."""
        learned = min(config.advert_interval, self._newest)
        self.begin(config, now, intervals=min(self._intervals, 1))
        self._learned = learned

    def hear(
        self, advert: Advert, source: IPAddress | None, config: InstanceConfig, now: Instant
    ) -> None:
        """An advert came, to a BACKUP if it says from whom; a weaker one means nothing to whoever
        preempts, unless it has to wait before it does."""
        self._newest, self._lets = advert.interval, False
        if advert.priority == RELEASE_PRIORITY:
            self._since, self._intervals, self.heard_from = now, 0, None
        elif advert.priority >= config.priority or not config.preempts:
            self._learned, self._since, self._intervals = advert.interval, now, 3
            self.heard_from = source
        else:
            self.heard_from = None
            if config.preempt_delay:
                self._learned = min(self._learned, advert.interval)
                self._lets = True

    @property
    def interval(self) -> Duration:
        """The interval of the MASTER, as far as one was heard."""
        return self._learned

    def miss(self) -> None:
        """A packet for it was lost."""
        self._missed = True

    def awake(self) -> None:
        """It has taken in what was not lost while it slept."""
        if self._missed:
            self.heard_from, self._missed = None, False

    def wait(self, priority: int) -> Duration:
        """The silence after which this router takes over."""
        return (256 * (self._intervals + 1) - priority) * self._learned // 256

    def early(self, config: InstanceConfig, now: Instant) -> Duration:
        """How much too early a takeover now would be; 0 or less when it is not."""
        return self._since + self.wait(config.priority) - now

    def overdue(self, config: InstanceConfig, now: Instant) -> Duration:
        """For how long a takeover has been due; 0 for whoever lets a weaker one serve a while."""
        return 0 if self._lets else -self.early(config, now)


def judge_patience(
    name: str, patience: Patience, report: ReportTransition, config: InstanceConfig, now: Instant
) -> None:
    """A takeover does not come before its time."""
    code = report.cause.code
    if report.new is State.BACKUP and code is CauseCode.STALLED:
        patience.begin(config, now, intervals=1)
    elif report.new is State.BACKUP and report.old is not State.MASTER:
        patience.begin(config, now, intervals=3)
    elif report.new is State.BACKUP and code is not CauseCode.OUTRANKED:
        patience.begin_behind(config, now)
    if report.new is State.MASTER and report.old is not State.BACKUP:
        patience.begin(config, now, intervals=0)
    if report.old is State.BACKUP and report.new is State.MASTER:
        early = patience.early(config, now)
        if early > 0:
            raise Broken(name, "takes over before its time", format_duration(early))


def judge_awakening(
    name: str, was: State, interval: Duration, *, slept: Duration, overdue: Duration
) -> None:
    """Whoever could not hear does not act upon the silence: for one that is MASTER now, and was
    what it was before it slept. `interval` is the longest that it has had to do with, `overdue`
    for how long its takeover was when it woke."""
    if was is State.MASTER and slept > 3 * interval + interval // 100:
        raise Broken(name, "is MASTER still when it wakes")
    if was is State.BACKUP and overdue > interval + 50 * MILLISECOND:
        raise Broken(name, "takes over as soon as it wakes")


def judge_rest(
    name: str, machine: Machine, config: InstanceConfig, held: tuple[Vip, ...] | None
) -> None:
    """At rest a MASTER has all addresses, and nobody else has any. `held` is what the kernel has;
    None where it has lost some of it, and the agent could not know yet."""
    state, due = machine.state, machine.next_deadline()
    expected = config.addresses if state is State.MASTER else ()
    if held is not None and held != expected:
        listed = ", ".join(map(str, held)) or "nothing"
        raise Broken(name, f"is {state.value} and holds not what it should", listed)
    if due is None and state in {State.MASTER, State.BACKUP}:
        raise Broken(name, f"is {state.value} and waits for nothing")
