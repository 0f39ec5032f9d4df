"""Advert sockets: VRRP packets in and out, one raw socket for each interface and family.

All sockets stand behind one epoll descriptor, so that the loop watches a single one and a wake-up
asks once which of them have something. What a peer says is the same packet for hours: it is read
once, and the same value is given for it each time.

A processor that has slept reads a packet a quarter of a millisecond after it has arrived. The
kernel notes when that was, for the last packet of a socket: so one question dates all that were
read. It does so by the clock of the wall: one that is set in those few milliseconds dates them
wrong by no more than that.

Sources: ip(7), ipv6(7), raw(7), socket(7), RFC 3542, RFC 9568 §5.1.
"""

from __future__ import annotations

import fcntl
import select
import socket
import struct
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from ipaddress import IPv6Address
from typing import TypeAlias

from vipd.core.model import Channel, Family, IPAddress, family_of
from vipd.core.units import MILLISECOND, SECOND, Duration
from vipd.net.advert_filter import mostly
from vipd.net.bpf import attach, detach
from vipd.wire.datagram import datagram
from vipd.wire.vrrp import GROUP, PROTOCOL, Datagram

_RECEIVE_BYTES = 8_192
"""More than the longest advert takes, which has 255 IPv6 addresses; the rest is cut off."""

_ANCILLARY_BYTES = 128
_BUFFER_BYTES = 1 << 20
_DRAIN_LIMIT = 512
_STRANGERS_BORNE = 1024
"""More packets than this in a second for VRIDs that are nobody's here are a flood."""

_PACKETS_REMEMBERED = 1024
"""As many as a link has virtual routers, twice, and they have successors. More is a flood."""

_CLASS_SELECTOR_6 = 0xC0
"""Network control, as every router marks its VRRP packets. RFC: 4594 §3.1."""

_SIOCGSTAMPNS = 0x80108907
"""SIOCGSTAMPNS_NEW (linux/sockios.h), since Linux 5.1."""

_TIMESPEC = struct.Struct("=qq")
_OLDEST: Duration = 5 * MILLISECOND
"""Little is left unread for longer. What seems to be older may be dated by a clock that was set:
it counts from when it was read."""

_IP_MULTICAST_ALL = 49
_IPV6_MULTICAST_ALL = 29
_IPV6_RECVPKTINFO, _IPV6_PKTINFO = 49, 50
_IPV6_RECVHOPLIMIT, _IPV6_HOPLIMIT = 51, 52


_Packet: TypeAlias = bytes | tuple[bytes, tuple[tuple[int, int, bytes], ...], str]
"""An IPv4 packet; or an IPv6 payload, what the kernel says beside it, and the source."""


class AdvertSocket:
    """One channel: joined to its group, or bound to its source for the peers."""

    def __init__(self, channel: Channel, index: int) -> None:
        self.channel = channel
        self.index = index
        self.family = family_of(channel.source)
        kind = socket.AF_INET if self.family is Family.IPV4 else socket.AF_INET6
        self._socket = socket.socket(kind, socket.SOCK_RAW | socket.SOCK_CLOEXEC, PROTOCOL)
        ipv4 = self.family is Family.IPV4
        self._read: Callable[[], tuple[object, _Packet]] = (
            self._read_ipv4 if ipv4 else self._read_ipv6
        )
        self._known: dict[object, Datagram | None] = {}
        self._destination: IPAddress | None = None
        self._vrids: frozenset[int] = frozenset()
        self._ours: frozenset[bytes] = frozenset()
        self._strangers, self._counts_from, self._filtered = 0, 0, False
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
        if destination is not self._destination:
            self._destination, self._where = destination, self._socket_address(destination)
        self._socket.sendto(payload, self._where)

    def receive(self) -> Iterator[Datagram]:
        """What has arrived, up to a bound, so that a flood cannot keep the loop here."""
        for _ in range(_DRAIN_LIMIT):
            try:
                key, packet = self._read()
            except BlockingIOError:
                return
            except OSError:
                # The interface went away or down; netlink tells that story better.
                return
            try:
                received = self._known[key]
            except KeyError:
                received = self._known[key] = self._look(packet)
            if received is None:
                continue
            if received.payload[1:2] not in self._ours:
                self._note_stranger()
            yield received

    def age(self) -> Duration:
        """How long ago the packet arrived that was read last; 0 where that is not known."""
        try:
            stamp = fcntl.ioctl(self._socket, _SIOCGSTAMPNS, bytes(_TIMESPEC.size))
        except OSError:
            return 0
        seconds, nanoseconds = _TIMESPEC.unpack(stamp)
        age = time.time_ns() - seconds * SECOND - nanoseconds
        return age if 0 <= age <= _OLDEST else 0

    def expect(self, vrids: Collection[int]) -> None:
        """Know which VRIDs are ours."""
        if vrids == self._vrids:
            return
        self._vrids = frozenset(vrids)
        self._ours = frozenset(bytes([vrid]) for vrid in vrids)
        if self._filtered:
            self._filtered = False
            detach(self._socket)

    def _note_stranger(self) -> None:
        """Count what is for nobody here; when it is a flood, leave it to the kernel."""
        self._strangers += 1
        if self._strangers < _STRANGERS_BORNE or self._filtered:
            return
        now = time.monotonic_ns()
        if now - self._counts_from < SECOND:
            with suppress(OSError):  # Who may not have the memory for it goes on to read them all.
                attach(self._socket, mostly(self._vrids, self.family))
                self._filtered = True
        self._strangers, self._counts_from = 0, now

    def _look(self, packet: _Packet) -> Datagram | None:
        """What a packet is; None for what is no advert, or for a channel of the other kind: a
        socket that listens to the whole interface hears that, too."""
        if len(self._known) >= _PACKETS_REMEMBERED:
            self._known.clear()
        received = datagram(packet) if isinstance(packet, bytes) else _ipv6_datagram(*packet)
        if received and received.destination.is_multicast != self.channel.unicast:
            return received
        return None

    def _read_ipv4(self) -> tuple[object, _Packet]:
        """Read a packet, and what it is known by: all but its number, and the sum over that.

        RFC: 791 §3.1 (Identification, Header Checksum).
        """
        packet = self._socket.recv(_RECEIVE_BYTES)
        return packet[:4] + packet[6:10] + packet[12:], packet

    def _read_ipv6(self) -> tuple[object, _Packet]:
        """Read a packet, and what the kernel says beside it."""
        data, ancillary, _, address = self._socket.recvmsg(_RECEIVE_BYTES, _ANCILLARY_BYTES)
        packet = (data, tuple(ancillary), address[0])
        return packet, packet

    def _socket_address(self, address: IPAddress) -> tuple[str, int] | tuple[str, int, int, int]:
        if self.family is Family.IPV4:
            return (str(address), 0)
        return (str(address), 0, 0, self.index if address.is_link_local else 0)

    def _configure(self) -> None:
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        self.age()  # The kernel notes it from the first question on.
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
        self._channel: Channel | None = None
        self._sender: AdvertSocket | None = None
        self.age: Duration = 0
        """How long ago the newest of all that was drained last has arrived."""

    def fileno(self) -> int:
        """Readable when `drain` has something to say."""
        return self._ready.fileno()

    def close(self) -> None:
        """Leave every group."""
        self.retain({})
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
        self._channel = None

    def retain(self, vrids: Mapping[Channel, Collection[int]]) -> None:
        """Close every other channel. On these, the adverts of these VRIDs are ours."""
        for channel in self._sockets.keys() - vrids.keys():
            self._close(channel)
        for channel, opened in self._sockets.items():
            opened.expect(vrids[channel])

    def send(self, channel: Channel, destination: IPAddress, payload: bytes) -> None:
        """Send one advert.

        Raises: OSError, when it did not leave this host.
        """
        if channel is not self._channel:
            self._channel, self._sender = channel, self._sockets.get(channel)
        if self._sender:
            self._sender.send(destination, payload)

    def drain(self) -> Iterator[tuple[str, Datagram]]:
        """Everything that has arrived, with the interface that it came in by.

        Order: IPv4 first, because the first family of an instance decides between equals.
        """
        ready = [self._by_descriptor[descriptor] for descriptor, _ in self._ready.poll(0)]
        for one in sorted(ready, key=lambda one: one.family):
            for received in one.receive():
                yield one.channel.interface, received
        self.age = min((one.age() for one in ready), default=0)

    def _close(self, channel: Channel) -> None:
        self._channel = None
        if old := self._sockets.pop(channel, None):
            self._ready.unregister(old.fileno())
            del self._by_descriptor[old.fileno()]
            old.close()


def _ipv6_datagram(
    payload: bytes, ancillary: Sequence[tuple[int, int, bytes]], source: str
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
