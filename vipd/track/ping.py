"""Whether an address answers an echo request.

Theory of operation. The kernel has echo sockets for everybody whose group `net.ipv4.
ping_group_range` contains; where it refuses one, a raw socket is tried, which takes CAP_NET_RAW.
Either is connected, so it hears that address alone. The answer must repeat the number and the
random bytes of this very request; the kernel may have changed the identifier. What a router says
instead of an answer comes back as an error of the socket.

Sources: icmp(7), raw(7); RFC 792, RFC 4443 §4.
"""

from __future__ import annotations

import os
import socket
import struct
from itertools import count
from typing import Final

from vipd.core.config import TrackerConfig
from vipd.track.connection import Dialogue, Finding
from vipd.track.outcome import Tracker
from vipd.track.polling import Polling
from vipd.track.resolve import Address, numeric
from vipd.track.target import Endpoint, Option, Target
from vipd.wire.checksum import checksum, word_sum

_ECHO: Final = struct.Struct("!BBHHH")
_TOKEN_BYTES: Final = 16
_REQUEST: Final[dict[int, int]] = {socket.AF_INET: 8, socket.AF_INET6: 128}
_REPLY: Final[dict[int, int]] = {socket.AF_INET: 0, socket.AF_INET6: 129}
_PROTOCOL: Final[dict[int, int]] = {
    socket.AF_INET: socket.IPPROTO_ICMP,
    socket.AF_INET6: socket.IPPROTO_ICMPV6,
}

_ERRORS: Final[dict[int, Option]] = {
    socket.AF_INET: (socket.IPPROTO_IP, 11, 1),
    socket.AF_INET6: (socket.IPPROTO_IPV6, 25, 1),
}
"""IP_RECVERR and IPV6_RECVERR: what routers say ends the waiting."""

_ONLY_REPLIES: Final[dict[int, Option]] = {
    socket.AF_INET: (255, 1, struct.pack("=I", 0xFFFFFFFF & ~1)),
    socket.AF_INET6: (
        socket.IPPROTO_ICMPV6,
        1,
        struct.pack("=8I", *(0xFFFFFFFF & ~(1 << 1 if word == 4 else 0) for word in range(8))),
    ),
}
"""ICMP_FILTER and ICMP6_FILTER of a raw socket: every type is blocked but the reply, 0 or 129."""

_IPV4_VERSION: Final = 4
_numbers: Final = count()


class Echo:
    """One request and its reply."""

    __slots__ = ("_family", "_number", "_token")

    def __init__(self, family: int) -> None:
        self._family = family
        self._number = next(_numbers) & 0xFFFF
        self._token = os.urandom(_TOKEN_BYTES)

    def begin(self) -> bytes:
        """The request. Over IPv6 the kernel fills the checksum in."""
        unsummed = _ECHO.pack(_REQUEST[self._family], 0, 0, 0, self._number) + self._token
        field = checksum(word_sum(unsummed)).to_bytes(2, "big")
        return unsummed[:2] + field + unsummed[4:]

    def take(self, data: bytes) -> bytes | Finding:
        """Whether this is the reply; a raw socket of IPv4 shows the header of the packet as well.

        Why: no ICMP message of interest begins as a header of IPv4 does.
        """
        if data and data[0] >> 4 == _IPV4_VERSION and self._family == socket.AF_INET:
            data = data[(data[0] & 0xF) * 4 :]
        if len(data) < _ECHO.size + _TOKEN_BYTES:
            return b""
        kind, code, _, _, number = _ECHO.unpack_from(data)
        if (kind, code, number) != (_REPLY[self._family], 0, self._number):
            return b""
        if data[_ECHO.size :] != self._token:
            return b""
        return Finding(ok=True, text="answered", timed=True)

    def end(self) -> Finding:
        """Packets have no end."""
        return Finding(ok=False, text=self.stuck())

    def stuck(self) -> str:
        """What is missing."""
        return "no echo reply"


def endpoints(address: Address, interface: str | None) -> tuple[Endpoint, Endpoint]:
    """The echo socket that anybody may have, and the raw one."""
    family = address.family
    host, *rest = address.socket_address
    options = [_ERRORS[family]]
    if interface:
        options.append((socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode()))

    def endpoint(kind: int, *more: Option) -> Endpoint:
        return Endpoint(
            label=f"{host} by {interface}" if interface else host,
            family=family,
            kind=kind,
            address=(host, 0, *rest),
            protocol=_PROTOCOL[family],
            options=(*options, *more),
        )

    return endpoint(socket.SOCK_DGRAM), endpoint(socket.SOCK_RAW, _ONLY_REPLIES[family])


def make(config: TrackerConfig) -> Tracker:
    """A tracker of the kind `ping`."""
    address = numeric(config.options["address"])
    assert address is not None, "the configuration lets through addresses alone"
    target = Target.at(*endpoints(address, config.options.get("interface")))
    return Polling(config, Dialogue(config, target, lambda: Echo(address.family)))
