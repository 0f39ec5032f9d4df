"""Routes as the kernel tells them, and which of them are wanted. Source: rtnetlink(7)."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any, Final, Self

from vipd.core.model import IPAddress
from vipd.track.outcome import Outcome
from vipd.track.rtnetlink import attribute, attributes, number

MAIN_TABLE: Final = 254

_ROUTE: Final = struct.Struct("=BBBBBBBBI")
"""struct rtmsg: family, length of destination and source, TOS, table, protocol, scope, type,
flags."""

_HOP: Final = struct.Struct("=HBBI")
"""struct rtnexthop: size, flags, weight, interface."""

_DESTINATION, _INTERFACE, _GATEWAY, _METRIC, _HOPS, _VIA, _TABLE, _NEXTHOP = (
    1, 4, 5, 6, 9, 18, 15, 30,
)  # fmt: skip

_UNICAST: Final = 1
_TYPES: Mapping[int, str] = {6: "blackhole", 7: "unreachable", 8: "prohibit", 9: "throw"}

_DEAD, _LINK_DOWN, _CLONED = 0x01, 0x10, 0x200
"""RTNH_F_DEAD, RTNH_F_LINKDOWN; RTM_F_CLONED marks what is remembered of a route, and is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One way that a route leads."""

    index: int
    gateway: IPAddress | None
    flags: int

    @property
    def interface(self) -> str:
        """The name of its interface now, or its number, when it is gone."""
        try:
            return socket.if_indextoname(self.index)
        except (OSError, OverflowError):
            return f"interface {self.index}"

    def __str__(self) -> str:
        via = f" via {self.gateway}" if self.gateway else ""
        fault = " (its link is down)" if self.flags & _LINK_DOWN else ""
        if not fault and self.flags & _DEAD:
            fault = " (dead)"
        return f"{via} by {self.interface}{fault}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A route to what is wanted. `nexthop` is the number of the nexthop object; 0 is none."""

    type: int
    metric: int
    hops: tuple[Hop, ...]
    nexthop: int

    @property
    def indices(self) -> frozenset[int]:
        """The interfaces that it leads by."""
        return frozenset(hop.index for hop in self.hops)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The route that a tracker looks for.

    `destination` is how a message says where such a route leads; of a default route none does.
    """

    network: IPv4Network | IPv6Network
    destination: bytes
    via: IPAddress | None = None
    interface: str | None = None
    table: int = MAIN_TABLE

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Self:
        """What the options of a tracker say."""
        network = ip_network(options["destination"])
        said = attribute(_DESTINATION, network.network_address.packed)
        via = options.get("via")
        return cls(
            network=network,
            destination=said if network.prefixlen else b"",
            via=ip_address(via) if via else None,
            interface=options.get("interface"),
        )

    @property
    def family(self) -> int:
        """AF_INET or AF_INET6."""
        return socket.AF_INET if self.network.version == 4 else socket.AF_INET6

    def question(self) -> bytes:
        """Ask for the routes of the table. An older kernel tells those of all tables."""
        table = struct.pack("=I", self.table)
        return _ROUTE.pack(self.family, 0, 0, 0, self.table, 0, 0, 0, 0) + attribute(_TABLE, table)

    def hop(self, route: Route) -> Hop | None:
        """The way of a route that is as wanted and can be gone, if there is one."""
        return next(filter(self._is_as_wanted, route.hops), None)

    def is_met_by(self, route: Route) -> bool:
        """Whether packets leave by it as wanted.

        Why the nexthop object: a kernel that is told to does not say where it leads.
        """
        anywhere = self.via is None and self.interface is None
        blind = anywhere and route.nexthop != 0 and not route.hops
        return route.type == _UNICAST and (blind or self.hop(route) is not None)

    def judge(self, met: Route | None, others: Sequence[Route]) -> Outcome:
        """What there is, in words; of those that are not as wanted the first is told."""
        if met:
            metric = f", metric {met.metric}" if met.metric else ""
            return Outcome(ok=True, text=f"{self._what}{self.hop(met) or ''}{metric}")
        via = f" via {self.via}" if self.via else ""
        by = f" by {self.interface}" if self.interface else ""
        only = f", only {describe(others[0])}" if others else ""
        return Outcome(ok=False, text=f"there is no {self._what}{via}{by}{only}")

    def _is_as_wanted(self, hop: Hop) -> bool:
        return (
            not hop.flags & (_DEAD | _LINK_DOWN)
            and self.via in (None, hop.gateway)
            and self.interface in (None, hop.interface)
        )

    @property
    def _what(self) -> str:
        if self.network.prefixlen:
            return f"route to {self.network}"
        return "default route" if self.network.version == 4 else "default route of IPv6"


def describe(route: Route) -> str:
    """Where a route leads."""
    if route.type != _UNICAST:
        return f"one of type {_TYPES.get(route.type, route.type)}"
    return ",".join(map(str, route.hops)).strip() or "one that leads nowhere"


def route_of(body: bytes, wanted: Wanted) -> Route | None:
    """The route that a message is about, if it leads to what is wanted; by whom does not matter.

    Why bytes first: a table of a million routes passes here.
    """
    if wanted.destination not in body or len(body) < _ROUTE.size:
        return None
    family, length, source, _, table, _, _, type_, flags = _ROUTE.unpack_from(body)
    is_route = not flags & _CLONED and (source, table) == (0, wanted.table)
    if not is_route or (family, length) != (wanted.family, wanted.network.prefixlen):
        return None
    said = attributes(body[_ROUTE.size :])
    if wanted.destination and said.get(_DESTINATION) != wanted.network.network_address.packed:
        return None
    hops = _hops(said[_HOPS]) if _HOPS in said else _hop(said, flags)
    return Route(
        type=type_,
        metric=number(said.get(_METRIC)),
        hops=tuple(hops),
        nexthop=number(said.get(_NEXTHOP)),
    )


def is_beyond(body: bytes, wanted: Wanted) -> bool:
    """Whether all that follows in the table lies beyond what is wanted: that of IPv4 is sorted."""
    if wanted.network.version != 4 or len(body) < _ROUTE.size:
        return False
    family, _, _, _, table, *_ = _ROUTE.unpack_from(body)
    if (family, table) != (wanted.family, wanted.table):
        return False
    destination = attributes(body[_ROUTE.size :]).get(_DESTINATION, b"")
    return destination > wanted.network.network_address.packed


def _hop(said: Mapping[int, bytes], flags: int) -> Iterator[Hop]:
    """The way of a route that has one only."""
    if _INTERFACE in said:
        yield Hop(index=number(said[_INTERFACE]), gateway=_gateway(said), flags=flags)


def _hops(data: bytes) -> Iterator[Hop]:
    """The ways of a route that has several."""
    at = 0
    while at + _HOP.size <= len(data):
        size, flags, _, index = _HOP.unpack_from(data, at)
        if size < _HOP.size:
            return
        said = attributes(data[at + _HOP.size : at + size])
        yield Hop(index=index, gateway=_gateway(said), flags=flags)
        at += (size + 3) & ~3


def _gateway(said: Mapping[int, bytes]) -> IPAddress | None:
    """The gateway; one of the other family comes with the number of its family."""
    packed = said.get(_GATEWAY) or said.get(_VIA, b"")[2:]
    return ip_address(packed) if len(packed) in (4, 16) else None
