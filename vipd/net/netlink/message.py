"""Netlink messages: requests to bytes, and bytes to what they tell. The only door to pyroute2.

What is many is made cheap. The request for one address is the same bytes each time, and is made
once; only its number differs. The kernel says of an order that it was refused, and of the last of
many that all are done. The bodies of address messages are those of `address_message.py`.

Of pyroute2 only the formats of links and routes are imported: as a whole it brings its sockets, its
servers, its database and SQLite along, 10 MB and a tenth of a second before the agent listens.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from typing import Any, Final, TypeAlias

from vipd.core.model import Family, IPAddress, Vip, family_of
from vipd.core.units import Duration
from vipd.lean import in_parts
from vipd.net.netlink.address_message import (
    address_dump,
    address_gone,
    address_seen,
    bare_address,
    own_address,
)
from vipd.net.netlink.change import (
    Change,
    KernelRefused,
    LinkGone,
    LinkSeen,
    RouteChanged,
)

in_parts("pyroute2")
from pyroute2.netlink import rtnl  # noqa: E402
from pyroute2.netlink.exceptions import NetlinkDecodeError  # noqa: E402
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg  # noqa: E402
from pyroute2.netlink.rtnl.rtmsg import rtmsg  # noqa: E402

NLMSG_ERROR, NLMSG_DONE = 2, 3
RTM_NEWADDR: Final[int] = rtnl.RTM_NEWADDR
_REQUEST, _ACK, _DUMP, _REPLACE, _EXCLUSIVE, _CREATE = 0x1, 0x4, 0x300, 0x100, 0x200, 0x400
_HEADER: Final = struct.Struct("=IHHII")
_SEQUENCE: Final = struct.Struct("=I")
_FLAGS: Final = struct.Struct("=H")
_FLAGS_AT: Final = 6
_SEQUENCE_AT: Final = 8
_ERROR: Final = struct.Struct("=i")
_WHY_AT: Final = _HEADER.size + _ERROR.size + _HEADER.size
"""Where a refusal says why: after the code and the header of what was refused (NETLINK_CAP_ACK)."""

_WHY: Final = struct.Struct("=HH")
_NLMSGERR_ATTR_MSG: Final = 1
_REQUESTS_KEPT: Final = 4096
"""Of each kind; more than any host has addresses to hold."""

_IFF_UP, _IFF_RUNNING, _IFF_LOWER_UP = 0x1, 0x40, 0x10000
_RT_TABLE_MAIN, _RTPROT_VRRP, _RTN_UNICAST = 254, 112, 1
_AF: Final = {Family.IPV4: socket.AF_INET, Family.IPV6: socket.AF_INET6}

Message: TypeAlias = Any
"""One message of pyroute2, which has no types."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """How a destination is reached: from which address, and by which router, if by one."""

    source: IPAddress | None
    gateway: IPAddress | None


# -- requests ---------------------------------------------------------------------------------


def encode(requests: Sequence[bytes], first_sequence: int) -> bytes:
    """Put requests into one datagram, numbered from `first_sequence`."""
    datagram, at = bytearray().join(requests), _SEQUENCE_AT
    for number, request in enumerate(requests, first_sequence):
        _SEQUENCE.pack_into(datagram, at, number)
        at += len(request)
    return bytes(datagram)


def answered(request: bytes) -> bytes:
    """The same request, which the kernel answers when it does what it is asked for, too."""
    (flags,) = _FLAGS.unpack_from(request, _FLAGS_AT)
    return request[:_FLAGS_AT] + _FLAGS.pack(flags | _ACK) + request[_SEQUENCE_AT:]


def dump_links() -> bytes:
    """Ask for every interface."""
    return _as_request(ifinfmsg(), rtnl.RTM_GETLINK, _DUMP)


def get_link(index: int) -> bytes:
    """Ask for one interface."""
    message = ifinfmsg()
    message["index"] = index
    return _as_request(message, rtnl.RTM_GETLINK, 0)


def dump_addresses(index: int = 0) -> bytes:
    """Ask for every address, or for those of one interface."""
    return _request(address_dump(index), rtnl.RTM_GETADDR, _DUMP)


@lru_cache(_REQUESTS_KEPT)
def new_address(index: int, vip: Vip, lease: Duration) -> bytes:
    """Install an address; one that is there already is left as it is."""
    body = own_address(index, vip, lease)
    return _request(body, RTM_NEWADDR, _CREATE | _EXCLUSIVE)


@lru_cache(_REQUESTS_KEPT)
def renew_address(index: int, vip: Vip, lease: Duration) -> bytes:
    """Let the lifetime of an address begin anew; one that is gone is installed again."""
    body = own_address(index, vip, lease)
    return _request(body, RTM_NEWADDR, _CREATE | _REPLACE)


def restore_address(saved: bytes) -> bytes:
    """Install an address again, just as the kernel has told of it."""
    return _request(saved[_HEADER.size :], RTM_NEWADDR, _CREATE | _EXCLUSIVE)


@lru_cache(_REQUESTS_KEPT)
def delete_address(index: int, vip: Vip) -> bytes:
    """Remove an address, whoever installed it."""
    return _request(bare_address(index, vip), rtnl.RTM_DELADDR, 0)


def new_macvlan(name: str, parent: int, mac: bytes) -> bytes:
    """Make a macvlan in bridge mode, which is down."""
    mode = {"attrs": [("IFLA_MACVLAN_MODE", "bridge")]}
    kind = {"attrs": [("IFLA_INFO_KIND", "macvlan"), ("IFLA_INFO_DATA", mode)]}
    message = ifinfmsg()
    message["attrs"] = [
        ("IFLA_IFNAME", name),
        ("IFLA_LINK", parent),
        ("IFLA_ADDRESS", mac.hex(":")),
        ("IFLA_LINKINFO", kind),
    ]
    return _as_request(message, rtnl.RTM_NEWLINK, _CREATE | _EXCLUSIVE)


def set_alias(index: int, alias: str) -> bytes:
    """Give an interface a text that `ip link` shows."""
    message = ifinfmsg()
    message["index"] = index
    message["attrs"] = [("IFLA_IFALIAS", alias)]
    return _as_request(message, rtnl.RTM_SETLINK, 0)


def set_up(index: int) -> bytes:
    """Put an interface into use."""
    message = ifinfmsg()
    message["index"] = index
    message["flags"] = message["change"] = _IFF_UP
    return _as_request(message, rtnl.RTM_SETLINK, 0)


def delete_link(index: int) -> bytes:
    """Delete an interface."""
    message = ifinfmsg()
    message["index"] = index
    return _as_request(message, rtnl.RTM_DELLINK, 0)


def route_link_local(index: int) -> bytes:
    """Let link-local IPv6 addresses be reached by an interface."""
    message = rtmsg()
    message["family"] = socket.AF_INET6
    message["dst_len"] = 64
    message["table"] = _RT_TABLE_MAIN
    message["proto"] = _RTPROT_VRRP
    message["type"] = _RTN_UNICAST
    message["attrs"] = [("RTA_DST", "fe80::"), ("RTA_OIF", index)]
    return _as_request(message, rtnl.RTM_NEWROUTE, _CREATE)


def get_route(destination: IPAddress) -> bytes:
    """Ask how a destination is reached."""
    message = rtmsg()
    message["family"] = _AF[family_of(destination)]
    message["dst_len"] = destination.max_prefixlen
    message["attrs"] = [("RTA_DST", str(destination))]
    return _as_request(message, rtnl.RTM_GETROUTE, 0)


def _request(body: bytes, kind: int, flags: int) -> bytes:
    return _HEADER.pack(_HEADER.size + len(body), kind, flags | _REQUEST, 0, 0) + body


def _as_request(message: Message, kind: int, flags: int) -> bytes:
    message["header"]["type"] = kind
    message["header"]["flags"] = flags | _REQUEST
    message.encode()
    return bytes(message.data)


# -- what is told -----------------------------------------------------------------------------


def split(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """The messages of one datagram: type, sequence number, all bytes."""
    offset = 0
    while offset + _HEADER.size <= len(data):
        length, kind, _, sequence, _ = _HEADER.unpack_from(data, offset)
        if length < _HEADER.size:
            return
        yield kind, sequence, data[offset : offset + length]
        offset += (length + 3) & ~3


def refusal(message: bytes) -> KernelRefused | None:
    """What an acknowledgement says; None when all is well."""
    (code,) = _ERROR.unpack_from(message, _HEADER.size)
    return KernelRefused(-code, _reason(message)) if code else None


def _reason(message: bytes) -> str:
    """The kernel's words for a refusal; most have none."""
    at = _WHY_AT
    while at + _WHY.size <= len(message):
        length, kind = _WHY.unpack_from(message, at)
        if kind == _NLMSGERR_ATTR_MSG:
            return message[at + _WHY.size : at + length].rstrip(b"\0").decode(errors="replace")
        at += max(_WHY.size, (length + 3) & ~3)
    return ""


def route(message: bytes) -> Route:
    """What the answer to `get_route` says."""
    parsed = _understood(rtmsg(message))
    ends = (parsed.get_attr(name) for name in ("RTA_PREFSRC", "RTA_GATEWAY"))
    source, gateway = (ip_address(text) if text else None for text in ends)
    return Route(source=source, gateway=gateway)


def changes(data: bytes) -> Iterator[Change]:
    """What one datagram tells of links, addresses and routes."""
    for kind, _, message in split(data):
        if kind == RTM_NEWADDR:
            yield address_seen(message)
        elif kind == rtnl.RTM_DELADDR:
            yield address_gone(message)
        elif kind in (rtnl.RTM_NEWLINK, rtnl.RTM_DELLINK):
            yield from _link(message)
        elif kind in (rtnl.RTM_NEWROUTE, rtnl.RTM_DELROUTE):
            yield RouteChanged()


def _understood(message: Message) -> Message:
    """Read a message; what somebody else's attribute means need not be known."""
    with suppress(NetlinkDecodeError):
        message.decode()
    return message


def _link(data: bytes) -> Iterator[Change]:
    """What a message tells of an interface; nothing if it is of its family's part alone."""
    message = _understood(ifinfmsg(data))
    if message["family"] != socket.AF_UNSPEC:
        return
    if message["header"]["type"] == rtnl.RTM_NEWLINK:
        yield _link_seen(message)
    else:
        yield LinkGone(message["index"])


def _link_seen(message: Message) -> LinkSeen:
    flags = message["flags"]
    mac = message.get_attr("IFLA_ADDRESS") or ""
    kind = message.get_nested("IFLA_LINKINFO", "IFLA_INFO_KIND") or ""
    # Of other kinds it is the other end; with a namespace, the number is not one of ours.
    lies = kind == "macvlan" and message.get_attr("IFLA_LINK_NETNSID") is None
    mode = ("IFLA_LINKINFO", "IFLA_INFO_DATA", "IFLA_MACVLAN_MODE")
    return LinkSeen(
        index=message["index"],
        name=message.get_attr("IFLA_IFNAME"),
        up=bool(flags & _IFF_UP),
        carrier=bool(flags & _IFF_RUNNING and flags & _IFF_LOWER_UP),
        mtu=message.get_attr("IFLA_MTU") or 0,
        mac=bytes.fromhex(mac.replace(":", "")),
        kind=kind,
        alias=message.get_attr("IFLA_IFALIAS") or "",
        parent=message.get_attr("IFLA_LINK") if lies else 0,
        mode=message.get_nested(*mode) or "" if lies else "",
        carriers=message.get_attr("IFLA_CARRIER_CHANGES") or 0,
    )
