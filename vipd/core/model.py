"""The values that the core speaks of. All are frozen; none knows how it was obtained."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, IntEnum
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from typing import NamedTuple, TypeAlias

from vipd.core.units import Duration, Instant, from_centiseconds

IPAddress: TypeAlias = IPv4Address | IPv6Address
"""An address without a prefix, as adverts carry it."""

Vip: TypeAlias = IPv4Interface | IPv6Interface
"""A virtual IP: an address with the prefix length it is installed with."""

OWNER_PRIORITY = 255
"""The priority of the address owner. RFC: 9568 §5.2.4."""

RELEASE_PRIORITY = 0
"""The priority by which a MASTER says that it stops. RFC: 9568 §5.2.4."""


class State(Enum):
    """What an instance is. The same four words stand in the code, the CLI, the log and the JSON."""

    INIT = "INIT"
    BACKUP = "BACKUP"
    MASTER = "MASTER"
    FAULT = "FAULT"


class Family(IntEnum):
    """An address family; its value is the IP version."""

    IPV4 = 4
    IPV6 = 6


class ChecksumForm(Enum):
    """What the checksum of a VRRPv3 advert over IPv4 covers; over IPv6 it is always the second.

    RFC: 9568 §5.2.8 took the pseudo-header out of the IPv4 sum that RFC 5798 §5.2.8 had put in.
    """

    MESSAGE = "rfc9568"
    PSEUDO_HEADER = "rfc5798"


@dataclass(frozen=True, slots=True, kw_only=True)
class Advert:
    """One VRRP advert, as sent or as accepted.

    Units: `interval_cs` is in centiseconds, as on the wire.
    RFC: 9568 §5.2.
    """

    version: int
    vrid: int
    priority: int
    interval_cs: int
    addresses: tuple[IPAddress, ...]
    checksum: ChecksumForm

    @property
    def interval(self) -> Duration:
        """The sender's interval between two adverts."""
        return from_centiseconds(self.interval_cs)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkFacts:
    """What the kernel says of an interface, as far as an election depends on it.

    `ipv4` and `ipv6` are the addresses that adverts can be sent from: the primary IPv4 address
    and the IPv6 link-local address that is past duplicate detection; never a virtual IP, unless
    this router owns it. `obstacle` is a reason of the environment why adverts cannot pass here.
    `mac` is what the addresses are announced at; `carriers` is how often the carrier has come or
    gone: a link that was away for a moment is known by it.
    Units: `mtu` is in bytes.
    """

    name: str
    exists: bool
    up: bool = False
    carrier: bool = False
    mtu: int = 0
    ipv4: IPv4Address | None = None
    ipv6: IPv6Address | None = None
    obstacle: str | None = None
    mac: bytes = b""
    carriers: int = 0

    def source(self, family: Family) -> IPAddress | None:
        """The address that this router's adverts of one family come from."""
        return self.ipv4 if family is Family.IPV4 else self.ipv6

    @property
    def announced_by(self) -> tuple[bytes, int]:
        """What neighbours and switches must learn anew when it is another."""
        return self.mac, self.carriers

    def with_source(self, source: IPAddress) -> LinkFacts:
        """The same facts, with adverts of one family from another address."""
        if isinstance(source, IPv4Address):
            return replace(self, ipv4=source)
        return replace(self, ipv6=source)


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A way for adverts: from one source, to the multicast group of its family or to peers."""

    interface: str
    source: IPAddress
    ttl: int = 255
    unicast: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a virtual router wants on an interface: its addresses, for as long as the lease lasts.

    `owner` says that this host owns the addresses. Units: a lease of 0 has no end.
    """

    interface: str
    vrid: int
    addresses: tuple[Vip, ...]
    lease: Duration
    owner: bool = False


_FAMILIES: dict[type, Family] = {
    IPv4Address: Family.IPV4,
    IPv4Interface: Family.IPV4,
    IPv6Address: Family.IPV6,
    IPv6Interface: Family.IPV6,
}
"""Why by class: it is asked for each advert, and `address.version` takes twice as long."""


class Heard(NamedTuple):
    """The last valid advert of another router: who sent it, how strong it is, when it came.

    Why a tuple: one is made for each advert.
    """

    address: IPAddress
    priority: int
    at: Instant


def family_of(address: IPAddress | Vip) -> Family:
    """The family of an address."""
    return _FAMILIES[type(address)]
