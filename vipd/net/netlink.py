"""Netlink: what the kernel says of links and addresses, and what we ask of it.

The only door to pyroute2, of which we use the message formats. The sockets are our own: a request
is one `send` of all its messages, and the kernel has answered before `send` returns, so that
nothing here ever waits. Sources: rtnetlink(7), linux/if_addr.h, linux/netlink.h.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_interface
from typing import Any, Final, TypeAlias

from pyroute2.netlink import rtnl
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.marshal import MarshalRtnl
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from vipd.core.model import Family, Vip, family_of

ADDRESS_TAG: Final = 112
"""Our mark on every address that we install (IFA_PROTO, Linux 5.18): VRRP's protocol number."""

_SOL_NETLINK: Final = 270
_NETLINK_ADD_MEMBERSHIP: Final = 1
_NETLINK_EXT_ACK: Final = 11
_ROUTE_GROUPS: Final = (7, 11)
"""RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE."""

_RECEIVE_BYTES: Final = 1 << 18
_BATCH: Final = 64
"""Requests in one `send`: their answers fit the default receive buffer of any kernel."""

_NLM_F_REQUEST, _NLM_F_ACK, _NLM_F_DUMP = 0x1, 0x4, 0x300
_NLM_F_EXCL, _NLM_F_CREATE = 0x200, 0x400
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_HEADER: Final = struct.Struct("=IHHII")
_ERROR: Final = struct.Struct("=i")

_IFF_UP, _IFF_RUNNING, _IFF_LOWER_UP = 0x1, 0x40, 0x10000
_IFA_F_NODAD, _IFA_F_DADFAILED = 0x02, 0x08
_IFA_F_TENTATIVE, _IFA_F_NOPREFIXROUTE = 0x40, 0x200
_SCOPE_LINK = 253
_FOREVER = 0xFFFFFFFF
_RT_TABLE_MAIN, _RTPROT_VRRP, _RTN_UNICAST = 254, 112, 1
_AF: Final = {Family.IPV4: socket.AF_INET, Family.IPV6: socket.AF_INET6}


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSeen:
    """An interface is there, or has changed.

    `kind` is the driver of one that was made by software, such as `macvlan`; `alias` is the text
    that somebody gave it. Both are empty where there is none.
    """

    index: int
    name: str
    up: bool
    carrier: bool
    mtu: int
    mac: bytes
    kind: str = ""
    alias: str = ""


@dataclass(frozen=True, slots=True)
class LinkGone:
    """An interface has been deleted."""

    index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressSeen:
    """An address is there, or has changed.

    `ours` says that it carries our tag; `usable` that it is past duplicate address detection.
    """

    index: int
    address: Vip
    ours: bool
    usable: bool
    link_local: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressGone:
    """An address has been removed."""

    index: int
    address: Vip


@dataclass(frozen=True, slots=True)
class RouteChanged:
    """The routing table is another one."""


Message: TypeAlias = Any
"""One parsed netlink message of pyroute2, which has no types."""

Change: TypeAlias = LinkSeen | LinkGone | AddressSeen | AddressGone | RouteChanged


class KernelRefused(Exception):
    """The kernel said no; the text is its reason."""

    def __init__(self, code: int, detail: str) -> None:
        self.code = code
        super().__init__(f"{os.strerror(code)}: {detail}" if detail else os.strerror(code))


class Overrun(Exception):
    """The kernel dropped messages because we read too late: what we know is out of date."""


class Monitor:
    """The kernel's messages about links and addresses, as they happen."""

    def __init__(self) -> None:
        self._socket = _netlink_socket()
        self._socket.setblocking(False)
        groups = rtnl.RTMGRP_LINK | rtnl.RTMGRP_IPV4_IFADDR | rtnl.RTMGRP_IPV6_IFADDR
        self._socket.bind((0, groups))

    def fileno(self) -> int:
        """Readable when `read` has something to say."""
        return self._socket.fileno()

    def follow_routes(self) -> None:
        """Tell of the routing tables, too, from now on."""
        for group in _ROUTE_GROUPS:
            self._socket.setsockopt(_SOL_NETLINK, _NETLINK_ADD_MEMBERSHIP, group)

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
                    raise Overrun from error
                raise
            yield from _changes(data)

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()


class Requests:
    """What we ask of the kernel; every answer is there when a method returns."""

    def __init__(self) -> None:
        self._socket = _netlink_socket()
        self._socket.setsockopt(_SOL_NETLINK, _NETLINK_EXT_ACK, 1)
        self._socket.bind((0, 0))
        self._sequence = 0

    def close(self) -> None:
        """End the conversation."""
        self._socket.close()

    def links(self) -> list[Change]:
        """Every interface of this network namespace."""
        return self._dump(rtnl.RTM_GETLINK, ifinfmsg)

    def addresses(self) -> list[Change]:
        """Every address of this network namespace, in the kernel's order."""
        return self._dump(rtnl.RTM_GETADDR, ifaddrmsg)

    def add(self, index: int, addresses: Sequence[Vip]) -> list[KernelRefused | None]:
        """Install addresses with our tag; one result for each, None where it worked.

        An address that is there already is refused with EEXIST and left as it is.
        """
        flags = _NLM_F_CREATE | _NLM_F_EXCL
        return self._submit(rtnl.RTM_NEWADDR, flags, index, addresses, _describe_new)

    def remove(self, index: int, addresses: Sequence[Vip]) -> list[KernelRefused | None]:
        """Remove addresses, whoever installed them; one result for each, None where it worked."""
        return self._submit(rtnl.RTM_DELADDR, 0, index, addresses, _describe)

    def add_macvlan(self, name: str, parent: int, mac: bytes) -> int:
        """Make a macvlan in bridge mode, which is down; return its index. Raises: KernelRefused."""
        mode = {"attrs": [("IFLA_MACVLAN_MODE", "bridge")]}
        kind = {"attrs": [("IFLA_INFO_KIND", "macvlan"), ("IFLA_INFO_DATA", mode)]}
        message = ifinfmsg()
        message["attrs"] = [
            ("IFLA_IFNAME", name),
            ("IFLA_LINK", parent),
            ("IFLA_ADDRESS", mac.hex(":")),
            ("IFLA_LINKINFO", kind),
        ]
        self._order(rtnl.RTM_NEWLINK, _NLM_F_CREATE | _NLM_F_EXCL, message)
        return socket.if_nametoindex(name)

    def set_alias(self, index: int, alias: str) -> None:
        """Give an interface a text that `ip link` shows. Raises: KernelRefused."""
        message = ifinfmsg()
        message["index"] = index
        message["attrs"] = [("IFLA_IFALIAS", alias)]
        self._order(rtnl.RTM_SETLINK, 0, message)

    def set_up(self, index: int) -> None:
        """Put an interface into use. Raises: KernelRefused."""
        message = ifinfmsg()
        message["index"] = index
        message["flags"] = message["change"] = _IFF_UP
        self._order(rtnl.RTM_SETLINK, 0, message)

    def delete_link(self, index: int) -> None:
        """Delete an interface. Raises: KernelRefused."""
        message = ifinfmsg()
        message["index"] = index
        self._order(rtnl.RTM_DELLINK, 0, message)

    def route_link_local(self, index: int) -> None:
        """Let link-local IPv6 addresses be reached by an interface. Raises: KernelRefused."""
        message = rtmsg()
        message["family"] = socket.AF_INET6
        message["dst_len"] = 64
        message["table"] = _RT_TABLE_MAIN
        message["proto"] = _RTPROT_VRRP
        message["type"] = _RTN_UNICAST
        message["attrs"] = [("RTA_DST", "fe80::"), ("RTA_OIF", index)]
        self._order(rtnl.RTM_NEWROUTE, _NLM_F_CREATE, message)

    def _order(self, kind: int, flags: int, message: Message) -> None:
        """Ask for one thing. Raises: KernelRefused."""
        self._send(kind, flags | _NLM_F_ACK, [message])
        (refused,) = self._answers(1)
        if refused:
            raise refused

    def _submit(
        self,
        kind: int,
        flags: int,
        index: int,
        addresses: Sequence[Vip],
        describe: Callable[[int, Vip], ifaddrmsg],
    ) -> list[KernelRefused | None]:
        results: list[KernelRefused | None] = []
        for start in range(0, len(addresses), _BATCH):
            batch = [describe(index, vip) for vip in addresses[start : start + _BATCH]]
            self._send(kind, flags | _NLM_F_ACK, batch)
            results += self._answers(len(batch))
        return results

    def _send(self, kind: int, flags: int, messages: Sequence[Message]) -> None:
        for message in messages:
            self._sequence += 1
            message["header"]["type"] = kind
            message["header"]["flags"] = flags | _NLM_F_REQUEST
            message["header"]["sequence_number"] = self._sequence
            message.encode()
        self._socket.send(b"".join(bytes(message.data) for message in messages))

    def _answers(self, count: int) -> list[KernelRefused | None]:
        """The acknowledgements of the last `count` requests, in their order."""
        answers: dict[int, KernelRefused | None] = {}
        first = self._sequence - count + 1
        while len(answers) < count:
            for kind, sequence, message in _split(self._socket.recv(_RECEIVE_BYTES)):
                if kind == _NLMSG_ERROR and sequence >= first:
                    answers[sequence] = _refusal(message)
        return [answers[sequence] for sequence in sorted(answers)]

    def _dump(self, kind: int, message_class: type) -> list[Change]:
        """Ask for all there is. The answer is read to its end: what is left would be the next."""
        self._send(kind, _NLM_F_DUMP, [message_class()])
        changes: list[Change] = []
        while True:
            data = self._socket.recv(_RECEIVE_BYTES)
            changes += _changes(data)
            if any(kind in (_NLMSG_DONE, _NLMSG_ERROR) for kind, _, _ in _split(data)):
                return changes


def _netlink_socket() -> socket.socket:
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)


def _describe(index: int, vip: Vip) -> ifaddrmsg:
    message = ifaddrmsg()
    message["family"] = _AF[family_of(vip)]
    message["prefixlen"] = vip.network.prefixlen
    message["index"] = index
    text = str(vip.ip)
    message["attrs"] = [("IFA_LOCAL", text), ("IFA_ADDRESS", text)]
    return message


def _describe_new(index: int, vip: Vip) -> ifaddrmsg:
    """Describe an address as we install it.

    Why: no prefix route, so that a virtual IP never attracts or loses the traffic of its subnet;
    no duplicate detection, because the old MASTER may still hold it for a moment and an address
    that waits does not serve; in IPv6 deprecated from the start, so that this host's own
    connections do not come from an address that will move away (RFC 6724 §5, rule 3).
    """
    message = _describe(index, vip)
    flags = _IFA_F_NOPREFIXROUTE
    attributes = message["attrs"]
    if family_of(vip) is Family.IPV6:
        flags |= _IFA_F_NODAD
        lifetimes = {"ifa_preferred": 0, "ifa_valid": _FOREVER, "cstamp": 0, "tstamp": 0}
        attributes.append(("IFA_CACHEINFO", lifetimes))
    attributes += [("IFA_FLAGS", flags), ("IFA_PROTO", ADDRESS_TAG)]
    return message


def _split(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """The messages of one datagram: type, sequence number, all bytes."""
    offset = 0
    while offset + _HEADER.size <= len(data):
        length, kind, _, sequence, _ = _HEADER.unpack_from(data, offset)
        if length < _HEADER.size:
            return
        yield kind, sequence, data[offset : offset + length]
        offset += (length + 3) & ~3


def _refusal(message: bytes) -> KernelRefused | None:
    (code,) = _ERROR.unpack_from(message, _HEADER.size)
    if code == 0:
        return None
    (parsed,) = MarshalRtnl().parse(message)
    return KernelRefused(-code, str(parsed.get_attr("NLMSGERR_ATTR_MSG") or ""))


def _changes(data: bytes) -> Iterator[Change]:
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
