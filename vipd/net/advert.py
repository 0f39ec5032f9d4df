"""Advert sockets: VRRP packets in and out, one raw socket for each interface and family.

All sockets stand behind one epoll descriptor, so that the loop watches a single one and a wake-up
asks once which of them have something. Sources: ip(7), ipv6(7), raw(7), RFC 3542, RFC 9568 §5.1.
"""

from __future__ import annotations

import select
import socket
import struct
from collections.abc import Collection, Iterator
from ipaddress import IPv6Address

from vipd.core.model import Channel, Family, IPAddress, family_of
from vipd.wire.datagram import datagram
from vipd.wire.vrrp import GROUP, PROTOCOL, Datagram

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
    """One channel: joined to its group, or bound to its source for the peers."""

    def __init__(self, channel: Channel, index: int) -> None:
        self.channel = channel
        self.index = index
        self.family = family_of(channel.source)
        kind = socket.AF_INET if self.family is Family.IPV4 else socket.AF_INET6
        self._socket = socket.socket(kind, socket.SOCK_RAW | socket.SOCK_CLOEXEC, PROTOCOL)
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

    def send(self, destination: IPAddress, payload: bytes) -> None:
        """Send one advert.

        Raises: OSError, when the kernel or a local firewall does not let it out.
        """
        self._socket.sendto(payload, self._socket_address(destination))

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
            received = (
                datagram(data)
                if self.family is Family.IPV4
                else _ipv6_datagram(data, ancillary, address[0])
            )
            # A socket that listens to the whole interface hears what is for the other kind, too.
            if received and received.destination.is_multicast != self.channel.unicast:
                yield received

    def _socket_address(self, address: IPAddress) -> tuple[str, int] | tuple[str, int, int, int]:
        if self.family is Family.IPV4:
            return (str(address), 0)
        return (str(address), 0, 0, self.index if address.is_link_local else 0)

    def _configure(self) -> None:
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        if self.family is Family.IPV4:
            self._configure_ipv4()
        else:
            self._configure_ipv6()
        if self.channel.unicast:
            self._socket.bind(self._socket_address(self.channel.source))
        else:
            self._join()

    def _configure_ipv4(self) -> None:
        sock, level = self._socket, socket.IPPROTO_IP
        sock.setsockopt(level, socket.IP_TOS, _CLASS_SELECTOR_6)
        sock.setsockopt(level, socket.IP_TTL, self.channel.ttl)
        sock.setsockopt(level, _IP_MULTICAST_ALL, 0)

    def _configure_ipv6(self) -> None:
        sock, level = self._socket, socket.IPPROTO_IPV6
        sock.setsockopt(level, socket.IPV6_TCLASS, _CLASS_SELECTOR_6)
        sock.setsockopt(level, socket.IPV6_UNICAST_HOPS, self.channel.ttl)
        sock.setsockopt(level, _IPV6_MULTICAST_ALL, 0)
        sock.setsockopt(level, _IPV6_RECVHOPLIMIT, 1)
        sock.setsockopt(level, _IPV6_RECVPKTINFO, 1)

    def _join(self) -> None:
        """Listen to the group on our interface, and to nothing else."""
        name = self.channel.interface.encode()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, name)
        if self.family is Family.IPV4:
            self._join_ipv4()
        else:
            self._join_ipv6()

    def _join_ipv4(self) -> None:
        sock, level = self._socket, socket.IPPROTO_IP
        # struct ip_mreqn: the address makes the packets come from our source, whatever the
        # kernel would choose; virtual IPs are on the same interface.
        sender = struct.pack("=4s4si", bytes(4), self.channel.source.packed, self.index)
        sock.setsockopt(level, socket.IP_MULTICAST_IF, sender)
        sock.setsockopt(level, socket.IP_MULTICAST_TTL, self.channel.ttl)
        sock.setsockopt(level, socket.IP_MULTICAST_LOOP, 0)
        group = GROUP[Family.IPV4].packed
        membership = struct.pack("=4s4si", group, bytes(4), self.index)
        sock.setsockopt(level, socket.IP_ADD_MEMBERSHIP, membership)

    def _join_ipv6(self) -> None:
        sock, level = self._socket, socket.IPPROTO_IPV6
        # struct in6_pktinfo, sticky: the source of everything that is sent (RFC 3542 §6.2).
        sender = struct.pack("=16si", self.channel.source.packed, self.index)
        sock.setsockopt(level, _IPV6_PKTINFO, sender)
        sock.setsockopt(level, socket.IPV6_MULTICAST_IF, self.index)
        sock.setsockopt(level, socket.IPV6_MULTICAST_HOPS, self.channel.ttl)
        sock.setsockopt(level, socket.IPV6_MULTICAST_LOOP, 0)
        membership = struct.pack("=16si", GROUP[Family.IPV6].packed, self.index)
        sock.setsockopt(level, socket.IPV6_JOIN_GROUP, membership)


class AdvertSockets:
    """Every advert socket of the agent."""

    def __init__(self) -> None:
        self._sockets: dict[Channel, AdvertSocket] = {}
        self._by_descriptor: dict[int, AdvertSocket] = {}
        self._ready = select.epoll()

    def fileno(self) -> int:
        """Readable when `drain` has something to say."""
        return self._ready.fileno()

    def close(self) -> None:
        """Leave every group."""
        self.retain(())
        self._ready.close()

    def open(self, channel: Channel, index: int) -> None:
        """Listen and be ready to send; a channel that is open already is left alone.

        Raises: OSError, when the kernel does not let us.
        """
        old = self._sockets.get(channel)
        if old and old.index == index:
            return
        self._close(channel)
        opened = AdvertSocket(channel, index)
        self._sockets[channel] = self._by_descriptor[opened.fileno()] = opened
        self._ready.register(opened.fileno(), select.EPOLLIN)

    def retain(self, channels: Collection[Channel]) -> None:
        """Close every other channel."""
        for channel in self._sockets.keys() - set(channels):
            self._close(channel)

    def send(self, channel: Channel, destination: IPAddress, payload: bytes) -> None:
        """Send one advert.

        Raises: OSError, when it did not leave this host.
        """
        if sender := self._sockets.get(channel):
            sender.send(destination, payload)

    def drain(self) -> Iterator[tuple[str, Datagram]]:
        """Everything that has arrived, with the interface that it came in by.

        Order: IPv4 first, because the first family of an instance decides between equals.
        """
        ready = [self._by_descriptor[descriptor] for descriptor, _ in self._ready.poll(0)]
        for one in sorted(ready, key=lambda one: one.family):
            for received in one.receive():
                yield one.channel.interface, received

    def _close(self, channel: Channel) -> None:
        if old := self._sockets.pop(channel, None):
            self._ready.unregister(old.fileno())
            del self._by_descriptor[old.fileno()]
            old.close()


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
