"""Packet sockets that listen: one for each interface and ethertype, behind one epoll descriptor.

Theory of operation. A socket is made deaf (protocol 0), is given its filter, and is bound then, so
that nothing unfiltered is ever in its queue. It is bound to an interface by index. When that
interface goes away, the socket is told so once and is dead; the next `receive` binds a new one as
soon as there is an interface of that name again. An interface that is down wakes its socket once,
too, and is heard again when it is up.

Sources: packet(7).
"""

from __future__ import annotations

import select
import socket
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TypeAlias

from vipd.net.bpf import PACKET_TYPE, Line, attach, jump_if_at_least
from vipd.net.link import Links

Place: TypeAlias = tuple[str, int]
"""Where to listen: the name of an interface, and an ethertype."""

FOR_US: Final[tuple[Line, ...]] = (PACKET_TYPE, jump_if_at_least(socket.PACKET_OTHERHOST, "drop"))
"""Begins a program: what we sent ourselves is dropped, and what is for others.

Why: the latter is seen only while somebody has the interface in promiscuous mode.
"""

_SOL_PACKET, _PACKET_IGNORE_OUTGOING = 263, 23
_RECEIVE_BYTES: Final = 65_535


@dataclass(slots=True)
class _Ear:
    """What listens at a place: the programs that may judge, and a socket while there is a link."""

    programs: tuple[bytes, ...] = ()
    index: int | None = None
    socket: socket.socket | None = None


class PacketSockets:
    """Every packet socket of one purpose.

    `kind` is SOCK_RAW, for whole frames, or SOCK_DGRAM, for what they carry. At most `limit`
    packets of each socket are read at a time, so that a flood cannot keep the loop here.
    """

    def __init__(self, links: Links, kind: int, *, limit: int) -> None:
        self._links = links
        self._kind = kind
        self._limit = limit
        self._ears: dict[Place, _Ear] = {}
        self._by_descriptor: dict[int, Place] = {}
        self._ready = select.epoll()

    def fileno(self) -> int:
        """Readable when `receive` has something to say."""
        return self._ready.fileno()

    def close(self) -> None:
        """Stop listening."""
        self.retain(())
        self._ready.close()

    def listen(self, place: Place, *programs: bytes) -> None:
        """Hear what the first of the programs that the kernel takes lets through.

        An interface that is not there is waited for. What is heard already is left alone.

        Raises: OSError, when the kernel does not let us.
        """
        ear = self._ears.setdefault(place, _Ear())
        renewed = ear.programs != programs
        ear.programs = programs
        if self._links.index(place[0]) != ear.index:
            self._bind(place, ear)
        elif renewed and ear.socket:
            _attach_first(ear.socket, programs)

    def retain(self, places: Collection[Place]) -> None:
        """Listen nowhere else any more."""
        for place in self._ears.keys() - set(places):
            self._silence(self._ears.pop(place))

    def receive(self) -> Iterator[tuple[str, bytes]]:
        """What has arrived, with the interface that it came in by."""
        self._follow_links()
        for descriptor, _ in self._ready.poll(0):
            place = self._by_descriptor[descriptor]
            if heard := self._ears[place].socket:
                for packet in self._read(heard):
                    yield place[0], packet

    def _follow_links(self) -> None:
        """Bind anew where an interface has gone, as soon as there is another of its name."""
        for place, ear in self._ears.items():
            if ear.index is None or not self._links.has(ear.index):
                with suppress(OSError):
                    self._bind(place, ear)

    def _bind(self, place: Place, ear: _Ear) -> None:
        """Have a socket on the interface that has the name now. Raises: OSError."""
        self._silence(ear)
        index = self._links.index(place[0])
        if index is None:
            return
        ear.socket = _open(self._kind, place, ear.programs)
        ear.index = index
        self._by_descriptor[ear.socket.fileno()] = place
        self._ready.register(ear.socket.fileno(), select.EPOLLIN)

    def _silence(self, ear: _Ear) -> None:
        if ear.socket:
            self._ready.unregister(ear.socket.fileno())
            del self._by_descriptor[ear.socket.fileno()]
            ear.socket.close()
        ear.socket = ear.index = None

    def _read(self, heard: socket.socket) -> Iterator[bytes]:
        for _ in range(self._limit):
            try:
                yield heard.recv(_RECEIVE_BYTES)
            except BlockingIOError:
                return
            except OSError:
                # The interface went away or down; netlink tells that story better.
                return


def _open(kind: int, place: Place, programs: Collection[bytes]) -> socket.socket:
    """Raises: OSError."""
    flags = socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
    opened = socket.socket(socket.AF_PACKET, kind | flags, 0)
    try:
        _attach_first(opened, programs)
        with suppress(OSError):  # Linux before 4.20 leaves that to the filter.
            opened.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
        opened.bind(place)
    except OSError:
        opened.close()
        raise
    return opened


def _attach_first(heard: socket.socket, programs: Collection[bytes]) -> None:
    """Attach the first program that the kernel takes. Raises: OSError, when it takes none."""
    *exact, last = programs
    for program in exact:
        with suppress(OSError):
            attach(heard, program)
            return
    attach(heard, last)
