"""A MASTER on its way out: make before break.

It says that it resigns, serves on in silence until a successor is heard, and a little longer,
until the clients have learned where the addresses are now. A host that was outranked does the last
part only. RFC: 9568 §6.4.3 lets go at once, which leaves the clients with nobody for the skew time.
"""

from __future__ import annotations

from dataclasses import dataclass

from vipd.core.actions import ReportIncident
from vipd.core.cause import Cause, CauseCode
from vipd.core.config import InstanceConfig
from vipd.core.election import master_down_interval, skew_time
from vipd.core.incident import IncidentCode
from vipd.core.model import RELEASE_PRIORITY, State
from vipd.core.timers import Deadlines, Timer
from vipd.core.units import MILLISECOND, Duration, Instant, format_duration

WEAKEST = 1
"""The successor may be of any priority: this one waits longest."""

HANDOVER_MARGIN: Duration = 100 * MILLISECOND
"""For a successor that is late with its timer, its claim or its advert."""


@dataclass(frozen=True, slots=True)
class Destination:
    """What a MASTER will be once it has let go, and why.

    `returns` is whether it serves on instead, when nobody has followed it.
    """

    state: State
    cause: Cause
    returns: bool = False


def handover_bound(destination: Destination, config: InstanceConfig) -> Duration:
    """How long a MASTER that resigns waits for a successor: the longest skew, and a margin.

    Why: with its group it may have gone silent on another link, where it could not say that it
    resigns; whoever follows misses it there first.
    """
    wait = skew_time if destination.cause.code is not CauseCode.GROUP else master_down_interval
    return wait(WEAKEST, config.advert_interval, config.version) + HANDOVER_MARGIN


def linger(config: InstanceConfig) -> Duration:
    """How long it serves on when the successor has spoken.

    Why: never longer than an interval, within which the successor may be gone again.
    """
    return min(config.linger, config.advert_interval)


class Leaving:
    """Whether a MASTER is on its way out, and to where. Keeps `Timer.HANDOVER` armed for it."""

    __slots__ = ("_deadlines", "destination", "followed")

    def __init__(self, deadlines: Deadlines) -> None:
        self._deadlines = deadlines
        self.destination: Destination | None = None
        self.followed: Instant | None = None
        """When the successor was first heard."""

    def __bool__(self) -> bool:
        return self.destination is not None

    def begin(self, destination: Destination, config: InstanceConfig, now: Instant) -> None:
        """Resign now; a successor is still to come."""
        self.destination = destination
        self._deadlines.disarm(Timer.ADVERT)
        self._deadlines.disarm(Timer.ANNOUNCE)
        self._deadlines.arm(Timer.HANDOVER, now + handover_bound(destination, config))

    def redirect(self, destination: Destination, config: InstanceConfig, now: Instant) -> None:
        """Go elsewhere, at the same moment, or sooner where that is not waited for so long."""
        self.destination = destination
        due = self._deadlines.at(Timer.HANDOVER)
        assert due is not None, "who is leaving waits for a successor"
        self._deadlines.arm(Timer.HANDOVER, min(due, now + handover_bound(destination, config)))

    def follow(self, priority: int, config: InstanceConfig, now: Instant) -> None:
        """Another router speaks: it is the successor, unless it leaves as well."""
        if self.followed is None and priority != RELEASE_PRIORITY:
            self.followed = now
            self._deadlines.arm(Timer.HANDOVER, now + linger(config))

    def report(self, config: InstanceConfig) -> tuple[ReportIncident, ...]:
        """What has to be told of the end: that nobody has come."""
        if self.followed is not None or self.destination is None:
            return ()
        waited = format_duration(handover_bound(self.destination, config))
        rest = "serves on" if self.returns else "the addresses are on no host now"
        text = f"nobody took over within {waited}: {rest}"
        return (ReportIncident(IncidentCode.NO_SUCCESSOR, text),)

    @property
    def returns(self) -> bool:
        """Whether it would serve on if its time were over now."""
        return self.followed is None and self.destination is not None and self.destination.returns

    def end(self) -> None:
        """The addresses are given up, or are kept after all."""
        self._deadlines.disarm(Timer.HANDOVER)
        self.destination = self.followed = None
