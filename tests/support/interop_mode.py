"""What the interop tests vary: the ways of speaking VRRP, and how both sides are set up for one.

Theory of operation. Every mode is a virtual router of its own, with its own VRID and address, so
that one vipd agent and one peer can be in all modes at once, on one wire. A scenario is then done
to the two programs once, and is judged in every mode.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv6Interface, ip_interface
from typing import Literal, TypeAlias

from vipd.core.election import master_down_interval, skew_time
from vipd.core.model import Vip
from vipd.core.units import MILLISECOND, Duration

Family: TypeAlias = Literal[4, 6]

INTERFACE = "eth0"
NETWORK: dict[Family, str] = {4: "192.0.2.{}/24", 6: "2001:db8::{}/64"}
PASSWORD = "geheim"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """One way of speaking VRRP. Units: milliseconds."""

    name: str
    vrid: int
    version: Literal[2, 3]
    family: Family = 4
    interval_ms: int = 1000
    unicast: bool = False
    password: str | None = None
    message_checksum: bool = False

    @property
    def vip(self) -> Vip:
        """The address that both sides have."""
        return address(self.family, 50 + self.vrid)

    @property
    def other_vip(self) -> Vip:
        """An address that one side has alone, where the lists differ."""
        return address(self.family, 150 + self.vrid)

    @property
    def interval(self) -> Duration:
        """The time between adverts, where nobody is set to another."""
        return self.interval_ms * MILLISECOND

    def down_after(self, priority: int) -> Duration:
        """The silence after which a BACKUP takes over."""
        return master_down_interval(priority, self.interval, self.version)

    def skew(self, priority: int) -> Duration:
        """How long a BACKUP waits when the MASTER resigns."""
        return skew_time(priority, self.interval, self.version)


def address(family: Family, number: int) -> IPv4Interface | IPv6Interface:
    """An address of the lab's network."""
    return ip_interface(NETWORK[family].format(number))


MODES = (
    Mode(name="v2", vrid=51, version=2),
    Mode(name="v2-pass", vrid=52, version=2, password=PASSWORD),
    Mode(name="v2-unicast", vrid=53, version=2, unicast=True),
    Mode(name="v3-ipv4", vrid=54, version=3),
    Mode(name="v3-ipv6", vrid=55, version=3, family=6),
    Mode(name="v3-unicast4", vrid=56, version=3, unicast=True),
    Mode(name="v3-unicast6", vrid=57, version=3, unicast=True, family=6),
    Mode(name="100ms-ipv4", vrid=58, version=3, interval_ms=100),
    Mode(name="100ms-ipv6", vrid=59, version=3, interval_ms=100, family=6),
    Mode(name="checksum-as-v2", vrid=60, version=3, interval_ms=100, message_checksum=True),
)

QUICK_OVER_IPV4 = [mode for mode in MODES if mode.interval_ms == 100 and mode.family == 4]
"""The modes in which one form of the checksum or the other is sent, as a scenario wants it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """How one side is set up in all modes: as the mode says, but for this."""

    priority: int
    slower: int = 1
    more_addresses: bool = False
    preempt: bool = True
    checksum: Literal["auto", "rfc9568", "rfc5798"] = "auto"

    def interval_ms(self, mode: Mode) -> int:
        """The interval that this side is set to."""
        return mode.interval_ms * self.slower

    def vips(self, mode: Mode) -> tuple[Vip, ...]:
        """The addresses that this side is set to."""
        return (mode.vip, mode.other_vip) if self.more_addresses else (mode.vip,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """How both sides are set up, and where vipd runs: below the peer's addresses or above them.

    `apart` says that the switch drops what one side sends to the other.
    """

    vipd: Role
    peer: Role
    vipd_above: bool = False
    apart: bool = False
