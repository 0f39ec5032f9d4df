"""Netlink: what the kernel says of links and addresses, and what we ask of it.

pyroute2 gives the formats of the messages (`message.py` is its only door). The sockets are our
own: a request is one `send` of all its messages, and the kernel has answered before `send`
returns, so that nothing here ever waits (`conversation.py`).
Sources: rtnetlink(7), linux/if_addr.h, linux/netlink.h.
"""

from vipd.net.netlink.address_message import ADDRESS_TAG, whole_seconds
from vipd.net.netlink.change import (
    DADFAILED,
    DEPRECATED,
    INSTALLED_FLAGS,
    NODAD,
    NOPREFIXROUTE,
    TENTATIVE,
    AddressGone,
    AddressSeen,
    Change,
    KernelRefused,
    LinkGone,
    LinkSeen,
    Overrun,
    RouteChanged,
)
from vipd.net.netlink.message import Route, new_address, renew_address
from vipd.net.netlink.monitor import Monitor
from vipd.net.netlink.request import Requests

__all__ = [
    "ADDRESS_TAG",
    "DADFAILED",
    "DEPRECATED",
    "INSTALLED_FLAGS",
    "NODAD",
    "NOPREFIXROUTE",
    "TENTATIVE",
    "AddressGone",
    "AddressSeen",
    "Change",
    "KernelRefused",
    "LinkGone",
    "LinkSeen",
    "Monitor",
    "Overrun",
    "Requests",
    "Route",
    "RouteChanged",
    "new_address",
    "renew_address",
    "whole_seconds",
]
