"""What travels on the link of a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from vipd.core.actions import SendAdvert
from vipd.core.config import InstanceConfig
from vipd.core.events import AdvertReceived
from vipd.core.model import Advert, IPAddress, LinkFacts
from vipd.core.units import to_centiseconds
from vipd.wire.vrrp import GROUP, REQUIRED_TTL, Datagram, advertised, decode, encode


@dataclass(frozen=True, slots=True)
class Spoken:
    """An advert in one family, through the codec and back: what whoever hears it takes in."""

    event: AdvertReceived


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """Gratuitous ARP, or an unsolicited neighbor advertisement."""

    addresses: tuple[IPAddress, ...]
    mac: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """An ARP probe, or a neighbor solicitation; `asker` is the index of a node."""

    addresses: tuple[IPAddress, ...]
    asker: int


Packet: TypeAlias = Spoken | Announced | Asked


def compile_adverts(
    config: InstanceConfig, link: LinkFacts, action: SendAdvert
) -> Iterator[Spoken]:
    """Write one advert in the families it is for, and read it again."""
    for family in action.among(config.families):
        source, destination = link.source(family), GROUP[family]
        assert source is not None, "whoever speaks has a source in each family"
        advert = Advert(
            version=config.version,
            vrid=config.vrid,
            priority=action.priority,
            interval_cs=to_centiseconds(config.advert_interval),
            addresses=advertised(config.addresses, family),
            checksum=action.checksum,
        )
        payload = encode(advert, source=source, destination=destination)
        datagram = Datagram(
            payload=payload, source=source, destination=destination, ttl=REQUIRED_TTL
        )
        heard = decode(datagram)
        assert isinstance(heard, Advert), f"an advert of this cluster is refused: {heard}"
        yield Spoken(AdvertReceived(advert=heard, source=source))
