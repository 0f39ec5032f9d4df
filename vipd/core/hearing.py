"""What an instance has heard of the other routers of its group."""

from __future__ import annotations

from vipd.core.model import Advert, ChecksumForm, Family, Heard, IPAddress, family_of
from vipd.core.units import Duration, Instant


class Hearing:
    """The last advert in each family, and what it taught."""

    __slots__ = ("_by_family", "checksum", "newest")

    def __init__(self) -> None:
        self._by_family: dict[Family, Heard] = {}
        self.newest: Heard | None = None
        """The last advert of all."""
        self.checksum: ChecksumForm | None = None
        """The form of the last advert over IPv4: the only family in which there is a choice."""

    def note(self, advert: Advert, source: IPAddress, now: Instant) -> None:
        """Take in a valid advert."""
        family = family_of(source)
        self.newest = self._by_family[family] = Heard(source, advert.priority, now)
        if family is Family.IPV4:
            self.checksum = advert.checksum

    def last(self, family: Family) -> Heard | None:
        """The last advert in one family."""
        return self._by_family.get(family)

    def rival(self, preferred: Family, interval: Duration) -> Heard | None:
        """The router heard last; by its address in the preferred family, if it speaks both."""
        newest, other = self.newest, self._by_family.get(preferred)
        if newest is None or other is None or other.priority != newest.priority:
            return newest
        return other if newest.at - other.at <= interval else newest
