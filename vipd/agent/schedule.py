"""The schedule: who is due next, without asking everybody.

Theory of operation. Each instance has one entry that counts, and it is never after the instance's
deadline. What moves a deadline away, as every advert does that a BACKUP hears, leaves the entry
where it is; when its time has come, it is seen that nothing is due, and it goes to where it belongs
by then. So hearing costs nothing here, and an instance that hears its MASTER is looked at about
once in an interval, whatever it hears.

What is sorted are the moments: instances that hear a burst have the same ones. Who looks at some
looks a little ahead, as far as nobody is due: a burst that is read in pieces is one look.
"""

from __future__ import annotations

from heapq import heappop, heappush

from vipd.agent.instance import Instance
from vipd.core.units import MILLISECOND, Duration, Instant

AHEAD: Duration = 10 * MILLISECOND
"""Longer than it takes a MASTER to speak for 255 instances."""


class Schedule:
    """When the instances are to be looked at."""

    def __init__(self) -> None:
        self._moments: list[Instant] = []
        self._at: dict[Instant, list[Instance]] = {}
        self._entries: dict[Instance, Instant] = {}

    def note(self, instance: Instance) -> None:
        """See to it that an instance is looked at when it is due, at the latest."""
        due = instance.machine.next_deadline()
        if due is None:
            return
        entry = self._entries.get(instance)
        if entry is None or due < entry:
            self._enter(instance, due)

    def next(self) -> Instant | None:
        """When somebody is to be looked at next; None for never."""
        return self._moments[0] if self._moments else None

    def next_takeover(self) -> Instant | None:
        """When the one that is due next takes over, if nothing happens; None if it does not, or is
        only to be looked at."""
        at = self.next()
        if at is None:
            return None
        first = next((one for one in self._at[at] if self._entries.get(one) == at), None)
        if first is None or first.machine.next_deadline() != at:
            return None
        return first.machine.takes_over_at

    def take_due(self, now: Instant) -> list[Instance]:
        """Those that are due. They have no entry until they are noted again."""
        due: list[Instance] = []
        while self._moments and self._moments[0] <= now:
            due += self._look_at_first(now)
        while self._moments and self._moments[0] <= now + AHEAD:
            if soon := self._look_at_first(now):
                for instance in soon:
                    self.note(instance)
                break
        return due

    def _look_at_first(self, now: Instant) -> list[Instance]:
        """Take out whoever has an entry at the first of all moments; those that are due then, or
        now. The others go to where they belong."""
        due: list[Instance] = []
        at = heappop(self._moments)
        for instance in self._at.pop(at):
            if self._entries.get(instance) != at:
                continue
            del self._entries[instance]
            deadline = instance.machine.next_deadline()
            if deadline is not None and deadline <= max(at, now):
                due.append(instance)
            elif deadline is not None:
                self._enter(instance, deadline)
        return due

    def _enter(self, instance: Instance, at: Instant) -> None:
        self._entries[instance] = at
        if there := self._at.get(at):
            there.append(instance)
        else:
            self._at[at] = [instance]
            heappush(self._moments, at)
