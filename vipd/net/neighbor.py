"""Neighbors: who else on a link has our addresses, overheard or asked for.

Theory of operation. Gratuitous ARP, ARP requests and replies all claim their sender's address; so
does a Neighbor Advertisement its target. A filter in the kernel lets through those alone that claim
a watched address for a MAC address which is none of ours, and what it lets through is judged again
here, exactly. It compares one address after the other, which costs only ARP and advertisements
anything. Where the kernel has no memory for so long a filter, every claim comes through.

A probe asks the link who has an address, and what answers is a claim. It comes from no address, so
it leaves no trace in caches. Linux answers at once: an ARP probe to us alone, and this form of
Neighbor Solicitation to all nodes. Neither needs us to join a multicast group: the one is unicast,
of the other every interface is a member that has IPv6.

Sources: RFC 5227, RFC 4861, RFC 4862 §5.4, packet(7).
"""

from __future__ import annotations

import socket
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from vipd.core.model import IPAddress
from vipd.net.bpf import (
    DROP,
    Line,
    assemble,
    jump_if_at_least,
    jump_if_one_of,
    jump_unless_equal,
    keep,
    load,
)
from vipd.net.link import Links
from vipd.net.outlet import Outlets
from vipd.net.packet import FOR_US, PacketSockets
from vipd.wire import arp, ndp
from vipd.wire.claim import Claim
from vipd.wire.ethernet import HEADER_BYTES, MAC_BYTES

_LIMIT: Final = 64
"""Claims of one kind and interface that are read at a time; there are two for each address when
somebody takes over, and they wait."""

_LONGEST: Final = 512
"""What is read of a frame; the options of an advertisement are done by then. Units: bytes."""

_ARP_SENDER_MAC: Final = HEADER_BYTES + 8
_ARP_SENDER: Final = HEADER_BYTES + 14
_IPV6_LENGTH: Final = HEADER_BYTES + 4
_IPV6_NEXT_HEADER: Final = HEADER_BYTES + 6
_ICMP: Final = HEADER_BYTES + 40
_TARGET: Final = _ICMP + 8
_OPTION: Final = _ICMP + 24
_WITH_OPTION_BYTES: Final = 32


class _Watch:
    """What is watched on an interface, and the filters for it by ethertype."""

    def __init__(self, addresses: frozenset[IPAddress], own_macs: frozenset[bytes]) -> None:
        self.addresses = addresses
        self.own_macs = own_macs
        macs = [mac for mac in own_macs if len(mac) == MAC_BYTES]
        ipv4 = [one.packed for one in addresses if isinstance(one, IPv4Address)]
        ipv6 = [one.packed for one in addresses if isinstance(one, IPv6Address)]
        # The second of each lets every claim through, for where the first is too large.
        self.programs: dict[int, tuple[bytes, bytes]] = {}
        if ipv4:
            self.programs[arp.ETHERTYPE] = (_arp_filter(ipv4, macs), _arp_filter((), macs))
        if ipv6:
            self.programs[ndp.ETHERTYPE] = (_ndp_filter(ipv6, macs), _ndp_filter((), macs))

    def concerns(self, claim: Claim) -> bool:
        """Whether somebody else has a watched address."""
        return claim.address in self.addresses and claim.mac not in self.own_macs


class Neighbors:
    """Overhears who claims our addresses, and asks who has them."""

    def __init__(self, links: Links) -> None:
        self._links = links
        self._watched: dict[str, _Watch] = {}
        self._sockets = PacketSockets(links, socket.SOCK_RAW, limit=_LIMIT)
        self._outlets = Outlets(links)

    def fileno(self) -> int:
        """Readable when `drain` has something to say."""
        return self._sockets.fileno()

    def close(self) -> None:
        """Stop watching."""
        self._sockets.close()
        self._outlets.close()

    def watch(
        self, interface: str, addresses: Collection[IPAddress], own_macs: Collection[bytes]
    ) -> None:
        """Watch these addresses on an interface, and no others; none ends it.

        `own_macs` are those that the addresses are at while they are here. To watch what is
        watched already changes nothing.

        Raises: OSError, when the kernel does not let us.
        """
        wanted = frozenset(addresses), frozenset(own_macs)
        watch = self._watched.get(interface)
        if watch is None or (watch.addresses, watch.own_macs) != wanted:
            watch = self._watched[interface] = _Watch(*wanted)
        if not addresses:
            del self._watched[interface]
        self._sockets.retain(
            {(name, kind) for name, each in self._watched.items() for kind in each.programs}
        )
        for kind, programs in watch.programs.items():
            self._sockets.listen((interface, kind), *programs)

    def probe(self, interface: str, addresses: Sequence[IPAddress]) -> None:
        """Ask the link who has these addresses, once each.

        Why: What cannot be asked counts as not answered; it must not keep anybody from taking over.
        """
        link = self._links.find(interface)
        if link is None or len(link.seen.mac) != MAC_BYTES:
            return
        with suppress(OSError):
            self._outlets.send(interface, [_question(link.seen.mac, one) for one in addresses])

    def drain(self) -> list[tuple[str, IPAddress, bytes]]:
        """Who has claimed a watched address: interface, address, MAC; the same only once."""
        return list(dict.fromkeys(self._claims()))

    def _claims(self) -> Iterator[tuple[str, IPAddress, bytes]]:
        for interface, frame in self._sockets.receive():
            claim = arp.claim(frame) or ndp.claim(frame)
            if claim and self._watched[interface].concerns(claim):
                yield interface, claim.address, claim.mac


def _question(mac: bytes, address: IPAddress) -> bytes:
    if isinstance(address, IPv4Address):
        return arp.probe(mac, address)
    return ndp.solicitation(mac, address)


def _arp_filter(addresses: Collection[bytes], macs: Collection[bytes]) -> bytes:
    """ARP whose sender is one of these addresses, or any without them, at none of these MACs."""
    return assemble(
        *FOR_US,
        *_only(addresses, _ARP_SENDER),
        *jump_if_one_of(macs, _ARP_SENDER_MAC, "drop"),
        keep(_LONGEST),
        "drop",
        DROP,
    )


def _ndp_filter(addresses: Collection[bytes], macs: Collection[bytes]) -> bytes:
    """Neighbor Advertisements of one of these addresses, or any without them.

    The MAC address is looked at where it stands always, right after the target. Where there is
    another option, or none, the judgement is left to who can read options.
    """
    return assemble(
        *FOR_US,
        load(1, _IPV6_NEXT_HEADER),
        jump_unless_equal(ndp.PROTOCOL, "drop"),
        load(1, _ICMP),
        jump_unless_equal(ndp.ADVERTISEMENT, "drop"),
        *_only(addresses, _TARGET),
        load(2, _IPV6_LENGTH),
        jump_if_at_least(_WITH_OPTION_BYTES, "option"),
        keep(_LONGEST),
        "option",
        load(1, _OPTION),
        jump_unless_equal(ndp.TARGET_LINK_LAYER_ADDRESS, "keep"),
        *jump_if_one_of(macs, _OPTION + 2, "drop"),
        "keep",
        keep(_LONGEST),
        "drop",
        DROP,
    )


def _only(values: Collection[bytes], at: int) -> Iterator[Line]:
    """Go on if one of these values stands there, or if there are none."""
    if values:
        yield from jump_if_one_of(values, at, "known")
        yield DROP
        yield "known"
