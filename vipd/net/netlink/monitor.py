"""The kernel's messages about links, addresses and routes, as they come.

What we have just told the kernel ourselves is no news: renewals of leases come back from it as
messages, hundreds in a second, and a filter in the kernel drops those. It knows them by the port
that the request came from, which the kernel notes in IPv4 messages only (nlmsg_pid, as set by
rtmsg_ifa in net/ipv4/devinet.c and not by inet6_ifa_notify in net/ipv6/addrconf.c): of IPv6
addresses, every renewal is read.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from vipd.net.bpf import DROP, assemble, attach, jump_if_one_of, keep
from vipd.net.netlink.change import Change, Overrun
from vipd.net.netlink.message import RTM_NEWADDR, changes

_SOL_NETLINK: Final = 270
_NETLINK_ADD_MEMBERSHIP: Final = 1
_LINK_AND_ADDRESS_GROUPS: Final = (1, 5, 9)
"""RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR."""

_ROUTE_GROUPS: Final = (7, 11)
"""RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE."""

_KIND: Final = struct.Struct("=H")
_KIND_AT: Final = 4
_PORT: Final = struct.Struct("=I")
_PORT_AT: Final = 12
_WHOLE: Final = 0xFFFFFFFF

_RECEIVE_BYTES: Final = 1 << 16
"""More than any message has. The kernel gives one at a time, so larger pieces would not help."""

_SO_RCVBUFFORCE: Final = 33
_QUEUE_BYTES: Final = 1 << 20
"""Enough for 2,000 addresses at once, as when many virtual routers are taken over: the usual buffer
holds 250, and to lose some of them means to ask for everything anew."""


class Monitor:
    """Listens to the kernel, but for what it says of addresses that a port of ours has renewed."""

    def __init__(self, unheard_port: int) -> None:
        kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        self._socket = socket.socket(socket.AF_NETLINK, kind, 0)
        with suppress(PermissionError):  # Whoever may not take it lives with the usual one.
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _QUEUE_BYTES)
        attach(self._socket, _all_but_addresses_of(unheard_port))
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


def _all_but_addresses_of(port: int) -> bytes:
    """A filter that drops what is said of new or changed addresses because of this port's request.

    Order: it is attached before anything can come.
    """
    return assemble(
        *jump_if_one_of([_KIND.pack(RTM_NEWADDR)], _KIND_AT, "address"),
        keep(_WHOLE),
        "address",
        *jump_if_one_of([_PORT.pack(port)], _PORT_AT, "ours"),
        keep(_WHOLE),
        "ours",
        DROP,
    )
