"""Membership of the VRRP groups, for as long as somebody wants to hear them.

Why: A switch that snoops on IGMP and MLD sends a group's packets only to who has joined it.
"""

from __future__ import annotations

import socket
import struct
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Self

from vipd.core.model import Family
from vipd.wire.vrrp import GROUP


class Membership:
    """A member of both groups on one interface, from `with` to the end of the block.

    Where the interface does not have a family, there is nothing to join and nothing to hear.
    """

    def __init__(self, interface: str) -> None:
        self._index = socket.if_nametoindex(interface)
        self._sockets = ExitStack()

    def __enter__(self) -> Self:
        # struct ip_mreqn of ip(7) and struct ipv6_mreq of ipv6(7).
        member_4 = struct.pack("=4s4si", GROUP[Family.IPV4].packed, bytes(4), self._index)
        member_6 = struct.pack("=16si", GROUP[Family.IPV6].packed, self._index)
        self._join(socket.AF_INET, socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member_4)
        self._join(socket.AF_INET6, socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, member_6)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._sockets.close()

    def _join(self, family: int, level: int, option: int, member: bytes) -> None:
        with suppress(OSError):
            opened = self._sockets.enter_context(socket.socket(family, socket.SOCK_DGRAM))
            opened.setsockopt(level, option, member)
