"""Hello sockets: readiness hellos in and out, one UDP socket for each channel of the adverts.

A socket for the group is bound to it and to its interface, so that it hears nothing else. All stand
behind one epoll descriptor. Nobody has to tell when an interface has come back under its name:
whoever sends opens first, and that looks. What can wait here is bounded, and so is what one `drain`
takes: under a flood the kernel throws away what is too much, which costs this process nothing.
Sources: ip(7), ipv6(7), udp(7), RFC 3542.
"""

from __future__ import annotations

import select
import socket
import struct
from collections import deque
from collections.abc import Collection, Iterator
from ipaddress import ip_address

from vipd.core.model import Channel, Family, IPAddress, family_of
from vipd.wire.hello import LONGEST_DATAGRAM, PORT
from vipd.wire.vrrp import GROUP, Datagram

DRAIN_LIMIT = 64
"""A millisecond of work, which no advert notices, and the hellos of many hosts."""

_BUFFER_BYTES = 1 << 18
_LEVELS = {Family.IPV4: socket.IPPROTO_IP, Family.IPV6: socket.IPPROTO_IPV6}
_IP_RECVTTL, _IP_TTL = 12, 2
_IP_MULTICAST_ALL = 49
_IPV6_MULTICAST_ALL = 29
_IPV6_PKTINFO = 50
_IPV6_RECVHOPLIMIT, _IPV6_HOPLIMIT = 51, 52
_TTL_OF = {Family.IPV4: _IP_TTL, Family.IPV6: _IPV6_HOPLIMIT}


class HelloSocket:
    """One channel: joined to its group, or bound to its source for the peers."""

    def __init__(self, channel: Channel, index: int, port: int) -> None:
        self.channel = channel
        self.index = index
        self._port = port
        self._family = family_of(channel.source)
        self._level = _LEVELS[self._family]
        self._here = channel.source if channel.unicast else GROUP[self._family]
        kind = socket.AF_INET if self._family is Family.IPV4 else socket.AF_INET6
        self._socket = socket.socket(kind, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
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
        """Send one hello. Raises: OSError, when it did not leave this host."""
        self._socket.sendto(payload, self._socket_address(destination))

    def receive(self) -> Datagram | None:
        """The next that has arrived; None when there is none."""
        try:
            # A byte more than there may be, so that what is too long is seen to be.
            data, ancillary, _, address = self._socket.recvmsg(LONGEST_DATAGRAM + 1, 64)
        except OSError:
            # Nothing waits any more, or the interface went away or down.
            return None
        ttl = next((said for _, kind, said in ancillary if kind == _TTL_OF[self._family]), b"")
        return Datagram(
            payload=data,
            source=ip_address(address[0].partition("%")[0]),
            destination=self._here,
            ttl=int.from_bytes(ttl, "little"),
        )

    def _socket_address(self, address: IPAddress) -> tuple[str, int] | tuple[str, int, int, int]:
        if self._family is Family.IPV4:
            return (str(address), self._port)
        near = address.is_link_local or address.is_multicast
        return (str(address), self._port, 0, self.index if near else 0)

    def _configure(self) -> None:
        sock = self._socket
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        # Every agent of this network namespace hears the group.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if self._family is Family.IPV4:
            sock.setsockopt(self._level, _IP_RECVTTL, 1)
            sock.setsockopt(self._level, socket.IP_TTL, self.channel.ttl)
        else:
            sock.setsockopt(self._level, socket.IPV6_V6ONLY, 1)
            sock.setsockopt(self._level, _IPV6_RECVHOPLIMIT, 1)
            sock.setsockopt(self._level, socket.IPV6_UNICAST_HOPS, self.channel.ttl)
        if not self.channel.unicast:
            self._join()
        sock.bind(self._socket_address(self._here))

    def _join(self) -> None:
        """Speak to the group by our interface, and listen to nothing else."""
        name = self.channel.interface.encode()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, name)
        if self._family is Family.IPV4:
            self._join_ipv4()
        else:
            self._join_ipv6()

    def _join_ipv4(self) -> None:
        sock = self._socket
        # struct ip_mreqn: the address makes the hellos come from our source, as the adverts do.
        sender = struct.pack("=4s4si", bytes(4), self.channel.source.packed, self.index)
        sock.setsockopt(self._level, socket.IP_MULTICAST_IF, sender)
        sock.setsockopt(self._level, socket.IP_MULTICAST_TTL, self.channel.ttl)
        sock.setsockopt(self._level, socket.IP_MULTICAST_LOOP, 0)
        sock.setsockopt(self._level, _IP_MULTICAST_ALL, 0)
        membership = struct.pack("=4s4si", self._here.packed, bytes(4), self.index)
        sock.setsockopt(self._level, socket.IP_ADD_MEMBERSHIP, membership)

    def _join_ipv6(self) -> None:
        sock = self._socket
        # struct in6_pktinfo, sticky: the source of everything that is sent (RFC 3542 §6.2).
        sender = struct.pack("=16si", self.channel.source.packed, self.index)
        sock.setsockopt(self._level, _IPV6_PKTINFO, sender)
        sock.setsockopt(self._level, socket.IPV6_MULTICAST_IF, self.index)
        sock.setsockopt(self._level, socket.IPV6_MULTICAST_HOPS, self.channel.ttl)
        sock.setsockopt(self._level, socket.IPV6_MULTICAST_LOOP, 0)
        sock.setsockopt(self._level, _IPV6_MULTICAST_ALL, 0)
        membership = struct.pack("=16si", self._here.packed, self.index)
        sock.setsockopt(self._level, socket.IPV6_JOIN_GROUP, membership)


class HelloSockets:
    """Every hello socket of the agent."""

    def __init__(self, port: int = PORT) -> None:
        self._port = port
        self._sockets: dict[Channel, HelloSocket] = {}
        self._by_descriptor: dict[int, HelloSocket] = {}
        self._ready = select.epoll()

    def fileno(self) -> int:
        """Readable when `drain` has something to say."""
        return self._ready.fileno()

    def close(self) -> None:
        """Leave every group."""
        self.retain(())
        self._ready.close()

    def open(self, channel: Channel) -> None:
        """Listen and be ready to send, on the interface that has the name now.

        Raises: OSError, when there is no such interface, or the kernel does not let us.
        """
        old = self._sockets.get(channel)
        try:
            index = socket.if_nametoindex(channel.interface)
        except OSError:
            self._close(channel)
            raise
        if old and old.index == index:
            return
        self._close(channel)
        opened = HelloSocket(channel, index, self._port)
        self._sockets[channel] = self._by_descriptor[opened.fileno()] = opened
        self._ready.register(opened.fileno(), select.EPOLLIN)

    def retain(self, channels: Collection[Channel]) -> None:
        """Close every other channel."""
        for channel in self._sockets.keys() - set(channels):
            self._close(channel)

    def send(self, channel: Channel, destination: IPAddress, payload: bytes) -> None:
        """Send one hello. Raises: OSError, when it did not leave this host."""
        if sender := self._sockets.get(channel):
            sender.send(destination, payload)

    def drain(self) -> Iterator[tuple[Channel, Datagram]]:
        """What has arrived, up to a bound, and the channels that it came by.

        Order: the channels take turns, so that a flood on one link makes no other link deaf.
        """
        ready = deque(self._by_descriptor[descriptor] for descriptor, _ in self._ready.poll(0))
        for _ in range(DRAIN_LIMIT):
            if not ready:
                return
            one = ready.popleft()
            if received := one.receive():
                ready.append(one)
                yield one.channel, received

    def _close(self, channel: Channel) -> None:
        if old := self._sockets.pop(channel, None):
            self._ready.unregister(old.fileno())
            del self._by_descriptor[old.fileno()]
            old.close()
