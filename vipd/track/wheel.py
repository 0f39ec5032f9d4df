"""The wheel: one alarm of the loop for all that is looked at, and a little work at a time.

Theory of operation. Whoever waits for a moment stands in a slot with all others of that moment, and
the loop knows of the next slot alone: two timers of its own for each look cost as much as the rest
of it. When the moment has come, those in its slot have their turns one after the other. When a
millisecond is over the loop has its own turn first, and so an advert waits for that millisecond and
the look that has begun, however many there are; those that are left follow at once.

Nobody is taken out of a slot. Who waits for another moment by now, or for none, is passed over, and
a slot of none but such wakes nobody.
"""

from __future__ import annotations

import asyncio
from collections import deque
from heapq import heappop, heappush
from typing import Final, Protocol, TypeAlias

TURN_S: Final = 0.001
"""How long looks keep the loop from its other work. What has begun is not interrupted."""


class Rider(Protocol):
    """Who waits. `awaits` is written by the wheel, or by whoever waits no more (None)."""

    awaits: float | None

    def turn(self, now: float) -> None:
        """The moment has come, by the loop's time. It may wait for another when this returns."""


Slot: TypeAlias = deque[Rider]


class Wheel:
    """Gives those who wait their turn. Units: moments are in seconds of the loop's time."""

    __slots__ = ("_alarm", "_loop", "_moments", "_slots", "_turning", "_wakes_at", "now")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.now = self._loop.time
        self._slots: dict[float, Slot] = {}
        self._moments: list[float] = []
        self._alarm: asyncio.TimerHandle | None = None
        self._wakes_at = 0.0
        self._turning = False

    def belongs_to(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether it is this loop's time."""
        return self._loop is loop

    def set(self, rider: Rider, moment: float) -> None:
        """Give a turn at this moment and at no other; at once, if it is past."""
        rider.awaits = moment
        slot = self._slots.get(moment)
        if slot is None:
            slot = self._slots[moment] = deque()
            heappush(self._moments, moment)
        slot.append(rider)
        if not self._turning and (self._alarm is None or moment < self._wakes_at):
            self._wake_at(moment)

    def _wake_at(self, moment: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = self._loop.call_at(moment, self._go_round)
        self._wakes_at = moment

    def _go_round(self) -> None:
        """Give turns for a millisecond; then wait for the next moment, which may be past.

        Why `max`: the loop rounds, and its alarms may come a nanosecond early.
        """
        self._alarm, self._turning = None, True
        try:
            self._give_turns(max(self.now(), self._wakes_at))
        finally:
            self._turning = False
            if self._first() is not None:
                self._wake_at(self._moments[0])

    def _give_turns(self, now: float) -> None:
        until = now + TURN_S
        while (slot := self._first()) is not None and self._moments[0] <= now < until:
            rider = slot.popleft()
            rider.awaits = None
            rider.turn(now)
            now = self.now()

    def _first(self) -> Slot | None:
        """The first slot that is waited for, from the first who does."""
        while self._moments:
            moment = self._moments[0]
            slot = self._slots[moment]
            while slot:
                if slot[0].awaits == moment:
                    return slot
                slot.popleft()
            del self._slots[heappop(self._moments)]
        return None


_of_last_loop: list[Wheel] = []


def wheel() -> Wheel:
    """That of the running loop."""
    if not _of_last_loop or not _of_last_loop[0].belongs_to(asyncio.get_running_loop()):
        _of_last_loop[:] = [Wheel()]
    return _of_last_loop[0]
