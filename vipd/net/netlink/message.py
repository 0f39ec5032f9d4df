"""Netlink messages: requests to bytes, and bytes to what they tell. The only door to pyroute2."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_interface
from typing import Any, Final, TypeAlias

from pyroute2.netlink import rtnl
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.marshal import MarshalRtnl
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from vipd.core.model import Family, IPAddress, Vip, family_of
from vipd.core.units import SECOND, Duration
from vipd.net.netlink.change import (
    AddressGone,
    AddressSeen,
    Change,
    KernelRefused,
    LinkGone,
    LinkSeen,
    RouteChanged,
)

ADDRESS_TAG: Final = 112
"""Our mark on every address that we install (IFA_PROTO, Linux 5.18): VRRP's protocol number."""

NLMSG_ERROR, NLMSG_DONE = 2, 3
_REQUEST, _ACK, _DUMP, _REPLACE, _EXCLUSIVE, _CREATE = 0x1, 0x4, 0x300, 0x100, 0x200, 0x400
_HEADER: Final = struct.Struct("=IHHII")
_ERROR: Final = struct.Struct("=i")

_IFF_UP, _IFF_RUNNING, _IFF_LOWER_UP = 0x1, 0x40, 0x10000
_IFA_F_NODAD, _IFA_F_DADFAILED = 0x02, 0x08
_IFA_F_TENTATIVE, _IFA_F_NOPREFIXROUTE = 0x40, 0x200
_SCOPE_LINK = 253
_FOREVER = 0xFFFFFFFF
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


def encode(messages: Sequence[Message], first_sequence: int) -> bytes:
    """Put messages into one datagram, numbered from `first_sequence`."""
    for number, message in enumerate(messages, first_sequence):
        message["header"]["sequence_number"] = number
        message.encode()
    return b"".join(bytes(message.data) for message in messages)


def dump_links() -> Message:
    """Ask for every interface."""
    return _as_request(ifinfmsg(), rtnl.RTM_GETLINK, _DUMP)


def dump_addresses() -> Message:
    """Ask for every address."""
    return _as_request(ifaddrmsg(), rtnl.RTM_GETADDR, _DUMP)


def new_address(index: int, vip: Vip, lease: Duration) -> Message:
    """Install an address; one that is there already is left as it is."""
    return _as_request(
        _own_address(index, vip, lease), rtnl.RTM_NEWADDR, _CREATE | _EXCLUSIVE | _ACK
    )


def renew_address(index: int, vip: Vip, lease: Duration) -> Message:
    """Let the lifetime of an address begin anew; one that is gone is installed again."""
    return _as_request(_own_address(index, vip, lease), rtnl.RTM_NEWADDR, _CREATE | _REPLACE | _ACK)


def _own_address(index: int, vip: Vip, lease: Duration) -> Message:
    """An address as we install it.

    Why: no prefix route, so that a virtual IP never attracts or loses the traffic of its subnet;
    no duplicate detection, because the old MASTER may still hold it for a moment and an address
    that waits does not serve; in IPv6 deprecated from the start, so that this host's own
    connections do not come from an address that will move away (RFC 6724 §5, rule 3).
    """
    message = _address(index, vip)
    flags = _IFA_F_NOPREFIXROUTE
    attributes = message["attrs"]
    valid = preferred = -(-lease // SECOND) or _FOREVER
    if family_of(vip) is Family.IPV6:
        flags |= _IFA_F_NODAD
        preferred = 0
    lifetimes = {"ifa_preferred": preferred, "ifa_valid": valid, "cstamp": 0, "tstamp": 0}
    attributes.append(("IFA_CACHEINFO", lifetimes))
    attributes += [("IFA_FLAGS", flags), ("IFA_PROTO", ADDRESS_TAG)]
    return message


def delete_address(index: int, vip: Vip) -> Message:
    """Remove an address, whoever installed it."""
    return _as_request(_address(index, vip), rtnl.RTM_DELADDR, _ACK)


def new_macvlan(name: str, parent: int, mac: bytes) -> Message:
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
    return _as_request(message, rtnl.RTM_NEWLINK, _CREATE | _EXCLUSIVE | _ACK)


def set_alias(index: int, alias: str) -> Message:
    """Give an interface a text that `ip link` shows."""
    message = ifinfmsg()
    message["index"] = index
    message["attrs"] = [("IFLA_IFALIAS", alias)]
    return _as_request(message, rtnl.RTM_SETLINK, _ACK)


def set_up(index: int) -> Message:
    """Put an interface into use."""
    message = ifinfmsg()
    message["index"] = index
    message["flags"] = message["change"] = _IFF_UP
    return _as_request(message, rtnl.RTM_SETLINK, _ACK)


def delete_link(index: int) -> Message:
    """Delete an interface."""
    message = ifinfmsg()
    message["index"] = index
    return _as_request(message, rtnl.RTM_DELLINK, _ACK)


def route_link_local(index: int) -> Message:
    """Let link-local IPv6 addresses be reached by an interface."""
    message = rtmsg()
    message["family"] = socket.AF_INET6
    message["dst_len"] = 64
    message["table"] = _RT_TABLE_MAIN
    message["proto"] = _RTPROT_VRRP
    message["type"] = _RTN_UNICAST
    message["attrs"] = [("RTA_DST", "fe80::"), ("RTA_OIF", index)]
    return _as_request(message, rtnl.RTM_NEWROUTE, _CREATE | _ACK)


def get_route(destination: IPAddress) -> Message:
    """Ask how a destination is reached."""
    message = rtmsg()
    message["family"] = _AF[family_of(destination)]
    message["dst_len"] = destination.max_prefixlen
    message["attrs"] = [("RTA_DST", str(destination))]
    return _as_request(message, rtnl.RTM_GETROUTE, 0)


def _address(index: int, vip: Vip) -> Message:
    message = ifaddrmsg()
    message["family"] = _AF[family_of(vip)]
    message["prefixlen"] = vip.network.prefixlen
    message["index"] = index
    text = str(vip.ip)
    message["attrs"] = [("IFA_LOCAL", text), ("IFA_ADDRESS", text)]
    return message


def _as_request(message: Message, kind: int, flags: int) -> Message:
    message["header"]["type"] = kind
    message["header"]["flags"] = flags | _REQUEST
    return message


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
    if code == 0:
        return None
    (parsed,) = MarshalRtnl().parse(message)
    return KernelRefused(-code, str(parsed.get_attr("NLMSGERR_ATTR_MSG") or ""))


def route(message: bytes) -> Route:
    """What the answer to `get_route` says."""
    (parsed,) = MarshalRtnl().parse(message)
    ends = (parsed.get_attr(name) for name in ("RTA_PREFSRC", "RTA_GATEWAY"))
    source, gateway = (ip_address(text) if text else None for text in ends)
    return Route(source=source, gateway=gateway)


def changes(data: bytes) -> Iterator[Change]:
    """What one datagram tells of links, addresses and routes."""
    for message in MarshalRtnl().parse(data):
        kind = message["header"]["type"]
        if kind == rtnl.RTM_NEWLINK and message["family"] == socket.AF_UNSPEC:
            yield _link_seen(message)
        elif kind == rtnl.RTM_DELLINK and message["family"] == socket.AF_UNSPEC:
            yield LinkGone(message["index"])
        elif kind == rtnl.RTM_NEWADDR:
            yield _address_seen(message)
        elif kind == rtnl.RTM_DELADDR:
            yield AddressGone(index=message["index"], address=_address_of(message))
        elif kind in (rtnl.RTM_NEWROUTE, rtnl.RTM_DELROUTE):
            yield RouteChanged()


def _link_seen(message: Message) -> LinkSeen:
    flags = message["flags"]
    mac = message.get_attr("IFLA_ADDRESS") or ""
    return LinkSeen(
        index=message["index"],
        name=message.get_attr("IFLA_IFNAME"),
        up=bool(flags & _IFF_UP),
        carrier=bool(flags & _IFF_RUNNING and flags & _IFF_LOWER_UP),
        mtu=message.get_attr("IFLA_MTU") or 0,
        mac=bytes.fromhex(mac.replace(":", "")),
        kind=message.get_nested("IFLA_LINKINFO", "IFLA_INFO_KIND") or "",
        alias=message.get_attr("IFLA_IFALIAS") or "",
    )


def _address_seen(message: Message) -> AddressSeen:
    flags = message.get_attr("IFA_FLAGS") or message["flags"]
    return AddressSeen(
        index=message["index"],
        address=_address_of(message),
        ours=message.get_attr("IFA_PROTO") == ADDRESS_TAG,
        usable=not flags & (_IFA_F_TENTATIVE | _IFA_F_DADFAILED),
        link_local=message["scope"] == _SCOPE_LINK,
    )


def _address_of(message: Message) -> Vip:
    """The host's own end: IFA_ADDRESS is the peer's on a point-to-point link."""
    text = message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS")
    return ip_interface(f"{text}/{message['prefixlen']}")
