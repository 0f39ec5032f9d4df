"""Polling: looks at something time and again, one look at a time, none for longer than it may take.

Theory of operation. Looks begin on a grid of the interval. Where on the grid is told by a hash of
the name, so that hundreds of trackers do not look at once, and each host has the same rhythm after
every start. The first look is made within a second: before it nothing is known of the tracker, and
the instances wait for it. A look that outlasts its interval lets the moments that it covers pass,
but not the one at which it is given up: a server that hangs is looked at no less often.

To wake up costs more than to look, because the processor has forgotten this program meanwhile: what
is due about the same time begins together, see `vipd.track.wheel`. Tenths of a second instead of
twentieths took 500 looks a second from 3.7 % of a core to 3.1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import ceil
from zlib import crc32

from vipd.core.config import TrackerConfig
from vipd.core.units import MILLISECOND, SECOND, Duration, Instant, format_duration
from vipd.track.outcome import Checker, Outcome, Report
from vipd.track.wheel import Wheel, wheel

FIRST_LOOK_WITHIN: Duration = SECOND
"""However long the interval is."""

TOGETHER: Duration = 100 * MILLISECOND
"""Looks begin at a multiple of this, or of a tenth of their interval, of the loop's time."""

ENDING_TOGETHER: Duration = 10 * MILLISECOND
"""Looks are given up at the next multiple of this, or of a hundredth of their timeout."""


class Polling:
    """A tracker made of looks."""

    __slots__ = (
        "_began", "_cancel", "_checker", "_due", "_grain", "_interval", "_name", "_open", "_report",
        "_step", "_timeout", "_wheel", "awaits",
    )  # fmt: skip

    def __init__(self, config: TrackerConfig, checker: Checker) -> None:
        self._name = config.name
        self._interval = config.interval / SECOND
        self._step = min(TOGETHER / SECOND, self._interval / 10)
        self._timeout = config.timeout
        self._grain = min(ENDING_TOGETHER, config.timeout / 100) / SECOND
        self._checker = checker
        self._report: Report | None = None
        self._open = False
        self._cancel: Callable[[], None] | None = None
        self._wheel: Wheel
        self._due = self._began = 0.0
        self.awaits: float | None = None

    @property
    def next_look(self) -> Instant | None:
        """When the next look begins, by the monotonic clock; None while stopped."""
        return int(self._due * SECOND) if self._report else None

    def start(self, report: Report) -> None:
        """Look within a second, and from then on every interval."""
        self.stop()
        self._wheel = wheel()
        self._report = report
        first = self._wheel.now() + _phase(self._name, self._interval)
        self._due = round(first / self._step) * self._step
        self._wheel.set(self, self._due)

    def stop(self) -> None:
        """Look no more; a look that is under way is cancelled and not reported."""
        self._report = None
        self._open = False
        self.awaits = None
        self._call_off()

    def turn(self, now: float) -> None:
        """Begin a look, or give the one up that is under way."""
        if self._open:
            self._give_up()
        else:
            self._begin(now)

    # -- one look ---------------------------------------------------------------------------

    def _begin(self, now: float) -> None:
        self._open = True
        self._began = now
        self._pass(now)
        try:
            cancel = self._checker.check(self._take)
        except OSError as error:
            self._take(Outcome(ok=False, text=error.strerror or str(error)))
            return
        if self._open:
            self._cancel = cancel
            end = now + self._timeout / SECOND
            self._wheel.set(self, ceil(end / self._grain) * self._grain)

    def _give_up(self) -> None:
        """End a look that takes too long. Order: what is called off may say how far it came."""
        self._call_off()
        text = f"no answer within {format_duration(self._timeout)}"
        self._take(Outcome(ok=False, text=text))

    def _call_off(self) -> None:
        cancel, self._cancel = self._cancel, None
        if cancel:
            cancel()

    def _take(self, outcome: Outcome) -> None:
        """Report what a look has found, unless it is known or not wanted any more."""
        if not self._open:
            return
        self._open, self._cancel = False, None
        now = self._wheel.now()
        if self._due <= now - self._step:
            self._pass(now)
        self._wheel.set(self, self._due)
        if not outcome.took:
            outcome = replace(outcome, took=int((now - self._began) * SECOND))
        if self._report:
            self._report(outcome)

    def _pass(self, now: float) -> None:
        """Let a moment pass, and all that are past: the next is the first that is still to come."""
        self._due += self._interval
        if self._due <= now:
            self._due += self._interval * (1 + (now - self._due) // self._interval)


def nothing() -> None:
    """What cancels a look that is over."""


def _phase(name: str, interval: float) -> float:
    """How long after the start the first look is made. Units: seconds."""
    return crc32(name.encode()) / 2**32 * min(interval, FIRST_LOOK_WITHIN / SECOND)
