"""Whether the gateway, or another address on the link, is there: is this host cut off?

Theory of operation. The link is asked who has the address, by ARP or Neighbor Discovery: below all
firewalls, routes and rate limits, and the answer is about the link and nothing else. The question
comes from no address, so it works before there is one, and leaves no trace in anybody's cache. The
kernel hands up only answers about that address, so the traffic of the link costs nothing here.

Which address the default gateway has is read anew in every look: that of IPv4, or that of IPv6
where there is none.

Sources: packet(7), linux/filter.h; RFC 5227, RFC 4861; proc(5) and net/ipv6/route.c (the tables).
"""

from __future__ import annotations

import errno
import socket
import struct
import sys
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from time import monotonic_ns
from typing import Final

from vipd.core.config import TrackerConfig
from vipd.core.model import IPAddress
from vipd.core.units import format_duration
from vipd.track import bpf
from vipd.track.connection import in_words
from vipd.track.outcome import Outcome, Report, Tracker
from vipd.track.polling import Polling
from vipd.track.readiness import READABLE, readiness
from vipd.wire import arp, ndp
from vipd.wire.ethernet import HEADER_BYTES

_FLAGS: Final = socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
_ETHERNET: Final = 1
_FRAME_BYTES: Final = 512
_TABLE_BYTES: Final = 64 * 1024
"""What is read of a table of routes; a router with more of them names the address itself."""

_UP, _GATEWAY = 0x1, 0x2
"""RTF_UP and RTF_GATEWAY."""


class GatewayCheck:
    """Asks for one address on one interface."""

    def __init__(self, config: TrackerConfig) -> None:
        self._interface: str = config.options["interface"]
        stated = config.options.get("address")
        self._address = ip_address(stated) if stated else None
        self._limit = format_duration(config.timeout)

    def check(self, done: Report) -> Callable[[], None]:
        """Begin one look; see `vipd.track.outcome.Checker`."""
        address = self._address or default_gateway(self._interface)
        if address is None:
            text = f"there is no default gateway by {self._interface}"
            done(Outcome(ok=False, text=text))
            return lambda: None
        question = _Question(self._interface, address, self._limit, done)
        question.ask()
        return question.cancel


class _Question:
    """One question to the link, and what comes back."""

    def __init__(self, interface: str, address: IPAddress, limit: str, done: Report) -> None:
        self._interface = interface
        self._address = address
        self._limit = limit
        self._done: Report | None = done
        self._begun = monotonic_ns()
        self._socket: socket.socket | None = None
        self._watched = False

    def ask(self) -> None:
        """Order: the filter and the link first, so that nothing is heard which does not belong."""
        ipv4 = isinstance(self._address, IPv4Address)
        kind = arp.ETHERTYPE if ipv4 else ndp.ETHERTYPE
        try:
            self._socket = socket.socket(socket.AF_PACKET, _FLAGS, 0)
            bpf.attach(self._socket, answers_of(self._address))
            self._socket.bind((self._interface, kind))
            *_, hardware, mac = self._socket.getsockname()
            if hardware != _ETHERNET:
                self._finish(ok=False, text=f"{self._interface} has no Ethernet: use ping")
                return
            self._socket.send(_frame(mac, self._address))
        except OSError as error:
            self._finish(ok=False, text=_cannot_ask(error, self._interface))
            return
        readiness().watch(self._socket.fileno(), READABLE, self._readable)
        self._watched = True

    def cancel(self) -> None:
        """Nobody has answered in time."""
        text = f"no answer from {self._address} on {self._interface} within {self._limit}"
        self._finish(ok=False, text=f"{text}: it is gone, or this host is cut off")

    def _readable(self, _events: int) -> None:
        if self._socket is None:
            return
        try:
            frame = self._socket.recv(_FRAME_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._finish(ok=False, text=_cannot_ask(error, self._interface))
            return
        claim = arp.claim(frame) or ndp.claim(frame)
        if claim is not None and claim.address == self._address:
            took = format_duration(monotonic_ns() - self._begun)
            self._finish(
                ok=True, text=f"{self._address} is at {claim.mac.hex(':')}, said in {took}"
            )

    def _finish(self, *, ok: bool, text: str) -> None:
        if self._socket is not None:
            if self._watched:
                readiness().forget(self._socket.fileno())
            self._socket.close()
            self._socket = None
        done, self._done = self._done, None
        if done is not None:
            done(Outcome(ok=ok, text=text, took=monotonic_ns() - self._begun))


def _frame(mac: bytes, address: IPAddress) -> bytes:
    if isinstance(address, IPv4Address):
        return arp.probe(mac, address)
    return ndp.solicitation(mac, address)


def _cannot_ask(error: OSError, interface: str) -> str:
    if error.errno == errno.ENODEV:
        return f"there is no interface {interface}"
    if error.errno == errno.ENETDOWN:
        return f"{interface} is down"
    if error.errno in (errno.EPERM, errno.EACCES):
        return f"no right to ask on {interface}: CAP_NET_RAW is missing"
    return in_words(error.errno, interface)


# -- the default gateway ------------------------------------------------------------------------


def default_gateway(interface: str) -> IPAddress | None:
    """The gateway of the best default route by an interface."""
    return ipv4_gateway(_table("/proc/net/route"), interface) or ipv6_gateway(
        _table("/proc/net/ipv6_route"), interface
    )


def _table(path: str) -> str:
    """The beginning of a table of routes; nothing where the kernel has none."""
    try:
        with Path(path).open("rb", buffering=0) as file:
            parts = []
            while part := file.read(_TABLE_BYTES):
                parts.append(part)
                if sum(map(len, parts)) >= _TABLE_BYTES:
                    break
    except OSError:
        return ""
    return b"".join(parts).decode("ascii", "replace")


def ipv4_gateway(table: str, interface: str) -> IPv4Address | None:
    """What /proc/net/route says: interface, destination, gateway, flags, ..., metric, mask."""
    routes = []
    for line in table.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 7 and (fields[0], fields[1], fields[7]) == (interface, "0" * 8, "0" * 8):
            flags, metric = int(fields[3], 16), int(fields[6])
            if flags & _UP and flags & _GATEWAY:
                routes.append((metric, int(fields[2], 16).to_bytes(4, sys.byteorder)))
    return IPv4Address(min(routes)[1]) if routes else None


def ipv6_gateway(table: str, interface: str) -> IPv6Address | None:
    """What /proc/net/ipv6_route says: destination, its length, source, its length, next hop,
    metric, two counters, flags, interface."""
    routes = []
    for line in table.splitlines():
        fields = line.split()
        if len(fields) != 10 or (fields[9], fields[1], fields[3]) != (interface, "00", "00"):
            continue
        flags = int(fields[8], 16)
        if flags & _UP and flags & _GATEWAY:
            routes.append((int(fields[5], 16), int(fields[4], 16)))
    return IPv6Address(min(routes)[1]) if routes else None


# -- what the kernel hands up -------------------------------------------------------------------

_ARP_SENDER: Final = HEADER_BYTES + 14
_NEXT_HEADER: Final = HEADER_BYTES + 6
_ICMP: Final = HEADER_BYTES + 40
_ND_TARGET: Final = _ICMP + 8


def answers_of(address: IPAddress) -> Iterator[bpf.Line]:
    """A filter that keeps what is said about an address."""
    tests: list[tuple[int, int, int]] = []
    at = _ARP_SENDER
    if isinstance(address, IPv6Address):
        tests += [
            (bpf.LOAD_BYTE, _NEXT_HEADER, ndp.PROTOCOL),
            (bpf.LOAD_BYTE, _ICMP, ndp.ADVERTISEMENT),
        ]
        at = _ND_TARGET
    words = struct.unpack(f"!{len(address.packed) // 4}I", address.packed)
    tests += [(bpf.LOAD_WORD, at + 4 * number, word) for number, word in enumerate(words)]
    for number, (load, offset, value) in enumerate(tests):
        to_drop = 2 * (len(tests) - number - 1) + 1
        yield load, 0, 0, offset
        yield bpf.IF_EQUAL, 0, to_drop, value
    yield bpf.RETURN, 0, 0, bpf.KEEP
    yield bpf.RETURN, 0, 0, bpf.DROP


def make(config: TrackerConfig) -> Tracker:
    """A tracker of the kind `gateway`."""
    return Polling(config, GatewayCheck(config))
