"""Process events: the kernel tells of every process that begins, runs something else or ends.

Theory of operation. The process connector is a netlink multicast group. It tells only who has
CAP_NET_ADMIN, and only in the first network, PID and user namespaces of the host; elsewhere it
says nothing at all. It acknowledges the wish to listen, though, before `send` returns: where no
acknowledgement lies in the socket, nothing else will. All trackers of a loop share one socket.
Events that did not fit into it are lost, which the kernel says; the listeners then look for
themselves. Sources: <linux/cn_proc.h>, <linux/connector.h>.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Final, Protocol
from weakref import WeakKeyDictionary

from vipd.track.proctable import Process, read_process


class Listener(Protocol):
    """Who wants to know of processes."""

    def runs(self, process: Process) -> None:
        """A process runs a program from now on, or has another name."""

    def forked(self, parent: int, child: int) -> None:
        """A process has begun; it is what its parent is."""

    def ended(self, pid: int, status: int) -> None:
        """A process has ended, with a wait status."""

    def lost(self) -> None:
        """Some events were lost."""


RECEIVE_BUFFER: Final = 1024 * 1024
"""Thousands of events; what is lost costs a scan. Units: bytes."""

AT_ONCE: Final = 256
"""How many events are taken in before the loop has its turn again."""

_NETLINK_CONNECTOR: Final = 11
_CN_IDX_PROC: Final = 1
_LISTEN, _IGNORE = 1, 2
_NLMSG_DONE: Final = 3
_NONE, _FORK, _EXEC, _COMM, _EXIT = 0x0, 0x1, 0x2, 0x200, 0x8000_0000
_NOTHING: Final = (-1, 0, 0, 0, 0)
_HEADERS: Final = struct.Struct("=IHHII IIIIHH")
_EVENT: Final = struct.Struct("=IIQ IIII")
_WISH: Final = struct.Struct("=I")

_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, ProcessEvents] = WeakKeyDictionary()


def subscribe(listener: Listener) -> Callable[[], None]:
    """Tell a listener of all that happens from now on; returns what ends that.

    Raises: OSError, where the kernel does not tell.
    """
    loop = asyncio.get_running_loop()
    hub = _hubs.get(loop)
    if hub is None:
        hub = _hubs[loop] = ProcessEvents(loop)
    hub.listeners.append(listener)

    def unsubscribe() -> None:
        if listener in hub.listeners:
            hub.listeners.remove(listener)
        if not hub.listeners and _hubs.get(loop) is hub:
            del _hubs[loop]
            hub.close()

    return unsubscribe


class ProcessEvents:
    """The socket, and who listens to it. Raises: OSError, where the kernel does not tell."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.listeners: list[Listener] = []
        self._loop = loop
        self._unread: set[int] = set()
        self._socket = _listen()
        loop.add_reader(self._socket, self._receive)

    def close(self) -> None:
        """Listen no more. Why say so: older kernels would go on for nobody."""
        self._loop.remove_reader(self._socket)
        with self._socket, suppress(OSError):
            _wish(self._socket, _IGNORE)

    def _receive(self) -> None:
        for _ in range(AT_ONCE):
            if not self.listeners:  # The last one has closed the socket.
                return
            try:
                self._dispatch(_read(self._socket))
            except BlockingIOError:
                return
            except OSError:  # ENOBUFS
                self._unread.clear()
                for listener in tuple(self.listeners):
                    listener.lost()
                return

    def _dispatch(self, event: tuple[int, ...]) -> None:
        what, first, group, third, fourth = event
        if what == _FORK and third == fourth:
            self._tell(lambda listener: listener.forked(group, third))
            if group in self._unread:
                self._look(third)
        elif what == _EXIT and first == group:
            self._unread.discard(first)
            self._tell(lambda listener: listener.ended(first, third))
        elif what in (_EXEC, _COMM):
            self._look(group)

    def _look(self, pid: int) -> None:
        """See what a process runs. One that is gone already may have a child that runs the same.

        Why: this is how daemons begin.
        """
        if process := read_process(pid):
            self._tell(lambda listener: listener.runs(process))
        else:
            self._unread.add(pid)

    def _tell(self, tell: Callable[[Listener], None]) -> None:
        for listener in tuple(self.listeners):
            tell(listener)


def _listen() -> socket.socket:
    """A socket that the kernel tells; it has acknowledged that. Raises: OSError."""
    connector = socket.socket(
        socket.AF_NETLINK, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, _NETLINK_CONNECTOR
    )
    try:
        connector.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        connector.bind((0, _CN_IDX_PROC))
        _wish(connector, _LISTEN)
        if not any(what == _NONE and not error for what, error, *_ in _waiting(connector)):
            raise OSError(errno.EPERM, "no process events in this namespace")
    except OSError:
        connector.close()
        raise
    return connector


def _wish(connector: socket.socket, what: int) -> None:
    size = _HEADERS.size + _WISH.size
    message = (_CN_IDX_PROC, _CN_IDX_PROC, 0, 0, _WISH.size, 0)
    header = _HEADERS.pack(size, _NLMSG_DONE, 0, 0, os.getpid(), *message)
    connector.send(header + _WISH.pack(what))


def _waiting(connector: socket.socket) -> Iterator[tuple[int, ...]]:
    """The events that lie in the socket."""
    for _ in range(AT_ONCE):
        try:
            yield _read(connector)
        except BlockingIOError:
            return


def _read(connector: socket.socket) -> tuple[int, ...]:
    """One event: what it is, and its first four numbers. Raises: OSError.

    Why: whatever does not come from the kernel, which is port 0, is as if it had not happened.
    """
    data, (port, _) = connector.recvfrom(512)
    if port != 0 or len(data) < _HEADERS.size + _EVENT.size:
        return _NOTHING
    what, _, _, *numbers = _EVENT.unpack_from(data, _HEADERS.size)
    return (what, *numbers)
