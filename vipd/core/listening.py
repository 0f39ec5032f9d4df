"""How a BACKUP waits for its MASTER: how long, and what it asks before it takes over."""

from __future__ import annotations

from vipd.core.actions import Action
from vipd.core.config import InstanceConfig, TakeoverProbe
from vipd.core.election import master_down_interval, skew_time
from vipd.core.hearing import Hearing
from vipd.core.model import RELEASE_PRIORITY, Advert, Family, Heard
from vipd.core.probing import Probing, probe_lead
from vipd.core.timers import Deadlines, Timer
from vipd.core.units import Duration, Instant

PATIENCE = 3
"""After so many intervals of silence the strongest BACKUP takes over. RFC: 9568 §6.1."""


class Listening:
    """The wait of one instance. Keeps `Timer.MASTER_DOWN` armed while it is BACKUP."""

    __slots__ = ("_deadlines", "_hearing", "_learned_interval", "probing")

    def __init__(self, deadlines: Deadlines, hearing: Hearing) -> None:
        self._deadlines = deadlines
        self._hearing = hearing
        self._learned_interval: Duration | None = None
        self.probing = Probing(deadlines)

    def interval(self, config: InstanceConfig) -> Duration:
        """The interval that the MASTER is timed by. RFC: 9568 §6.1 Active_Adver_Interval."""
        return self._learned_interval or config.advert_interval

    def skew(self, config: InstanceConfig, priority: int) -> Duration:
        """How long this router lets a stronger one go first."""
        return skew_time(priority, self.interval(config), config.version)

    def master_down_interval(self, config: InstanceConfig, priority: int) -> Duration:
        """The silence after which this router takes over. RFC: 9568 §6.1."""
        return master_down_interval(priority, self.interval(config), config.version)

    def rival(self, config: InstanceConfig) -> Heard | None:
        """The router heard last."""
        return self._hearing.rival(config.families[0], self.interval(config))

    def master(self, config: InstanceConfig) -> Heard | None:
        """The router that serves, as far as this one has heard."""
        heard = self.rival(config)
        return heard if heard and heard.priority != RELEASE_PRIORITY else None

    def learn(self, config: InstanceConfig, advert: Advert) -> None:
        """Time the MASTER by its own interval. RFC: 9568 §6.4.2; in VRRPv2 it is ours."""
        if config.version == 3 and advert.priority != RELEASE_PRIORITY:
            self._learned_interval = advert.interval

    def decides_ties(
        self, config: InstanceConfig, priority: int, family: Family, since: Instant, now: Instant
    ) -> bool:
        """Whether this family's addresses decide between equal priorities at the moment, for a
        MASTER that became so at `since`.

        Why: packets of the two families overtake each other. A MASTER that lets the second one
        decide before it has listened to the first can yield to a peer that yields to it.
        """
        first = config.families[0]
        if family is first:
            return True
        heard = self._hearing.last(first)
        listened_since = max(since, heard.at) if heard else since
        return now - listened_since > self.master_down_interval(config, priority)

    def forget_interval(self) -> None:
        """No MASTER is known whose interval counts."""
        self._learned_interval = None

    # -- the wait ---------------------------------------------------------------------------

    def begin(self, config: InstanceConfig, priority: int, now: Instant) -> None:
        """Wait for a whole master_down_interval of silence."""
        self._await(config, priority, now + self.master_down_interval(config, priority))

    def begin_briefly(self, config: InstanceConfig, priority: int, now: Instant) -> None:
        """Wait for one advert of a MASTER that others must have elected long ago."""
        wait = self.interval(config) + self.skew(config, priority)
        self._await(config, priority, now + wait)

    def begin_behind(self, config: InstanceConfig, priority: int, now: Instant) -> None:
        """Wait for a MASTER that was heard while this router lingered, or for its heirs.

        Why: its silence counts from there, but one who let go late has not listened for so long.
        """
        heard = self._hearing.newest
        assert heard is not None, "it lingers for another router"
        if heard.priority == RELEASE_PRIORITY:
            self._deadlines.arm(Timer.MASTER_DOWN, now + self.skew(config, priority))
            return
        down = heard.at + self.master_down_interval(config, priority)
        briefly = now + self.interval(config) + self.skew(config, priority)
        self._await(config, priority, max(down, briefly))

    def hear(self, config: InstanceConfig, priority: int, advert: Advert, now: Instant) -> None:
        """Take in an advert as a BACKUP. RFC: 9568 §6.4.2. Its sender is never compared here."""
        if advert.priority == RELEASE_PRIORITY:
            self._deadlines.arm(Timer.MASTER_DOWN, now + self.skew(config, priority))
        elif advert.priority >= priority or not config.preempts:
            self.learn(config, advert)
            self.begin(config, priority, now)
            self.probing.expect_advert(config, now, self.interval(config))
        self.probing.forget()

    def change(
        self, old: InstanceConfig, old_priority: int, new: InstanceConfig, priority: int
    ) -> None:
        """Let the silence heard so far count towards the new master_down_interval."""
        due = self._deadlines.at(Timer.MASTER_DOWN)
        assert due is not None, "a BACKUP always waits for its MASTER"
        before = self.master_down_interval(old, old_priority)
        self._await(new, priority, due + self.master_down_interval(new, priority) - before)

    def wake_late(self, config: InstanceConfig, priority: int, now: Instant) -> bool:
        """This host did not run: whether the silence proves nothing, so that it waits again."""
        due = self._deadlines.at(Timer.MASTER_DOWN)
        assert due is not None, "a BACKUP always waits for its MASTER"
        if due >= now + self.interval(config) + self.skew(config, priority):
            return False
        self.begin_briefly(config, priority, now)
        return True

    def probe(self, config: InstanceConfig, priority: int, now: Instant) -> tuple[Action, ...]:
        """Ask whether the addresses are in use: a BACKUP if its MASTER is silent, a MASTER if
        somebody has claimed them.

        Why: who would hold back and asks late takes over late; an answer that is not waited for
        is none.
        """
        down = self._deadlines.at(Timer.MASTER_DOWN)
        if down is None:
            return self.probing.check(config, now)
        rival = self.rival(config)
        if rival and now - rival.at < PATIENCE * self.interval(config):
            return ()
        if config.takeover_probe is TakeoverProbe.HOLD:
            lead = probe_lead(self.skew(config, priority))
            self._deadlines.arm(Timer.MASTER_DOWN, max(down, now + lead))
        return self.probing.ask(config)

    def hold_back(self, config: InstanceConfig, priority: int, now: Instant) -> bool:
        """Whether the takeover that is due must wait, for one more interval at most."""
        until = self.probing.held_until(config, now)
        if until is None:
            return False
        self._await(config, priority, min(now + self.interval(config), until))
        return True

    def _await(self, config: InstanceConfig, priority: int, master_down: Instant) -> None:
        self._deadlines.arm(Timer.MASTER_DOWN, master_down)
        self.probing.expect(config, master_down, self.skew(config, priority))
