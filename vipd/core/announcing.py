"""When a MASTER announces its addresses: a burst after each claim, then the refresh."""

from __future__ import annotations

from vipd.core.config import InstanceConfig
from vipd.core.timers import Deadlines, Timer
from vipd.core.units import SECOND, Duration, Instant

AGAIN_NOT_BEFORE: Duration = SECOND
"""A burst that is younger than this needs no other: it still announces by itself. And two hosts
that each defend the same address do not fill the link. RFC: 5227 §2.4 (the same thought)."""


class Announcing:
    """Keeps `Timer.ANNOUNCE` armed for the next announcement, as long as there is one."""

    __slots__ = ("_began", "_count", "_deadlines")

    def __init__(self, deadlines: Deadlines) -> None:
        self._deadlines = deadlines
        self._count = 0
        self._began: Instant = 0

    def begin(self, config: InstanceConfig, now: Instant) -> None:
        """The first announcement of a burst is made now."""
        self._count, self._began = 0, now
        self._await_next(config, now)

    def again(self, config: InstanceConfig, now: Instant) -> bool:
        """Somebody may have been told otherwise: whether another burst begins now."""
        if now - self._began < AGAIN_NOT_BEFORE:
            return False
        self.begin(config, now)
        return True

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
