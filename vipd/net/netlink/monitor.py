"""The kernel's messages about links, addresses and routes, as they come."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from vipd.net.netlink.change import Change, Overrun
from vipd.net.netlink.message import changes

_SOL_NETLINK: Final = 270
_NETLINK_ADD_MEMBERSHIP: Final = 1
_LINK_AND_ADDRESS_GROUPS: Final = (1, 5, 9)
"""RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR."""

_ROUTE_GROUPS: Final = (7, 11)
"""RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE."""

_RECEIVE_BYTES: Final = 1 << 18
_SO_RCVBUFFORCE: Final = 33
_QUEUE_BYTES: Final = 1 << 20
"""Enough for the renewals of 2,000 addresses at once: the usual buffer holds 250, and to lose some
of them means to ask for everything anew, each time."""


class Monitor:
    """Listens to the kernel."""

    def __init__(self) -> None:
        kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        self._socket = socket.socket(socket.AF_NETLINK, kind, 0)
        with suppress(PermissionError):  # Whoever may not take it lives with the usual one.
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _QUEUE_BYTES)
        self._socket.bind((0, 0))
        self._follow(_LINK_AND_ADDRESS_GROUPS)

    def fileno(self) -> int:
        """Readable when `read` has something to say."""
        return self._socket.fileno()

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()

    def follow_routes(self) -> None:
        """Tell of the routing tables, too, from now on."""
        self._follow(_ROUTE_GROUPS)

    def read(self) -> Iterator[Change]:
        """All that has happened since the last call.

        Raises: Overrun, when the only way to know is to ask anew.
        """
        while True:
            try:
                data = self._socket.recv(_RECEIVE_BYTES)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno == errno.ENOBUFS:
                    self._discard()
                    raise Overrun from error
                raise
            yield from changes(data)

    def _discard(self) -> None:
        """Read what is left, and forget it.

        Why: it is older than what the kernel says when it is asked anew, and what would put it
        right is among what was dropped.
        """
        while True:
            try:
                self._socket.recv(_RECEIVE_BYTES)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise

    def _follow(self, groups: tuple[int, ...]) -> None:
        for group in groups:
            self._socket.setsockopt(_SOL_NETLINK, _NETLINK_ADD_MEMBERSHIP, group)
