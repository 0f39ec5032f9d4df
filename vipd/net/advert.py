"""Advert sockets: VRRP packets in and out, one raw socket for each interface and family.

All sockets stand behind one epoll descriptor, so that the loop watches a single one and a wake-up
asks once which of them have something. Sources: ip(7), ipv6(7), raw(7), RFC 3542, RFC 9568 §5.1.
"""

from __future__ import annotations

import select
import socket
import struct
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address

from vipd.core.model import Family, IPAddress, family_of
from vipd.wire.vrrp import GROUP, PROTOCOL, REQUIRED_TTL, Datagram

_RECEIVE_BYTES = 65_535
_BUFFER_BYTES = 1 << 20
_DRAIN_LIMIT = 512
_CLASS_SELECTOR_6 = 0xC0
"""Network control, as every router marks its VRRP packets. RFC: 4594 §3.1."""

_IP_MULTICAST_ALL = 49
_IPV6_MULTICAST_ALL = 29
_IPV6_RECVPKTINFO, _IPV6_PKTINFO = 49, 50
_IPV6_RECVHOPLIMIT, _IPV6_HOPLIMIT = 51, 52


class AdvertSocket:
    """One interface, one family: joined to its VRRP group, sending from one source."""

    def __init__(self, interface: str, index: int, source: IPAddress) -> None:
        self.interface = interface
        self.index = index
        self.source = source
        self.family = family_of(source)
        kind = socket.AF_INET if self.family is Family.IPV4 else socket.AF_INET6
        self._socket = socket.socket(kind, socket.SOCK_RAW | socket.SOCK_CLOEXEC, PROTOCOL)
        self._destination = (str(GROUP[self.family]), 0)
        try:
            self._configure()
        except OSError:
            self._socket.close()
            raise

    def fileno(self) -> int:
        """Readable when `receive` has something to say."""
        return self._socket.fileno()

    def close(self) -> None:
        """Leave the group."""
        self._socket.close()

    def send(self, payload: bytes) -> None:
        """Send one advert to the group.

        Raises: OSError, when the kernel or a local firewall does not let it out.
        """
        self._socket.sendto(payload, self._destination)

    def receive(self) -> Iterator[Datagram]:
        """What has arrived, up to a bound, so that a flood cannot keep the loop here."""
        for _ in range(_DRAIN_LIMIT):
            try:
                data, ancillary, _, address = self._socket.recvmsg(_RECEIVE_BYTES, 128)
            except BlockingIOError:
                return
            except OSError:
                # The interface went away or down; netlink tells that story better.
                return
            datagram = (
                _ipv4_datagram(data)
                if self.family is Family.IPV4
                else _ipv6_datagram(data, ancillary, address[0])
            )
            if datagram:
                yield datagram

    def _configure(self) -> None:
        sock = self._socket
        sock.setblocking(False)
        name = self.interface.encode()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, name)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        if self.family is Family.IPV4:
            self._configure_ipv4()
        else:
            self._configure_ipv6()

    def _configure_ipv4(self) -> None:
        sock, level = self._socket, socket.IPPROTO_IP
        group = GROUP[Family.IPV4].packed
        # struct ip_mreqn: the address makes the packets come from our source, whatever the
        # kernel would choose; virtual IPs are on the same interface.
        sender = struct.pack("=4s4si", bytes(4), self.source.packed, self.index)
        sock.setsockopt(level, socket.IP_MULTICAST_IF, sender)
        sock.setsockopt(level, socket.IP_MULTICAST_TTL, REQUIRED_TTL)
        sock.setsockopt(level, socket.IP_MULTICAST_LOOP, 0)
        sock.setsockopt(level, _IP_MULTICAST_ALL, 0)
        sock.setsockopt(level, socket.IP_TOS, _CLASS_SELECTOR_6)
        membership = struct.pack("=4s4si", group, bytes(4), self.index)
        sock.setsockopt(level, socket.IP_ADD_MEMBERSHIP, membership)

    def _configure_ipv6(self) -> None:
        sock, level = self._socket, socket.IPPROTO_IPV6
        group = GROUP[Family.IPV6].packed
        sock.setsockopt(level, socket.IPV6_MULTICAST_IF, self.index)
        sock.setsockopt(level, socket.IPV6_MULTICAST_HOPS, REQUIRED_TTL)
        sock.setsockopt(level, socket.IPV6_MULTICAST_LOOP, 0)
        sock.setsockopt(level, _IPV6_MULTICAST_ALL, 0)
        sock.setsockopt(level, socket.IPV6_TCLASS, _CLASS_SELECTOR_6)
        sock.setsockopt(level, _IPV6_RECVHOPLIMIT, 1)
        sock.setsockopt(level, _IPV6_RECVPKTINFO, 1)
        # struct in6_pktinfo, sticky: the source of everything that is sent (RFC 3542 §6.2).
        sender = struct.pack("=16si", self.source.packed, self.index)
        sock.setsockopt(level, _IPV6_PKTINFO, sender)
        membership = struct.pack("=16si", group, self.index)
        sock.setsockopt(level, socket.IPV6_JOIN_GROUP, membership)


class AdvertSockets:
    """Every advert socket of the agent."""

    def __init__(self) -> None:
        self._sockets: dict[tuple[str, Family], AdvertSocket] = {}
        self._by_descriptor: dict[int, AdvertSocket] = {}
        self._ready = select.epoll()

    def fileno(self) -> int:
        """Readable when `drain` has something to say."""
        return self._ready.fileno()

    def close(self) -> None:
        """Leave every group."""
        for interface, family in list(self._sockets):
            self.detach(interface, family)
        self._ready.close()

    def attach(self, interface: str, index: int, source: IPAddress) -> None:
        """Listen on an interface and send from a source; as it is already, nothing happens.

        Raises: OSError, when the kernel does not let us.
        """
        key = (interface, family_of(source))
        old = self._sockets.get(key)
        if old and (old.index, old.source) == (index, source):
            return
        self.detach(*key)
        opened = AdvertSocket(interface, index, source)
        self._sockets[key] = self._by_descriptor[opened.fileno()] = opened
        self._ready.register(opened.fileno(), select.EPOLLIN)

    def detach(self, interface: str, family: Family) -> None:
        """Stop listening on an interface."""
        if old := self._sockets.pop((interface, family), None):
            self._ready.unregister(old.fileno())
            del self._by_descriptor[old.fileno()]
            old.close()

    def send(self, interface: str, family: Family, payload: bytes) -> None:
        """Send one advert.

        Raises: OSError, when it did not leave this host.
        """
        if sender := self._sockets.get((interface, family)):
            sender.send(payload)

    def drain(self) -> Iterator[tuple[str, Datagram]]:
        """Everything that has arrived, with the interface that it came in by."""
        for descriptor, _ in self._ready.poll(0):
            if ready := self._by_descriptor.get(descriptor):
                for datagram in ready.receive():
                    yield ready.interface, datagram


def _ipv4_datagram(packet: bytes) -> Datagram | None:
    """Take the IPv4 header off, which raw sockets deliver. RFC: 791 §3.1."""
    header = (packet[0] & 0x0F) * 4 if packet else 0
    total = int.from_bytes(packet[2:4], "big")
    if not 20 <= header <= total <= len(packet):
        return None
    return Datagram(
        payload=packet[header:total],
        source=IPv4Address(packet[12:16]),
        destination=IPv4Address(packet[16:20]),
        ttl=packet[8],
    )


def _ipv6_datagram(
    payload: bytes, ancillary: list[tuple[int, int, bytes]], source: str
) -> Datagram | None:
    """Put together what the kernel says beside the payload. RFC: 3542 §6."""
    said = {kind: data for level, kind, data in ancillary if level == socket.IPPROTO_IPV6}
    if _IPV6_HOPLIMIT not in said or _IPV6_PKTINFO not in said:
        return None
    return Datagram(
        payload=payload,
        source=IPv6Address(source.partition("%")[0]),
        destination=IPv6Address(said[_IPV6_PKTINFO][:16]),
        ttl=int.from_bytes(said[_IPV6_HOPLIMIT], "little"),
    )
