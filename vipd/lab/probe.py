"""A client that asks an address for an echo every few milliseconds, and notes who answers.

Theory of operation. Requests leave through a raw ICMP socket, so this host's kernel decides by its
own neighbour table which MAC address they go to: a client learns of a failover in no other way.
Answers are read from a packet socket, whose frames tell the MAC address that they came from. After
a first line, which says that the asking begins, every request becomes one JSON line, once it is
answered or given up:

    {"address": "192.0.2.100", "interval_ns": 2000000}
    {"sent_ns": ..., "answered_ns": ... or null, "mac": "02:00:00:00:00:01" or null}

Times are of the monotonic clock, which all processes of a machine share. SIGTERM stops the asking,
gives the last answers a moment, writes what there is and exits 0.

Why: only the standard library is imported, so that the first request leaves at once. An answer's
time is when the kernel had it: a probe that waited for the processor shall not see an outage.
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import select
import signal
import socket
import struct
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

MILLISECOND = 1_000_000
GIVE_UP_NS = 300 * MILLISECOND
LAST_MOMENT_NS = 100 * MILLISECOND
FLUSH_EVERY_NS = 20 * MILLISECOND

ETHERNET_BYTES = 14
IPV6_HEADER_BYTES = 40
ECHO_HEADER = struct.Struct("!BBHHH")
"""Type, code, checksum, identifier, sequence number. RFC: 792, 4443 §4.1."""

SEQUENCE_NUMBERS = 1 << 16
UNREACHABLE = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.ENOBUFS}
"""What a request may meet when nobody has the address; it then simply has no answer."""

SO_TIMESTAMPNS = 35
ANCILLARY_BYTES = 64
"""From asm-generic/socket.h: with every frame, the wall clock's time of its arrival."""

SOL_RAW = 255
ICMP_FILTER = 1
ICMP6_FILTER = 1
"""From linux/icmp.h and linux/icmpv6.h; a set bit keeps that type from the socket."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one family says echo."""

    family: int
    protocol: int
    ethertype: int
    request: int
    reply: int


IPV4 = Dialect(socket.AF_INET, socket.IPPROTO_ICMP, 0x0800, 8, 0)
IPV6 = Dialect(socket.AF_INET6, socket.IPPROTO_ICMPV6, 0x86DD, 128, 129)


def internet_checksum(data: bytes) -> int:
    """The ones' complement sum over 16-bit words. RFC: 1071."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def echo_request(dialect: Dialect, identifier: int, sequence: int) -> bytes:
    """Encode a request; the kernel fills in the checksum of ICMPv6."""
    blank = ECHO_HEADER.pack(dialect.request, 0, 0, identifier, sequence)
    if dialect is IPV6:
        return blank
    checksum = internet_checksum(blank)
    return ECHO_HEADER.pack(dialect.request, 0, checksum, identifier, sequence)


def read_reply(dialect: Dialect, source: bytes, identifier: int, frame: bytes) -> int | None:
    """The sequence number of a reply from `source` to us; None when the frame is no such thing."""
    packet = frame[ETHERNET_BYTES:]
    if dialect is IPV4:
        if len(packet) < 20 or packet[9] != dialect.protocol or packet[12:16] != source:
            return None
        icmp = packet[(packet[0] & 0x0F) * 4 :]
    else:
        if packet[6:7] != bytes([dialect.protocol]) or packet[8:24] != source:
            return None
        icmp = packet[IPV6_HEADER_BYTES:]
    if len(icmp) < ECHO_HEADER.size:
        return None
    sequence: int
    kind, _code, _checksum, to, sequence = ECHO_HEADER.unpack_from(icmp)
    return sequence if (kind, to) == (dialect.reply, identifier) else None


def arrived_ns(ancillary: Sequence[tuple[int, int, bytes]], now_ns: int, wall_now_ns: int) -> int:
    """When a frame arrived, on the monotonic clock; now, where the kernel does not say."""
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
            second, nanosecond = struct.unpack_from("=qq", data)
            arrived: int = second * 1_000_000_000 + nanosecond
            return now_ns - (wall_now_ns - arrived)
    return now_ns


def source_mac(frame: bytes) -> str:
    """The MAC address that a frame came from."""
    return frame[6:12].hex(":")


class Prober:
    """The asking of one address."""

    def __init__(self, address: IPv4Address | IPv6Address, interval_ns: int, link: str) -> None:
        self._address = address
        self._interval_ns = interval_ns
        self._dialect = IPV4 if address.version == 4 else IPV6
        self._identifier = os.getpid() % SEQUENCE_NUMBERS
        self._sequence = 0
        self._waiting: dict[int, int] = {}
        self._flushed_ns = 0
        self._stopping = False
        self._out = _deaf_icmp_socket(self._dialect)
        self._in = socket.socket(
            socket.AF_PACKET, socket.SOCK_RAW, socket.htons(self._dialect.ethertype)
        )
        self._in.bind((link, self._dialect.ethertype))
        self._in.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._in.setblocking(False)

    def stop(self) -> None:
        """Ask no more."""
        self._stopping = True

    def run(self) -> None:
        """Ask until `stop`, then wait a moment for what is still due."""
        _write(address=str(self._address), interval_ns=self._interval_ns)
        due = time.monotonic_ns()
        while not self._stopping:
            now = time.monotonic_ns()
            if now >= due:
                self._ask(now)
                due = max(due + self._interval_ns, now)
            self._listen(due)
            self._give_up(now - GIVE_UP_NS)
            self._flush(now)
        end = time.monotonic_ns() + LAST_MOMENT_NS
        while self._waiting and time.monotonic_ns() < end:
            self._listen(end)
        self._give_up(end)
        sys.stdout.flush()

    def _ask(self, now: int) -> None:
        self._waiting[self._sequence] = now
        request = echo_request(self._dialect, self._identifier, self._sequence)
        self._sequence = (self._sequence + 1) % SEQUENCE_NUMBERS
        try:
            self._out.sendto(request, (str(self._address), 0))
        except OSError as error:
            if error.errno not in UNREACHABLE:
                raise

    def _listen(self, until: int) -> None:
        """Take all frames that are there, or wait for one until then."""
        patience = max(0, until - time.monotonic_ns()) / 1_000_000_000
        if not select.select([self._in], [], [], patience)[0]:
            return
        while True:
            try:
                frame, ancillary, _, _ = self._in.recvmsg(2048, ANCILLARY_BYTES)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno not in UNREACHABLE:
                    raise
                continue
            self._take(frame, arrived_ns(ancillary, time.monotonic_ns(), time.time_ns()))

    def _take(self, frame: bytes, answered_ns: int) -> None:
        sequence = read_reply(self._dialect, self._address.packed, self._identifier, frame)
        if sequence is None:
            return
        sent_ns = self._waiting.pop(sequence, None)
        if sent_ns is not None:
            _write(sent_ns=sent_ns, answered_ns=answered_ns, mac=source_mac(frame))

    def _give_up(self, before: int) -> None:
        for sequence, sent_ns in list(self._waiting.items()):
            if sent_ns >= before:
                return
            del self._waiting[sequence]
            _write(sent_ns=sent_ns, answered_ns=None, mac=None)

    def _flush(self, now: int) -> None:
        if now - self._flushed_ns > FLUSH_EVERY_NS:
            sys.stdout.flush()
            self._flushed_ns = now


def _write(**line: str | int | None) -> None:
    sys.stdout.write(json.dumps(line, separators=(",", ":")) + "\n")


def _deaf_icmp_socket(dialect: Dialect) -> socket.socket:
    """A socket to send from; what it would receive is refused, so that nothing queues up."""
    raw = socket.socket(dialect.family, socket.SOCK_RAW, dialect.protocol)
    if dialect is IPV4:
        raw.setsockopt(SOL_RAW, ICMP_FILTER, b"\xff" * 4)
    else:
        raw.setsockopt(socket.IPPROTO_ICMPV6, ICMP6_FILTER, b"\xff" * 32)
    raw.setblocking(False)
    return raw


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m vipd.lab.probe", description="Probe a VIP.")
    parser.add_argument("address", type=ip_address)
    parser.add_argument("--interval-ms", type=float, default=2.0)
    parser.add_argument("--interface", default="eth0")
    options = parser.parse_args()
    interval_ns = int(options.interval_ms * MILLISECOND)
    prober = Prober(options.address, interval_ns, options.interface)
    signal.signal(signal.SIGTERM, lambda _number, _frame: prober.stop())
    prober.run()


if __name__ == "__main__":
    main()
