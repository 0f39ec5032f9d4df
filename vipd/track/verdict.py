"""The verdict: what a row of outcomes says of a tracker. Pure: the time is given to it.

Theory of operation. `rise` good outcomes in a row judge a tracker up, `fall` bad ones judge it
down. A tracker whose judgement changes more than `flaps` times within `flap_window` is held down,
and while that goes on the hold begins anew: it ends when a whole window has passed since the last
change that was one too many. Then the judgement counts again. A tracker that waits for events may
have nothing to report at that moment, so whoever keeps the time calls `review` at `held_until`.
"""

from __future__ import annotations

from collections import deque

from vipd.core.config import TrackerConfig
from vipd.core.units import Instant, format_duration
from vipd.track.outcome import Outcome


class Verdict:
    """Whether a tracker is up, since when, and why."""

    __slots__ = ("_changes", "_config", "_judged", "_row", "held_until", "last", "since", "up")

    def __init__(self, config: TrackerConfig, now: Instant = 0) -> None:
        self._config = config
        self._judged = config.initially_up
        self._row = 0
        self._changes: deque[Instant] = deque(maxlen=config.flaps + 1)
        self.up = config.initially_up
        self.since = now
        self.last: Outcome | None = None
        self.held_until: Instant | None = None

    @property
    def weight(self) -> int | None:
        """The number that was read as the weight; None while down, and for who reads none."""
        return self.last.weight if self.up and self.last else None

    def take(self, outcome: Outcome, now: Instant) -> bool:
        """Judge one more outcome: whether the tracker's state, or its weight, has changed."""
        weight = self.weight
        same = self.last is not None and self.last.ok is outcome.ok
        self._row = self._row + 1 if same else 1
        self.last = outcome
        if outcome.ok is not self._judged and self._is_new(outcome):
            self._judged = outcome.ok
            self._note_change(now)
        changed = self.review(now)
        return changed or self.weight != weight

    def review(self, now: Instant) -> bool:
        """Let a hold that is over end: whether the tracker's state has changed."""
        if self.held_until is not None and now >= self.held_until:
            self.held_until = None
        up = self._judged and self.held_until is None
        changed = up is not self.up
        if changed:
            self.up, self.since = up, now
        return changed

    def describe(self) -> str:
        """Say it in a line: `3 failures in a row: connection refused`."""
        if self.last is None:
            return "no result yet"
        if self.held_until is None:
            return self._describe_row(self.last)
        window = format_duration(self._config.flap_window)
        flapping = f"held down: changed more than {self._config.flaps} times in {window}"
        return f"{flapping}; now {self._describe_row(self.last)}"

    # -- rows -------------------------------------------------------------------------------

    def _is_new(self, outcome: Outcome) -> bool:
        return self._row >= (self._config.rise if outcome.ok else self._config.fall)

    def _note_change(self, now: Instant) -> None:
        if not self._config.flaps:
            return
        self._changes.append(now)
        full = len(self._changes) > self._config.flaps
        if full and now - self._changes[0] < self._config.flap_window:
            self.held_until = now + self._config.flap_window

    def _describe_row(self, last: Outcome) -> str:
        kind = "success" if last.ok else "failure"
        if last.ok is not self._judged:
            needed = self._config.rise if last.ok else self._config.fall
            return f"{kind} {self._row} of {needed}: {last.text}"
        if last.ok or self._row == 1:
            return last.text
        return f"{self._row} {kind}s in a row: {last.text}"
