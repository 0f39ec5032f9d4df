"""The door to scapy: frames from the wire, the IP datagram in a frame, frames into a file.

Theory of operation. Live frames come from a packet socket, which sees both directions, before
netfilter and before the kernel has judged anything. A filter in the kernel lets only VRRP through,
so that a busy link cannot flood us; tagged frames and IPv6 with extension headers pass it and are
looked at here.

Only the link layer is read by scapy, from the first bytes of a frame: how long its headers are is
all that is asked, and the datagram is cut out of the original bytes.
"""

from __future__ import annotations

import ctypes
import errno
import logging
import select
import socket
import struct
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from scapy.config import conf
from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6, IPv46
from scapy.layers.l2 import (
    CookedLinux,
    CookedLinuxV2,
    Dot1AD,
    Dot1Q,
    Ether,
    Loopback,
    LoopbackOpenBSD,
)
from scapy.packet import Packet as Layer
from scapy.packet import bind_layers
from scapy.utils import RawPcapWriter

from vipd.capture.file import LARGEST_PACKET, Frame
from vipd.capture.packet import Packet, read_packet
from vipd.core.units import SECOND
from vipd.errors import VipdError
from vipd.wire.vrrp import PROTOCOL

ETHERNET, RAW_IP = 1, 101

LINK_TYPES: dict[int, Any] = {
    0: Loopback,
    ETHERNET: Ether,
    12: IPv46,
    14: IPv46,
    RAW_IP: IPv46,
    108: LoopbackOpenBSD,
    113: CookedLinux,
    228: IP,
    229: IPv6,
    276: CookedLinuxV2,
}
"""What can be read, by the numbers of the registry of tcpdump.org. Raw IP has three of them, as
BSD systems had numbers of their own."""

_HEADERS_BYTES = 128
"""Enough for every link layer and the head of an IP header; the rest is not shown to scapy."""

_HARDWARE = {1: ETHERNET, 772: ETHERNET, 0xFFFE: RAW_IP, 768: RAW_IP, 769: RAW_IP, 778: RAW_IP}
"""Link types of interfaces (linux/if_arp.h): Ethernet, loopback, and tunnels without a header."""

_LOOK_S = 1.0
"""How often a quiet interface is looked at: a socket is not told when its interface goes away."""

_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, _MEMBERSHIP_PROMISCUOUS = 263, 1, 1
_SO_ATTACH_FILTER = 26
_INSTRUCTION = struct.Struct("=HBBI")
_LOAD_HALF, _LOAD_BYTE, _JUMP_EQUAL, _RETURN = 0x28, 0x30, 0x15, 0x06
_ETHERTYPE = 0xFFFFF000
_NETWORK_HEADER = 0xFFF00000
"""Where the kernel's filters find what stands in no fixed place (linux/filter.h)."""

for _cooked in (CookedLinux, CookedLinuxV2):
    for _ethertype, _layer in ((0x0800, IP), (0x86DD, IPv6), (0x8100, Dot1Q), (0x88A8, Dot1AD)):
        bind_layers(_cooked, _layer, proto=_ethertype)
bind_layers(Ether, Dot1AD, type=0x9100)

# scapy warns of what it cannot read; what matters of it is said here, once.
logging.getLogger("scapy").setLevel(logging.CRITICAL)
logging.getLogger("scapy.runtime").setLevel(logging.CRITICAL)


def read_packets(frames: Iterable[Frame]) -> Iterator[tuple[Frame, Packet]]:
    """The VRRP packets among the frames, each with the frame that it came in.

    Raises: VipdError at the end, if there were frames of a link type that nobody can read.
    """
    unknown = set()
    for frame in frames:
        if frame.link_type not in LINK_TYPES:
            unknown.add(frame.link_type)
        elif packet := _packet(frame):
            yield frame, packet
    if unknown:
        numbers = ", ".join(map(str, sorted(unknown)))
        raise VipdError(f"packets of link type {numbers} were skipped: they cannot be read")


def _packet(frame: Frame) -> Packet | None:
    if PROTOCOL not in frame.data:
        return None
    start = _start_of_ip(LINK_TYPES[frame.link_type], frame.data[:_HEADERS_BYTES])
    if start is None:
        return None
    wire_bytes = frame.wire_bytes - start
    return read_packet(frame.data[start:], wire_bytes=wire_bytes, time_ns=frame.time_ns)


def _start_of_ip(link: type[Layer], head: bytes) -> int | None:
    """Where the outermost IP header begins."""
    try:
        layer = link(head)
    except Exception:  # noqa: BLE001  (whatever scapy trips over is a frame that it cannot read)
        return None
    while layer:
        if isinstance(layer, IP | IPv6):
            return len(head) - len(layer.original)
        layer = layer.payload
    return None


class Listener:
    """What passes on one interface, from `with` to the end of the block."""

    def __init__(self, interface: str | None) -> None:
        """Listen on an interface, by default on the one of the default route.

        Raises: VipdError, saying what to do, when that cannot be.
        """
        self.interface = interface or str(conf.iface)
        self._index = _index(self.interface)
        self._socket = self._open()
        try:
            self.link_type = self._prepare(self._socket.ins)
        except OSError as error:
            self._socket.close()
            raise self._refused(error) from error

    def _open(self) -> Any:  # noqa: ANN401  (scapy has no types to name)
        try:
            return conf.L2listen(iface=self.interface, promisc=False)
        except PermissionError as error:
            raise VipdError(
                "listening on an interface needs CAP_NET_RAW: run it as root, for example with sudo"
            ) from error
        except OSError as error:
            raise self._refused(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()

    @property
    def addresses(self) -> frozenset[str]:
        """The addresses of the interface, virtual ones included."""
        found = conf.ifaces.dev_from_networkname(self.interface).ips
        return frozenset(str(address) for each in found.values() for address in each)

    def frames(self, seconds: float | None = None) -> Iterator[Frame]:
        """What passes from now on: for a time, or for ever.

        Raises: VipdError when the interface goes away.
        """
        end = None if seconds is None else time.monotonic() + seconds
        while end is None or time.monotonic() < end:
            wait = _LOOK_S if end is None else min(_LOOK_S, max(0, end - time.monotonic()))
            if not select.select([self._socket], [], [], wait)[0]:
                self._check_there()
            elif frame := self._receive():
                yield frame

    def _receive(self) -> Frame | None:
        try:
            _, data, at = self._socket.recv_raw()
        except OSError as error:
            if error.errno != errno.ENETDOWN:
                raise self._refused(error) from error
            # An interface that is down may come back; whether it does shows later.
            return None
        return Frame(
            time_ns=round(at * SECOND),
            link_type=self.link_type,
            data=data,
            wire_bytes=len(data),
        )

    def _prepare(self, packets: socket.socket) -> int:
        """Hear everything, keep what may be VRRP; the link type of what will come.

        Why: scapy would ask for all frames itself, but not where an interface's index has more
        than sixteen bits.
        """
        hear_all = struct.pack("=iHH8s", self._index, _MEMBERSHIP_PROMISCUOUS, 0, b"")
        packets.setsockopt(_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, hear_all)
        program = _filter()
        code = ctypes.create_string_buffer(program)
        count = len(program) // _INSTRUCTION.size
        packets.setsockopt(
            socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("@HP", count, ctypes.addressof(code))
        )
        hardware = packets.getsockname()[3]
        if hardware not in _HARDWARE:
            raise OSError(errno.EPROTONOSUPPORT, f"nobody knows its frames (type {hardware})")
        return _HARDWARE[hardware]

    def _check_there(self) -> None:
        """Raises: VipdError when the interface is gone, even if another has its name now."""
        if _index(self.interface) != self._index:
            raise VipdError(f"{self.interface} is another interface now")

    def _refused(self, error: OSError) -> VipdError:
        return VipdError(f"cannot listen on {self.interface}: {error.strerror}")


def _index(interface: str) -> int:
    """The number of an interface. Raises: VipdError, naming those that there are."""
    try:
        return socket.if_nametoindex(interface)
    except OSError as error:
        there = ", ".join(name for _, name in socket.if_nameindex())
        raise VipdError(f"there is no interface {interface!r} here; there is: {there}") from error


def _filter() -> bytes:
    """A program for the kernel: the frames that may carry VRRP, tagged or with other headers."""
    network, headers_before_it = _NETWORK_HEADER, (0, 43, 44, 60)
    return _assemble(
        (_LOAD_HALF, _ETHERTYPE),
        (_JUMP_EQUAL, 0x8100, "keep"),
        (_JUMP_EQUAL, 0x88A8, "keep"),
        (_JUMP_EQUAL, 0x86DD, "IPv6"),
        (_JUMP_EQUAL, 0x0800, "IPv4"),
        (_RETURN, 0),
        "IPv4",
        (_LOAD_BYTE, network + 9),
        (_JUMP_EQUAL, PROTOCOL, "keep"),
        (_RETURN, 0),
        "IPv6",
        (_LOAD_BYTE, network + 6),
        *((_JUMP_EQUAL, header, "keep") for header in (PROTOCOL, *headers_before_it)),
        (_RETURN, 0),
        "keep",
        (_RETURN, LARGEST_PACKET),
    )


def _assemble(*lines: str | tuple[int, int] | tuple[int, int, str]) -> bytes:
    """A classic BPF program; a line of text names the place after it, for jumps."""
    places: dict[str, int] = {}
    code: list[tuple[int, int] | tuple[int, int, str]] = []
    for line in lines:
        if isinstance(line, str):
            places[line] = len(code)
        else:
            code.append(line)
    program = bytearray()
    for number, (operation, value, *target) in enumerate(code):
        skip = places[str(target[0])] - number - 1 if target else 0
        program += _INSTRUCTION.pack(operation, skip, 0, value)
    return bytes(program)


class PcapFile:
    """A pcap file that frames are written to, each at once."""

    def __init__(self, path: Path, *, link_type: int | None = None) -> None:
        """Open it anew. Raises: VipdError when it cannot be written."""
        self._path = path
        self._link_type = link_type
        try:
            self._writer = RawPcapWriter(str(path), sync=True, snaplen=LARGEST_PACKET)
        except OSError as error:
            raise self._refused(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._writer.linktype = ETHERNET if self._link_type is None else self._link_type
        self._writer.close()

    def write(self, frame: Frame) -> None:
        """Add a frame. Raises: VipdError when it is of another link type than the first."""
        if self._link_type not in (None, frame.link_type):
            raise VipdError(
                f"{self._path}: a pcap file has one link type, and this capture has more: "
                f"{self._link_type} and {frame.link_type}"
            )
        self._link_type = self._writer.linktype = frame.link_type
        try:
            if not self._writer.header_present:
                self._writer.write_header(frame.data)
            self._write(frame)
        except OSError as error:
            raise self._refused(error) from error

    def _write(self, frame: Frame) -> None:
        # The format has 32 bits of seconds, and no way to say that nobody knows.
        time_ns = frame.time_ns or 0
        second, rest = divmod(time_ns if 0 <= time_ns < SECOND << 32 else 0, SECOND)
        self._writer.write_packet(
            frame.data, sec=second, usec=rest // 1_000, wirelen=frame.wire_bytes
        )

    def _refused(self, error: OSError) -> VipdError:
        return VipdError(f"cannot write {self._path}: {error.strerror}")
