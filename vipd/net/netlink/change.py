"""What netlink tells, as values."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TypeAlias

from vipd.core.model import Vip


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


Change: TypeAlias = LinkSeen | LinkGone | AddressSeen | AddressGone | RouteChanged


class KernelRefused(Exception):
    """The kernel said no; the text is its reason."""

    def __init__(self, code: int, detail: str) -> None:
        self.code = code
        super().__init__(f"{os.strerror(code)}: {detail}" if detail else os.strerror(code))


class Overrun(Exception):
    """The kernel dropped messages because we read too late: what we know is out of date."""
