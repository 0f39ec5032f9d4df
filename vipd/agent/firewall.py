"""Firewalls of this host: whether they keep an instance's adverts from going out or coming in.

What goes out and is dropped, the kernel refuses (EPERM). What comes in and is dropped, nobody tells
of. But a tap sees packets before any firewall does: an advert that the tap has seen and the socket
has not was dropped in between. The tap is in use only while an instance has reason to wonder:
from the moment at which an advert is overdue, and as long as the tap goes on to hear them.
"""

from __future__ import annotations

from collections.abc import Iterator

from vipd.core.model import Family, IPAddress
from vipd.core.units import SECOND, Duration, Instant

WONDER_INTERVALS = 4
WONDER_LEAST: Duration = 2 * SECOND
"""For how long a doubt lasts that nothing confirms: longer than a MASTER is silent."""

SOURCES_REMEMBERED = 16
"""More senders than this for one VRID are not a group but a flood."""


class Firewall:
    """What one instance knows of the firewalls in its way."""

    __slots__ = ("_heard", "_interface", "_refused", "_unheard", "_until")

    def __init__(self, interface: str) -> None:
        self._interface = interface
        self._refused: dict[Family, Instant] = {}
        self._unheard: set[IPAddress] = set()
        self._until: Instant = 0
        self._heard: Instant | None = None

    def warnings(self, now: Instant) -> Iterator[str]:
        """What a person should know, as long as it is so."""
        yield from (self._outgoing(one) for one, end in sorted(self._refused.items()) if now < end)
        if self.wonders(now):
            yield from map(self._incoming, sorted(self._unheard, key=str))

    # -- outgoing ---------------------------------------------------------------------------

    def refuse(self, family: Family, interval: Duration, now: Instant) -> str | None:
        """The kernel does not send an advert; what has to be said of it, if that is new."""
        new = now >= self._refused.get(family, now)
        self._refused[family] = now + _doubt(interval)
        return self._outgoing(family) if new else None

    def permit(self, family: Family) -> None:
        """The kernel has sent one."""
        if self._refused:
            self._refused.pop(family, None)

    def _outgoing(self, family: Family) -> str:
        return (
            f"a firewall of this host drops the IPv{family} adverts that we send: "
            f"let IP protocol 112 out on {self._interface}"
        )

    # -- incoming ---------------------------------------------------------------------------

    def wonders(self, now: Instant) -> bool:
        """Whether the tap is needed; what it has told is over when it is not."""
        return now < self._until

    def wonder(self, interval: Duration, now: Instant) -> None:
        """An advert is overdue, or the tap has heard one: use the tap for a while."""
        if not self.wonders(now):
            self._unheard.clear()
        self._until = now + _doubt(interval)

    def has_just_heard(self, interval: Duration, now: Instant) -> bool:
        """Whether the socket has got an advert so lately that it may be the one that the tap has.

        Why: one that it misses is an interval and more after the last that it got.
        """
        return self._heard is not None and now - self._heard < interval * 3 // 2

    def tapped(self, source: IPAddress, interval: Duration, now: Instant) -> str | None:
        """The tap has seen an advert; what has to be said, if it is proved now that the socket
        does not get them.
        """
        if self.has_just_heard(interval, now):
            return None
        self.wonder(interval, now)
        if source in self._unheard or len(self._unheard) >= SOURCES_REMEMBERED:
            return None
        self._unheard.add(source)
        return self._incoming(source)

    def heard(self, now: Instant) -> None:
        """The socket has got an advert, which ends all doubt."""
        self._heard = now
        if self._unheard:
            self._unheard.clear()

    def _incoming(self, source: IPAddress) -> str:
        return (
            f"adverts from {source} reach {self._interface}, but a firewall of this host "
            f"drops them: let IP protocol 112 in on {self._interface}"
        )


def _doubt(interval: Duration) -> Duration:
    return max(WONDER_INTERVALS * interval, WONDER_LEAST)
