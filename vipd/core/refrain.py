"""The refrain: what a BACKUP hears again and again, which moves nothing but its deadlines."""

from __future__ import annotations

from vipd.core.events import AdvertReceived
from vipd.core.units import Duration, Instant


class Refrain:
    """An advert that comes again, as one number: when it came last.

    It lasts as long as nothing else happens. Why: a MASTER says the same for hours.
    """

    __slots__ = ("_again", "_event", "_respite")

    def __init__(self) -> None:
        self._event: AdvertReceived | None = None
        self._respite: Duration = 0
        self._again: Instant | None = None

    def begin(self, event: AdvertReceived, respite: Duration) -> None:
        """This was heard; something is due so long after each time that it is."""
        self._event, self._respite, self._again = event, respite, None

    def sounds(self, event: AdvertReceived, now: Instant) -> bool:
        """Take in that it is heard again; whether it is that."""
        if event is not self._event:
            return False
        self._again = now
        return True

    def due(self) -> Instant | None:
        """When something is due because it was heard again; None where it was not."""
        return None if self._again is None else self._again + self._respite

    def end(self) -> tuple[AdvertReceived, Instant] | None:
        """What was heard again, and when last; None where nothing was."""
        event, again, self._event, self._again = self._event, self._again, None, None
        return None if event is None or again is None else (event, again)
