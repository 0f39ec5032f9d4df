"""rtnetlink: asks the kernel about its links and routes, and hears of their changes.

Theory of operation. The kernel answers a question in the order in which it tells of changes, so who
listens first and asks then misses nothing. A socket that could not hold all that was told, or that
fails otherwise, is closed: its owner opens another one and asks anew.

All that comes is taken as it is: an answer that is cut short has what it has, and no more.
Sources: netlink(7), rtnetlink(7), <linux/rtnetlink.h>.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Final, NamedTuple

NEW_LINK, DEL_LINK, GET_LINK = 16, 17, 18
DEL_ADDRESS: Final = 21
NEW_ROUTE, DEL_ROUTE, GET_ROUTE = 24, 25, 26
NEW_NEXTHOP, DEL_NEXTHOP = 104, 105
ERROR, DONE = 2, 3
"""What a message is: its `kind`."""

LINKS, IPV4_ADDRESSES, IPV4_ROUTES, IPV6_ROUTES, NEXTHOPS = 1, 5, 7, 11, 32
"""What can be listened to: RTNLGRP_LINK and its like."""

ALL: Final = 0x300
"""NLM_F_DUMP: all that there is, in as many parts as it takes, and then DONE."""

HEADER: Final = struct.Struct("=IHHII")
_ATTRIBUTE: Final = struct.Struct("=HH")
_KIND_BITS: Final = 0x3FFF
"""The rest of an attribute's kind are flags: nested, and the byte order."""

_REQUEST: Final = 1
_SOL_NETLINK: Final = 270
_ADD_MEMBERSHIP, _GET_STRICT_CHK = 1, 12
_CHUNK: Final = 64 * 1024


class Message(NamedTuple):
    """One message of the kernel."""

    kind: int
    body: bytes


class Rtnetlink:
    """One socket, read on the running loop until it is closed. Raises: OSError.

    `take` gets what was read, a part at a time, so that a long answer does not hold up the loop;
    `failed` is told that nothing more will come: what did come is not all that has happened.
    """

    __slots__ = ("_failed", "_loop", "_socket", "_take")

    def __init__(
        self,
        take: Callable[[bytes], None],
        failed: Callable[[OSError], None],
        groups: Iterable[int] = (),
        prepare: Callable[[socket.socket], None] | None = None,
    ) -> None:
        self._take = take
        self._failed = failed
        self._loop = asyncio.get_running_loop()
        kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        self._socket = socket.socket(socket.AF_NETLINK, kind, 0)
        try:
            if prepare:
                prepare(self._socket)
            self._socket.bind((0, 0))
            self._set_up(groups)
        except OSError:
            self._socket.close()
            raise
        self._loop.add_reader(self._socket, self._receive)

    def ask(self, kind: int, body: bytes, flags: int = 0) -> None:
        """Ask; the answer is told as all else is. Raises: OSError."""
        size = HEADER.size + len(body)
        self._socket.send(HEADER.pack(size, kind, _REQUEST | flags, 0, 0) + body)

    def close(self) -> None:
        """Ask and listen no more, even if an answer has only begun. Once more changes nothing."""
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket)
            self._socket.close()

    def _set_up(self, groups: Iterable[int]) -> None:
        """Listen. Why so tolerant: what an older kernel does not have, it does not tell either."""
        with suppress(OSError):
            self._socket.setsockopt(_SOL_NETLINK, _GET_STRICT_CHK, 1)
        for group in groups:
            with suppress(OSError):
                self._socket.setsockopt(_SOL_NETLINK, _ADD_MEMBERSHIP, group)

    def _receive(self) -> None:
        try:
            data, (port, _) = self._socket.recvfrom(_CHUNK)
        except BlockingIOError:
            return
        except OSError as error:  # ENOBUFS, above all.
            self.close()
            self._failed(error)
            return
        if port == 0:  # The kernel's own; nobody else is believed.
            self._take(data)


def messages(data: bytes) -> Iterator[Message]:
    """The messages of one read."""
    at = 0
    while at + HEADER.size <= len(data):
        size, kind, _, _, _ = HEADER.unpack_from(data, at)
        if size < HEADER.size:
            return
        yield Message(kind, data[at + HEADER.size : at + size])
        at += _padded(size)


def attributes(data: bytes) -> dict[int, bytes]:
    """What a message says, by the kind of what is said."""
    found = {}
    at = 0
    while at + _ATTRIBUTE.size <= len(data):
        size, kind = _ATTRIBUTE.unpack_from(data, at)
        if size < _ATTRIBUTE.size:
            break
        found[kind & _KIND_BITS] = data[at + _ATTRIBUTE.size : at + size]
        at += _padded(size)
    return found


def attribute(kind: int, value: bytes) -> bytes:
    """Say something in a question."""
    size = _ATTRIBUTE.size + len(value)
    return _ATTRIBUTE.pack(size, kind) + value + bytes(_padded(size) - size)


def number(value: bytes | None) -> int:
    """The number that an attribute is, of whatever size; 0 where there is none."""
    return int.from_bytes(value or b"", sys.byteorder)


def error_code(body: bytes) -> int:
    """Why a question could not be answered, as errno has it. Zero is no error."""
    return -int.from_bytes(body[:4], sys.byteorder, signed=True)


def _padded(size: int) -> int:
    return (size + 3) & ~3
