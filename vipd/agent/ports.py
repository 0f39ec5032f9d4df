"""Ports: what the agent needs of the world. `vipd.net` has the real ones, the tests have fakes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from vipd.core.model import Channel, Claim, IPAddress, LinkFacts, Vip
from vipd.core.units import Duration, Instant
from vipd.wire.vrrp import Datagram


class Clock(Protocol):
    """Reads the time."""

    def __call__(self) -> Instant:
        """Now, on a clock that no one can set."""


class Alarm(Protocol):
    """Wakes the runtime."""

    def set(self, at: Instant, *, awake: bool = False) -> None:
        """Wake at this moment, or soon after it, instead of any moment set before.

        Who stays awake until then does so at the expense of a processor, and is in time.
        """


class AdvertPort(Protocol):
    """Adverts in and out."""

    def open(self, channel: Channel, index: int) -> None:
        """Listen and be ready to send, if that is not so already; OSError when it is refused."""

    def retain(self, vrids: Mapping[Channel, Collection[int]]) -> None:
        """Close every other channel. On these, the adverts of these VRIDs are ours."""

    def send(self, channel: Channel, destination: IPAddress, payload: bytes) -> None:
        """Send one advert; OSError when it did not leave this host."""

    def drain(self) -> Iterable[tuple[str, Datagram]]:
        """What has arrived, with the interface that it came in by."""

    @property
    def age(self) -> Duration:
        """How long ago the newest of all that was drained last has arrived."""


class AddressPort(Protocol):
    """The virtual IPs in the kernel."""

    def claim(self, claims: Sequence[Claim]) -> Sequence[str | None]:
        """For each claim, install all its addresses, or none: the reason of a refusal, or None.

        They are that virtual router's from then on, whoever had claimed them before.
        """

    def prepare(self, claim: Claim) -> None:
        """Be ready for a claim that may be made."""

    def renew(self, claims: Sequence[Claim]) -> Sequence[str | None]:
        """For each claim, let its lease begin anew: the reason of a refusal, or None."""

    def release(self, interface: str, vrid: int, addresses: Sequence[Vip]) -> None:
        """Remove those of the addresses that we installed for this virtual router."""

    def inspect(
        self, interface: str, vrid: int, addresses: Sequence[Vip], lease: Duration
    ) -> str | None:
        """What of the addresses is not as we installed it, for a person; None when all is."""

    def sweep(self, interfaces: Collection[str]) -> Sequence[tuple[str, Vip]]:
        """Remove what an earlier life left behind and this one has not claimed; say what."""


class VirtualMacPort(Protocol):
    """The virtual IPs in the kernel, behind the MAC address of their virtual router."""

    def claim(self, claims: Sequence[Claim]) -> Sequence[str | None]:
        """For each claim, serve all its addresses from virtual MACs, or none.

        The reason of a refusal, or None.
        """

    def renew(self, claims: Sequence[Claim]) -> Sequence[str | None]:
        """For each claim, let its lease begin anew: the reason of a refusal, or None."""

    def release(self, interface: str, vrid: int, addresses: Sequence[Vip]) -> None:
        """Take these addresses away."""

    def inspect(
        self, interface: str, vrid: int, addresses: Sequence[Vip], lease: Duration
    ) -> str | None:
        """What of the addresses is not as we installed it, for a person; None when all is."""

    def send(self, interface: str, frame: bytes) -> None:
        """Send a complete frame; OSError when it did not leave this host."""

    def present(self, interface: str, vrid: int) -> Collection[Vip]:
        """The addresses that the kernel has on the devices of a virtual router."""

    def sweep(self) -> Sequence[str]:
        """Remove what an earlier life left behind and this one has not claimed; say what."""


class AnnouncePort(Protocol):
    """Gratuitous ARP and unsolicited Neighbor Advertisements."""

    def announce(self, interface: str, addresses: Sequence[Vip], vrid: int | None = None) -> None:
        """Announce every address once, at the virtual MAC of a VRID or at the interface's own.

        OSError when that is refused.
        """

    def prepare(self, interface: str, addresses: Sequence[Vip], vrid: int | None = None) -> None:
        """Be ready to announce them."""


class NeighborPort(Protocol):
    """Who else uses our addresses, as ARP and Neighbor Discovery tell."""

    def watch(
        self, interface: str, addresses: Collection[IPAddress], own_macs: Collection[bytes]
    ) -> None:
        """Hear of these addresses at other MACs than these, on an interface; none ends it.

        OSError when that is refused.
        """

    def probe(self, interface: str, addresses: Sequence[IPAddress]) -> None:
        """Ask the link who has these addresses. OSError when that did not leave this host."""

    def drain(self) -> Iterable[tuple[str, IPAddress, bytes]]:
        """Who has said that it has an address: the interface, the address, its MAC."""


class TapPort(Protocol):
    """VRRP as it reaches an interface, before any firewall of this host."""

    def listen(self, interfaces: Collection[str]) -> None:
        """Listen to exactly these interfaces from now on; OSError when that is refused."""

    def drain(self) -> Iterable[tuple[str, Datagram]]:
        """What has arrived, with the interface that it came in by."""


class LinkPort(Protocol):
    """What the kernel says of interfaces."""

    def drain(self) -> Collection[str]:
        """Take in what has happened; the names of the interfaces that it concerns."""

    def index(self, name: str) -> int | None:
        """The kernel's number for an interface; None when it does not exist."""

    def macs(self) -> Collection[bytes]:
        """The MAC addresses of this host, on all of its interfaces."""

    def facts(self, name: str, floating: Collection[IPAddress]) -> LinkFacts:
        """What an election needs to know; adverts never come from a floating address."""

    def follow_routes(self) -> None:
        """Let a change of the routing table concern every interface from now on."""

    def unicast_source(self, configured: IPAddress | None, peer: IPAddress) -> IPAddress | None:
        """Where adverts to a peer come from: the configured address, or what routing says.

        None when that address is not on this host, or when there is no route.
        """

    def gateway(self, peer: IPAddress) -> IPAddress | None:
        """The router that a peer is behind; None when it is on one of our links."""

    def present(self, name: str) -> Collection[Vip]:
        """The addresses that the kernel has on an interface."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """All of the world at once."""

    adverts: AdvertPort
    addresses: AddressPort
    virtual_macs: VirtualMacPort
    announcer: AnnouncePort
    neighbors: NeighborPort
    tap: TapPort
    links: LinkPort
