"""The schedule: who is due next, without asking everybody.

Theory of operation. Each instance has one entry that counts, and it is never after the instance's
deadline. What moves a deadline away, as every advert does that a BACKUP hears, leaves the entry
where it is; when its time has come, it is seen that nothing is due, and it goes to where it belongs
by then. So hearing costs nothing here, and an instance that hears its MASTER is looked at about
once in an interval, whatever it hears.
"""

from __future__ import annotations

from heapq import heappop, heappush
from itertools import count

from vipd.agent.instance import Instance
from vipd.core.units import Instant


class Schedule:
    """When the instances are to be looked at."""

    def __init__(self) -> None:
        self._heap: list[tuple[Instant, int, Instance]] = []
        self._entries: dict[Instance, Instant] = {}
        self._numbers = count()
        """Why: two instances that are due at once are not to be compared."""

    def note(self, instance: Instance) -> None:
        """See to it that an instance is looked at when it is due, at the latest."""
        due = instance.machine.next_deadline()
        if due is None:
            return
        entry = self._entries.get(instance)
        if entry is None or due < entry:
            self._entries[instance] = due
            heappush(self._heap, (due, next(self._numbers), instance))

    def next(self) -> Instant | None:
        """When somebody is to be looked at next; None for never."""
        return self._heap[0][0] if self._heap else None

    def take_due(self, now: Instant) -> list[Instance]:
        """Those that are due. They have no entry until they are noted again."""
        due = []
        while self._heap and self._heap[0][0] <= now:
            at, _, instance = heappop(self._heap)
            if self._entries.get(instance) != at:
                continue
            del self._entries[instance]
            deadline = instance.machine.next_deadline()
            if deadline is not None and deadline <= now:
                due.append(instance)
            else:
                self.note(instance)
        return due
