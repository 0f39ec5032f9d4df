"""Messages of addresses, written and read without pyroute2.

Each renewal of a lease is such a message to the kernel and one from it: with hundreds of addresses
there are hundreds in a second, for ever. This way each takes a tenth of the time or less, and a
claim, which others wait for, is not held up by the writing of its messages.
Sources: rtnetlink(7), linux/if_addr.h, struct nlattr of linux/netlink.h.
"""

from __future__ import annotations

import socket
import struct
from functools import lru_cache
from ipaddress import IPv4Interface, IPv6Interface, ip_address
from typing import Final

from vipd.core.model import Vip
from vipd.core.units import SECOND, Duration
from vipd.net.netlink.change import INSTALLED_FLAGS, TOLD_FLAGS, AddressGone, AddressSeen

ADDRESS_TAG: Final = 112
"""Our mark on every address that we install (IFA_PROTO, Linux 5.18): VRRP's protocol number."""

FOREVER: Final = 0xFFFFFFFF
"""A lifetime without end."""

_HEADER_BYTES: Final = 16
_IFADDRMSG: Final = struct.Struct("=BBBBI")
_ATTRIBUTE: Final = struct.Struct("=HH")
_NUMBER: Final = struct.Struct("=I")
_CACHEINFO: Final = struct.Struct("=IIII")
_IFA_ADDRESS, _IFA_LOCAL, _IFA_CACHEINFO, _IFA_FLAGS, _IFA_PROTO = 1, 2, 6, 8, 11
_SCOPE_LINK: Final = 253
_ADDRESSES_KEPT: Final = 4096


def whole_seconds(lease: Duration) -> int:
    """A lease as the kernel counts it; 0 is for ever."""
    return -(-lease // SECOND)


# -- written ----------------------------------------------------------------------------------


def address_dump(index: int) -> bytes:
    """The body of a question for the addresses of an interface, or of all if it is 0."""
    return _IFADDRMSG.pack(socket.AF_UNSPEC, 0, 0, 0, index)


def bare_address(index: int, vip: Vip) -> bytes:
    """The body of a message that names an address and says no more of it."""
    family = socket.AF_INET if vip.version == 4 else socket.AF_INET6
    head = _IFADDRMSG.pack(family, vip.network.prefixlen, 0, 0, index)
    return head + b"".join(_attribute(kind, vip.packed) for kind in (_IFA_LOCAL, _IFA_ADDRESS))


def own_address(index: int, vip: Vip, lease: Duration) -> bytes:
    """The body of a message that has an address as we install it.

    Why: no prefix route, so that a virtual IP never attracts or loses the traffic of its subnet;
    no duplicate detection, because the old MASTER may still hold it for a moment and an address
    that waits does not serve; in IPv6 deprecated from the start, so that this host's own
    connections do not come from an address that will move away (RFC 6724 §5, rule 3).
    """
    valid = whole_seconds(lease) or FOREVER
    preferred = valid if vip.version == 4 else 0
    return (
        bare_address(index, vip)
        + _attribute(_IFA_CACHEINFO, _CACHEINFO.pack(preferred, valid, 0, 0))
        + _attribute(_IFA_FLAGS, _NUMBER.pack(INSTALLED_FLAGS[vip.version]))
        + _attribute(_IFA_PROTO, bytes([ADDRESS_TAG]))
    )


def _attribute(kind: int, data: bytes) -> bytes:
    padding = bytes(-len(data) % 4)
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(data), kind) + data + padding


# -- read -------------------------------------------------------------------------------------


def address_seen(message: bytes) -> AddressSeen:
    """What RTM_NEWADDR tells."""
    _, length, flags, scope, index = _IFADDRMSG.unpack_from(message, _HEADER_BYTES)
    attributes = _attributes(message)
    address = _address(_own_end(attributes), length)
    if _IFA_FLAGS in attributes:
        (flags,) = _NUMBER.unpack(attributes[_IFA_FLAGS])
    return AddressSeen(
        index=index,
        address=address,
        ours=attributes.get(_IFA_PROTO) == bytes([ADDRESS_TAG]),
        link_local=scope == _SCOPE_LINK,
        lifetime=_lifetime(attributes),
        flags=flags & TOLD_FLAGS[address.version],
    )


def address_gone(message: bytes) -> AddressGone:
    """What RTM_DELADDR tells."""
    _, length, _, _, index = _IFADDRMSG.unpack_from(message, _HEADER_BYTES)
    return AddressGone(index=index, address=_address(_own_end(_attributes(message)), length))


def _attributes(message: bytes) -> dict[int, bytes]:
    attributes = {}
    offset, end = _HEADER_BYTES + _IFADDRMSG.size, len(message)
    while offset + _ATTRIBUTE.size <= end:
        length, kind = _ATTRIBUTE.unpack_from(message, offset)
        if length < _ATTRIBUTE.size:
            break
        attributes[kind] = message[offset + _ATTRIBUTE.size : offset + length]
        offset += (length + 3) & ~3
    return attributes


def _own_end(attributes: dict[int, bytes]) -> bytes:
    """The host's own end: IFA_ADDRESS is the peer's on a point-to-point link."""
    return attributes.get(_IFA_LOCAL) or attributes[_IFA_ADDRESS]


def _lifetime(attributes: dict[int, bytes]) -> int | None:
    if _IFA_CACHEINFO not in attributes:
        return None
    _, valid, _, _ = _CACHEINFO.unpack(attributes[_IFA_CACHEINFO])
    return None if valid == FOREVER else int(valid)


@lru_cache(_ADDRESSES_KEPT)
def _address(packed: bytes, length: int) -> Vip:
    address = ip_address(packed)
    return (
        IPv4Interface((address, length))
        if address.version == 4
        else IPv6Interface((address, length))
    )
