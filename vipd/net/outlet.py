"""Outlets: packet sockets that whole frames go out by, one for each interface.

A socket is bound to its interface by index, so that the kernel has nothing to look up for a frame.
When an interface has gone, its socket is closed as soon as another is opened.

Sources: packet(7).
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterable
from dataclasses import dataclass

from vipd.net.link import Links


@dataclass(frozen=True, slots=True)
class _Outlet:
    """A socket, and the interface that it is bound to."""

    index: int
    socket: socket.socket


class Outlets:
    """Every outlet of one purpose."""

    def __init__(self, links: Links) -> None:
        self._links = links
        self._outlets: dict[str, _Outlet] = {}

    def close(self) -> None:
        """Send no more."""
        for outlet in self._outlets.values():
            outlet.socket.close()
        self._outlets.clear()

    def send(self, interface: str, frames: Iterable[bytes]) -> None:
        """Send complete frames.

        Raises: OSError, when the interface does not take them.
        """
        index = self._links.index(interface)
        if index is None:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV), interface)
        outlet = self._outlets.get(interface)
        if outlet is None or outlet.index != index:
            outlet = self._open(interface, index)
        for frame in frames:
            outlet.socket.send(frame)

    def _open(self, interface: str, index: int) -> _Outlet:
        """Have a socket on the interface that has the name now. Raises: OSError."""
        for name, outlet in list(self._outlets.items()):
            if name == interface or not self._links.has(outlet.index):
                outlet.socket.close()
                del self._outlets[name]
        # Protocol 0: this socket receives nothing.
        opened = socket.socket(
            socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, 0
        )
        try:
            opened.bind((interface, 0))
        except OSError:
            opened.close()
            raise
        self._outlets[interface] = _Outlet(index, opened)
        return self._outlets[interface]
