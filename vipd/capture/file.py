"""Capture files: pcap and pcapng, plain or compressed by gzip, to frames.

Theory of operation. A file is read to its end or to the first thing that cannot be true; what
stands before that has been yielded by then. Lengths are bounded before anything of that length is
read, so that no file can ask for more memory than a packet needs.

The formats: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, cast

from vipd.core.units import SECOND
from vipd.errors import VipdError

LARGEST_PACKET = 262_144
"""Units: bytes. What libpcap takes for the longest packet there is."""

LARGEST_BLOCK = 16 * 1024 * 1024
"""Units: bytes. A block of pcapng that is not a packet, such as names or keys, ends before."""

_GZIP_MAGIC = b"\x1f\x8b"
_SECTION_MAGIC = b"\x0a\x0d\x0d\x0a"
_PCAP_MAGIC = {
    b"\xa1\xb2\xc3\xd4": (">", 1_000),
    b"\xd4\xc3\xb2\xa1": ("<", 1_000),
    b"\xa1\xb2\x3c\x4d": (">", 1),
    b"\x4d\x3c\xb2\xa1": ("<", 1),
}
"""The byte order that a first word stands for, and the unit of its fractions, in nanoseconds."""

_BYTE_ORDER_MAGIC = {b"\x1a\x2b\x3c\x4d": ">", b"\x4d\x3c\x2b\x1a": "<"}
_LINK_TYPE_BITS = 0x03FF_FFFF
"""The rest of that word is about the check sequence of the frames."""

_INTERFACE_BLOCK, _OLD_PACKET_BLOCK, _SIMPLE_BLOCK, _PACKET_BLOCK = 1, 2, 3, 6
_OPTION_END, _OPTION_RESOLUTION, _OPTION_OFFSET = 0, 9, 14
_BLOCK_FRAME_BYTES = 12
"""A block's type and its length, which stands at both of its ends."""


class CaptureDamaged(VipdError):
    """A capture file that cannot be read any further."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What passed on a link, as far as it was kept.

    Units: `time_ns` counts from the Unix epoch, None where nobody knows; `wire_bytes` is the size
    that it had. `link_type` is of the registry of tcpdump.org.
    """

    time_ns: int | None
    link_type: int
    data: bytes
    wire_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Interface:
    """What a section of pcapng says of one interface. Units: `per_second` ticks."""

    link_type: int
    snap_bytes: int
    per_second: int = 1_000_000
    offset_s: int = 0

    def time_ns(self, ticks: int) -> int:
        return ticks * SECOND // self.per_second + self.offset_s * SECOND


def read_frames(stream: IO[bytes]) -> Iterator[Frame]:
    """Read a capture file. Raises: CaptureDamaged, after what could be read."""
    tape = _Tape(stream)
    magic = tape.read(4)
    if magic[:2] == _GZIP_MAGIC:
        tape = _Tape(gzip.GzipFile(fileobj=cast("IO[bytes]", _Rewound(magic, stream))))
        magic = tape.read(4)
    if magic in _PCAP_MAGIC:
        yield from _read_pcap(tape, *_PCAP_MAGIC[magic])
    elif magic == _SECTION_MAGIC:
        yield from _Section(tape).frames()
    else:
        raise CaptureDamaged("this is not a capture file: it is neither pcap nor pcapng")


class _Rewound:
    """A stream that begins with what has been read of it. Why: a pipe cannot be rewound."""

    def __init__(self, start: bytes, stream: IO[bytes]) -> None:
        self._start = start
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        if not self._start:
            return self._stream.read(size)
        end = len(self._start) if size < 0 else size
        start, self._start = self._start[:end], self._start[end:]
        return start


class _Tape:
    """A stream that gives what is asked for, or says where it broke."""

    def __init__(self, stream: IO[bytes] | gzip.GzipFile) -> None:
        self._stream = stream
        self.offset = 0

    def read(self, size: int) -> bytes:
        """Read exactly so many bytes. Raises: CaptureDamaged."""
        data = self._read(size)
        if len(data) < size:
            if not self.offset:
                raise CaptureDamaged("this is not a capture file: it is too short for one")
            raise CaptureDamaged(f"the file is cut off at byte {self.offset}, within a packet")
        return data

    def read_or_end(self, size: int) -> bytes | None:
        """Read so many bytes, or nothing where the file ends. Raises: CaptureDamaged."""
        first = self._read(1)
        return first + self.read(size - 1) if first else None

    def _read(self, size: int) -> bytes:
        try:
            data = self._stream.read(size)
        except (OSError, EOFError, zlib.error) as error:
            raise CaptureDamaged(f"the file cannot be read any further: {error}") from error
        self.offset += len(data)
        return data

    def damaged(self, what: str) -> CaptureDamaged:
        """The error that stands before this place."""
        return CaptureDamaged(f"the file is damaged before byte {self.offset}: {what}")


# -- pcap -------------------------------------------------------------------------------------


def _read_pcap(tape: _Tape, order: str, fraction_ns: int) -> Iterator[Frame]:
    *_, link_type = struct.unpack(f"{order}HHIIII", tape.read(20))
    record = struct.Struct(f"{order}IIII")
    while header := tape.read_or_end(record.size):
        second, fraction, kept, wire_bytes = record.unpack(header)
        _check_length(tape, kept)
        yield Frame(
            time_ns=second * SECOND + fraction * fraction_ns,
            link_type=link_type & _LINK_TYPE_BITS,
            data=tape.read(kept),
            wire_bytes=max(kept, wire_bytes),
        )


def _check_length(tape: _Tape, kept: int) -> None:
    if kept > LARGEST_PACKET:
        raise tape.damaged(f"a packet cannot have {kept} bytes")


# -- pcapng -----------------------------------------------------------------------------------


class _Section:
    """The sections of a pcapng file, one after the other; the tape stands after the first type."""

    def __init__(self, tape: _Tape) -> None:
        self._tape = tape
        self._order = ""
        self._interfaces: list[_Interface] = []

    def frames(self) -> Iterator[Frame]:
        """The packets of every section."""
        self._begin()
        while head := self._tape.read_or_end(4):
            if head == _SECTION_MAGIC:
                self._begin()
                continue
            (kind,) = self._unpack("I", head)
            body = self._body(self._tape.read(4))
            try:
                frame = self._take(kind, body)
            except struct.error as error:
                raise self._tape.damaged("a block is too short for its kind") from error
            if frame:
                yield frame

    def _begin(self) -> None:
        """A section's header: it decides the byte order, from its own length on."""
        length, magic = self._tape.read(4), self._tape.read(4)
        if magic not in _BYTE_ORDER_MAGIC:
            raise self._tape.damaged("a section begins without its byte order")
        self._order = _BYTE_ORDER_MAGIC[magic]
        self._interfaces = []
        self._body(length, already=len(magic))

    def _body(self, length: bytes, *, already: int = 0) -> bytes:
        """The rest of a block, whose length must stand at its end once more."""
        (total,) = self._unpack("I", length)
        if total % 4 or not _BLOCK_FRAME_BYTES + already <= total <= LARGEST_BLOCK:
            raise self._tape.damaged(f"a block cannot have {total} bytes")
        body = self._tape.read(total - _BLOCK_FRAME_BYTES - already)
        if self._tape.read(4) != length:
            raise self._tape.damaged("the two lengths of a block differ")
        return body

    def _unpack(self, layout: str, data: bytes) -> tuple[int, ...]:
        return struct.unpack_from(self._order + layout, data)

    def _take(self, kind: int, body: bytes) -> Frame | None:
        """What a block holds, if it is a packet. Blocks of other kinds are for others."""
        if kind == _INTERFACE_BLOCK:
            self._interfaces.append(self._interface(body))
        elif kind == _PACKET_BLOCK:
            number, high, low, kept, wire_bytes = self._unpack("IIIII", body)
            return self._frame(number, high << 32 | low, body[20:], kept, wire_bytes)
        elif kind == _OLD_PACKET_BLOCK:
            number, _, high, low, kept, wire_bytes = self._unpack("HHIIII", body)
            return self._frame(number, high << 32 | low, body[20:], kept, wire_bytes)
        elif kind == _SIMPLE_BLOCK:
            (wire_bytes,) = self._unpack("I", body)
            kept = min(wire_bytes, self._described(0).snap_bytes or wire_bytes)
            return self._frame(0, None, body[4:], kept, wire_bytes)
        return None

    def _frame(
        self, number: int, ticks: int | None, rest: bytes, kept: int, wire_bytes: int
    ) -> Frame:
        interface = self._described(number)
        _check_length(self._tape, kept)
        if kept > len(rest):
            raise self._tape.damaged("a packet is longer than its block")
        return Frame(
            time_ns=None if ticks is None else interface.time_ns(ticks),
            link_type=interface.link_type,
            data=rest[:kept],
            wire_bytes=max(kept, wire_bytes),
        )

    def _described(self, number: int) -> _Interface:
        if number >= len(self._interfaces):
            raise self._tape.damaged(f"a packet is of an interface {number} that is not described")
        return self._interfaces[number]

    def _interface(self, body: bytes) -> _Interface:
        link_type, _, snap_bytes = self._unpack("HHI", body)
        per_second, offset_s = 1_000_000, 0
        for code, value in self._options(body[8:]):
            if code == _OPTION_RESOLUTION and value:
                base, exponent = (2, value[0] & 0x7F) if value[0] & 0x80 else (10, value[0])
                per_second = base**exponent
            elif code == _OPTION_OFFSET:
                (offset_s,) = self._unpack("q", value)
        return _Interface(
            link_type=link_type, snap_bytes=snap_bytes, per_second=per_second, offset_s=offset_s
        )

    def _options(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        while len(data) >= 4:
            code, length = self._unpack("HH", data)
            if code == _OPTION_END:
                return
            yield code, data[4 : 4 + length]
            data = data[4 + length + -length % 4 :]
