"""When a MASTER announces its addresses: a burst after each claim, then the refresh."""

from __future__ import annotations

from vipd.core.config import InstanceConfig
from vipd.core.timers import Deadlines, Timer
from vipd.core.units import Instant


class Announcing:
    """Keeps `Timer.ANNOUNCE` armed for the next announcement, as long as there is one."""

    __slots__ = ("_count", "_deadlines")

    def __init__(self, deadlines: Deadlines) -> None:
        self._deadlines = deadlines
        self._count = 0

    def begin(self, config: InstanceConfig, now: Instant) -> None:
        """The first announcement since the claim is made now."""
        self._count = 0
        self._await_next(config, now)

    def go_on(self, config: InstanceConfig, now: Instant) -> None:
        """One more is made now."""
        self._count += 1
        self._await_next(config, now)

    def change(self, old: InstanceConfig, new: InstanceConfig, now: Instant) -> None:
        """Let another `announce_refresh` count from now, not only from the next claim."""
        if old.announce_wait(self._count) != new.announce_wait(self._count):
            self._await_next(new, now)

    def _await_next(self, config: InstanceConfig, now: Instant) -> None:
        self._deadlines.disarm(Timer.ANNOUNCE)
        if wait := config.announce_wait(self._count):
            self._deadlines.arm(Timer.ANNOUNCE, now + wait)
