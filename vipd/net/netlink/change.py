"""What netlink tells, as values."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from vipd.core.model import Family, Vip

NODAD, DADFAILED, DEPRECATED, TENTATIVE, NOPREFIXROUTE = 0x02, 0x08, 0x20, 0x40, 0x200
"""Flags of an address, as linux/if_addr.h calls them (IFA_F_...)."""

INSTALLED_FLAGS: Final[Mapping[int, int]] = {
    Family.IPV4: NOPREFIXROUTE,
    Family.IPV6: NOPREFIXROUTE | NODAD | DEPRECATED,
}
"""The flags that an address has as we install it, by family."""

TOLD_FLAGS: Final[Mapping[int, int]] = {
    Family.IPV4: NOPREFIXROUTE,
    Family.IPV6: NOPREFIXROUTE | NODAD | DEPRECATED | DADFAILED | TENTATIVE,
}
"""The flags that matter here. No other makes a message news."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSeen:
    """An interface is there, or has changed.

    `kind` is the driver of one that was made by software, such as `macvlan`; `alias` is the text
    that somebody gave it. Both are empty where there is none. `parent` is the interface that a
    macvlan lies on, or 0, and `mode` how it is joined to the others there. `carriers` is how often
    the carrier has come or gone.
    """

    index: int
    name: str
    up: bool
    carrier: bool
    mtu: int
    mac: bytes
    kind: str = ""
    alias: str = ""
    parent: int = 0
    mode: str = ""
    carriers: int = 0


@dataclass(frozen=True, slots=True)
class LinkGone:
    """An interface has been deleted."""

    index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressSeen:
    """An address is there, or has changed.

    `ours` says that it carries our tag; `lifetime` is what was left of it, None if it has no end;
    `flags` are those of `TOLD_FLAGS` that it has.
    Units: `lifetime` is in seconds, as the kernel counts it.
    """

    index: int
    address: Vip
    ours: bool
    link_local: bool
    lifetime: int | None
    flags: int

    @property
    def usable(self) -> bool:
        """Whether it is past duplicate address detection."""
        return not self.flags & (TENTATIVE | DADFAILED)

    @property
    def as_installed(self) -> bool:
        """Whether it looks like what we install."""
        return self.ours and self.flags == INSTALLED_FLAGS[self.address.version]


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
