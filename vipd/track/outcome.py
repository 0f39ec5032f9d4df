"""What a tracker is to the agent: something that reports what it sees, until it is stopped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from vipd.core.units import Duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one look has found.

    `text` is one line for a person: "HTTP 200", "connection refused", "exit 2: no such table".
    `took` of 0 stands for what took no time worth counting. `weight` is the number that a tracker
    has read as its weight; None for all that have none.
    """

    ok: bool
    text: str
    took: Duration = 0
    weight: int | None = None


Report: TypeAlias = Callable[[Outcome], None]
"""Takes one outcome; never raises."""


class Tracker(Protocol):
    """One thing that is watched."""

    def start(self, report: Report) -> None:
        """Begin, on the running loop. Never raises for what the world does: that is an outcome."""

    def stop(self) -> None:
        """End all that was begun: sockets, children, timers. Once more changes nothing."""


class Checker(Protocol):
    """One kind of look, for `vipd.track.polling` to pace."""

    def check(self, done: Report) -> Callable[[], None]:
        """Begin one look, and call `done` once with what it has found; return what cancels it.

        `done` may be called before this returns. What cancels is called when the look takes too
        long or is not wanted any more, and at most once; it ends all that the look has begun. It
        may call `done` itself, to say better than "no answer" how far the look has come. OSError
        is what could not even begin: it is taken for the outcome.
        """
