"""Deadlines as data: nothing here fires, so nothing has to be cancelled in time."""

from __future__ import annotations

from enum import IntEnum

from vipd.core.units import Instant


class Timer(IntEnum):
    """The deadlines of an instance. Where two are due at once, the smaller number goes first."""

    MASTER_DOWN = 0
    """When, as BACKUP, the MASTER counts as gone. RFC: 9568 §6.2 Active_Down_Timer."""

    HANDOVER = 1
    """When a MASTER that is on its way out lets go, whether a successor was heard or not."""

    ADVERT = 2
    """When, as MASTER, the next advert is due. RFC: 9568 §6.2 Adver_Timer."""

    ANNOUNCE = 3
    """When, as MASTER, the addresses are announced again."""

    RENEW = 4
    """When, as MASTER, the lease of the addresses must begin anew, if no advert did that before."""

    PROBE = 5
    """When, shortly before MASTER_DOWN, the link is asked whether the addresses are in use; and,
    as MASTER, whether what answered then still does."""

    OVERDUE = 6
    """When, as BACKUP, an advert of the MASTER should have come."""

    CLAIM_RETRY = 7
    """When, in FAULT for its addresses, the instance may stand for election again."""


NEVER: Instant = (1 << 63) - 1
"""When a timer is due that is not armed: 292 years after a host was started."""


_TIMERS = tuple(Timer)


class Deadlines:
    """When each timer of one instance is due, if it is armed."""

    __slots__ = ("_due",)

    def __init__(self) -> None:
        self._due = [NEVER] * len(Timer)

    def arm(self, timer: Timer, at: Instant) -> None:
        """Set or move a deadline."""
        self._due[timer] = at

    def disarm(self, timer: Timer) -> None:
        """Forget a deadline, if there is one."""
        self._due[timer] = NEVER

    def disarm_all(self) -> None:
        """Forget every deadline."""
        self._due = [NEVER] * len(Timer)

    def at(self, timer: Timer) -> Instant | None:
        """When a timer is due; None when it is not armed."""
        due = self._due[timer]
        return None if due == NEVER else due

    def next(self) -> Instant | None:
        """The earliest deadline; None when no timer is armed."""
        due = min(self._due)
        return None if due == NEVER else due

    def take_due(self, now: Instant) -> tuple[Timer, Instant] | None:
        """Disarm and return the earliest timer that is due, with its deadline."""
        due = min(self._due)
        if due > now:
            return None
        timer = _TIMERS[self._due.index(due)]
        self._due[timer] = NEVER
        return timer, due
