"""Scrutiny: what is odd about an advert that counts all the same.

A different list of addresses and, in VRRPv3, a different interval are no reason to refuse an
advert (RFC 9568 §7.1); who maintains the hosts wants to know. Each oddity is said once, until it
has gone and come back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from enum import Enum

from vipd.core.config import InstanceConfig
from vipd.core.model import Advert, IPAddress, family_of
from vipd.core.units import format_duration, to_centiseconds
from vipd.wire.vrrp import advertised

PEERS_REMEMBERED = 64
"""More senders than this for one VRID are not a group but a flood."""


class Oddity(Enum):
    """What can differ; the values are the keys of the counters."""

    ADDRESSES = "addresses"
    INTERVAL = "interval"


class Scrutiny:
    """Compares what the peers of one instance advertise with its own configuration."""

    __slots__ = ("_said", "_usual", "seen")

    def __init__(self) -> None:
        self.seen: Counter[Oddity] = Counter()
        self._said: dict[tuple[Oddity, IPAddress], str] = {}
        self._usual: Advert | None = None
        """The last advert, if nothing was odd about it or about any other peer's."""

    def look(self, config: InstanceConfig, advert: Advert, source: IPAddress) -> list[str]:
        """Count what is odd; return what has to be said."""
        if advert is self._usual:
            return []
        texts = {
            Oddity.ADDRESSES: _other_addresses(config, advert, source),
            Oddity.INTERVAL: _other_interval(config, advert, source),
        }
        news = []
        for oddity, text in texts.items():
            self.seen[oddity] += bool(text)
            if self._is_news(oddity, source, text):
                news.append(text)
        self._usual = None if self._said or any(texts.values()) else advert
        return news

    def _is_news(self, oddity: Oddity, source: IPAddress, text: str) -> bool:
        """Whether this was not said before; of more than we can remember nothing is said."""
        said = self._said.pop((oddity, source), "")
        if not text or len(self._said) >= PEERS_REMEMBERED:
            return False
        self._said[oddity, source] = text
        return text != said


def _other_addresses(config: InstanceConfig, advert: Advert, source: IPAddress) -> str:
    ours = advertised(config.addresses, family_of(source))
    if advert.addresses == ours:
        return ""
    more = [each for each in advert.addresses if each not in ours]
    less = [each for each in ours if each not in advert.addresses]
    parts = []
    if more:
        parts.append(f"peer {source} also advertises {_listed(more)}")
    if less:
        parts.append(f"peer {source} does not advertise {_listed(less)}")
    return "; ".join(parts)


def _other_interval(config: InstanceConfig, advert: Advert, source: IPAddress) -> str:
    if advert.interval_cs == to_centiseconds(config.advert_interval):
        return ""
    theirs, ours = format_duration(advert.interval), format_duration(config.advert_interval)
    return f"peer {source} advertises every {theirs}, we are set to {ours}"


def _listed(addresses: Sequence[IPAddress]) -> str:
    """Some of the addresses: a log line is no place for two hundred."""
    shown = ", ".join(map(str, addresses[:8]))
    rest = len(addresses) - 8
    return f"{shown} and {rest} more" if rest > 0 else shown
