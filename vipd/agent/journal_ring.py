"""The ring: the last events of an agent, in order, and which of them somebody has missed.

Events are numbered without a gap from `born` on, which is the number that the journal began with.
A journal that has nothing to go on with, after a reboot, begins with the time in milliseconds: a
number that no earlier one can have reached. So whoever comes with the number of the event that he
has seen last gets what followed it, and learns what he has missed, across reboots too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from vipd.control.messages import MOST_EVENTS
from vipd.control.report import EventReport

RING: Final = 2000
"""How many events are kept."""


class Ring:
    """The last events; the oldest makes room for the newest."""

    def __init__(self, born: int, events: Iterable[EventReport] = ()) -> None:
        self._events = deque(events, RING)
        self.born = born

    def __iter__(self) -> Iterator[EventReport]:
        return iter(self._events)

    @property
    def last(self) -> int:
        """The number of the last event."""
        return self._events[-1].seq if self._events else self.born - 1

    @property
    def names(self) -> frozenset[str]:
        """The instances that something is known of, those that are gone among them."""
        return frozenset(one.instance for one in self._events if one.instance is not None)

    def add(self, event: EventReport) -> None:
        """Keep one more."""
        self._events.append(event)

    def recent(
        self, name: str | None = None, kind: str | None = None, limit: int = MOST_EVENTS
    ) -> tuple[EventReport, ...]:
        """The last events of an instance, of a kind, or of all, in order."""
        newest_first = (one for one in reversed(self._events) if concerns(one, name, kind))
        return tuple(islice(newest_first, limit))[::-1]

    def after(
        self,
        seq: int,
        name: str | None = None,
        kind: str | None = None,
        limit: int = MOST_EVENTS,
    ) -> tuple[tuple[EventReport, ...], int]:
        """The first events after the one with this number, and how many are forgotten since.

        0 asks for all. A number of another journal asks for all of this one, and at least one is
        missed: nobody knows how many that journal had.
        """
        strange = seq > 0 and not self.born - 1 <= seq <= self.last
        since = self.born - 1 if strange or seq <= 0 else seq
        found = [one for one in self._events if one.seq > since]
        missed = self.last - since - len(found) + strange
        chosen = (one for one in found if concerns(one, name, kind))
        return tuple(islice(chosen, limit)), missed


def concerns(event: EventReport, name: str | None, kind: str | None) -> bool:
    """Whether an event is of this instance and of this kind; None means any."""
    return name in (None, event.instance) and kind in (None, event.kind)
