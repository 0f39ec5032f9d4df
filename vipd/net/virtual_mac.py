"""Virtual MAC addresses: for each virtual router and family a macvlan, there only while MASTER.

Theory of operation. The macvlan lies on the instance's interface, has the virtual MAC address, and
has the addresses of its family, which are nowhere else. So it is the macvlan that answers ARP and
neighbour solicitations for them; nothing of the virtual router is left when it is gone.

- Its mode is `bridge`. In mode `private` the kernel takes a multicast frame that comes from our
  own virtual MAC address for one of ours, and the interface below never sees it: of two MASTERs,
  each would be deaf to the other, for ever.
- It has no address of its own (RFC 9568 §7.4) and no routes but one for link-local answers.
  Packets from virtual IPs leave by the interface below. Adverts go out there too, as frames that
  are complete, so that they need nothing of the macvlan.
- An interface of Linux answers ARP for every address of the host. `arp_ignore` keeps it to its
  own, and `arp_announce` keeps virtual IPs out of its questions, which would teach their readers
  its MAC address. Both are set for the whole host, and given back when the last virtual MAC
  address for IPv4 is given up. The alias of each macvlan tells what they were, so that the next
  life can give them back if this one cannot.
- A release takes the addresses away, which makes this host silent at once. To delete a macvlan
  takes the kernel up to 30 ms, which is an advert interval or more, so another thread does that.
- A claim adopts the macvlan that an earlier life has left, if it is as we would make it; so what it
  serves is served on, and nobody notices. One that somebody has changed is made anew.

Sources: macvlan_handle_frame in drivers/net/macvlan.c, arp_process in net/ipv4/arp.c, packet(7).
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from vipd.core.model import Claim, Family, Vip, family_of
from vipd.core.units import Duration
from vipd.net.deletion import Deletions
from vipd.net.drift import Intent, summary
from vipd.net.link import Link, Links
from vipd.net.macvlan import OWN_SETTINGS, Key, is_ours
from vipd.net.netlink import KernelRefused, Requests, renew_address
from vipd.net.outlet import Outlets
from vipd.net.sysctl import Loans, Sysctls
from vipd.net.table import AddressTable
from vipd.wire.ethernet import MAC_BYTES

_ARP_IGNORE, _ARP_ANNOUNCE = "ipv4/conf/all/arp_ignore", "ipv4/conf/all/arp_announce"
_STRICT_ARP: Final = {_ARP_IGNORE: 1, _ARP_ANNOUNCE: 2}
"""What is borrowed: answer for an interface's own addresses only, and ask from those only."""

_STRICTER: Final = {_ARP_IGNORE: frozenset({2}), _ARP_ANNOUNCE: frozenset[int]()}

_OBSTACLES: Final = (
    ("ipv4/conf/all/arp_filter", 1, "keeps a virtual MAC address from answering ARP"),
    ("ipv4/conf/{interface}/arp_ignore", 3, "makes {interface} answer ARP for virtual IPs"),
)
"""Settings of the administrator with which no virtual MAC address can work."""

_FORWARDING: Final = {
    Family.IPV4: "ipv4/conf/{}/forwarding",
    Family.IPV6: "ipv6/conf/{}/forwarding",
}
"""Taken over from the interface below: a gateway forwards what is sent to its virtual MAC."""

_DISABLE_IPV6: Final = "ipv6/conf/{name}/disable_ipv6"


_Orders: TypeAlias = Callable[[Sequence[bytes]], Mapping[int, KernelRefused]]
"""A way to have things done: what was refused, by its place among them."""


@dataclass(slots=True)
class _Device:
    """A macvlan of ours."""

    name: str
    index: int
    addresses: set[Vip] = field(default_factory=set)


class VirtualMacs:
    """The virtual MAC addresses of this host. Only what it made, or its name marks, is removed."""

    def __init__(self, requests: Requests, links: Links, sysctls: Sysctls | None = None) -> None:
        self._requests = requests
        self._links = links
        self._sysctls = sysctls or Sysctls()
        self._loans = Loans(self._sysctls)
        self._devices: dict[Key, _Device] = {}
        self._deletions = Deletions()
        for link in links:
            if is_ours(link.seen):
                self._loans.recall(link.seen.alias, _STRICT_ARP)
        self._outlets = Outlets(links)

    def close(self) -> None:
        """Give up every virtual MAC address: an agent that ends leaves nothing."""
        for key in list(self._devices):
            self._discard(key)
        self._deletions.close()
        self._outlets.close()

    def send(self, interface: str, frame: bytes) -> None:
        """Send a complete frame by the interface below.

        Raises: OSError, when the interface does not take it.
        """
        self._outlets.send(interface, (frame,))

    def claim(self, claims: Sequence[Claim]) -> list[str | None]:
        """For each claim, serve all its addresses from virtual MACs, or none: the reason of the
        refusal, or None."""
        return [self._claim(claim) for claim in claims]

    def renew(self, claims: Sequence[Claim]) -> list[str | None]:
        """For each claim, let the lease of its addresses begin anew: the reason of a refusal, or
        None."""
        return [self._renew(claim, self._requests.order_unheard) for claim in claims]

    def release(self, interface: str, vrid: int, addresses: Sequence[Vip]) -> None:
        """Take these addresses away; a virtual MAC address without any is given up."""
        for key, vips in _by_key(interface, vrid, addresses):
            if device := self._devices.get(key):
                self._requests.remove(
                    device.index, [vip for vip in vips if vip in device.addresses]
                )
                device.addresses.difference_update(vips)
                if not device.addresses:
                    self._discard(key)

    def present(self, interface: str, vrid: int) -> frozenset[Vip]:
        """The addresses that the kernel has on the macvlans of a virtual router."""
        devices = (self._devices.get(Key(interface, vrid, family)) for family in Family)
        found = (self._links.present(device.name) for device in devices if device)
        return frozenset().union(*found)

    def inspect(
        self, interface: str, vrid: int, addresses: Sequence[Vip], lease: Duration
    ) -> str | None:
        """What of the addresses is not as we installed it, for a person; None if all is well."""
        link = self._links.find(interface)
        if link is None:
            return None
        keys = _by_key(interface, vrid, addresses)
        faults = (self._departure(key, link.seen.index, vips, lease) for key, vips in keys)
        return next(filter(None, faults), None)

    def sweep(self, *, leased: bool = True) -> list[str]:
        """Remove the macvlans of an earlier life and give back what it had borrowed; their names.

        With `leased` false, those are left whose addresses the kernel will remove by itself.
        Why: all of this network namespace, because the interface may be configured no more.
        """
        self._deletions.finish()
        own = {device.index for device in self._devices.values()}
        swept, spared = [], False
        for seen in self._requests.links():
            if not is_ours(seen) or seen.index in own:
                continue
            there = self._requests.addresses(seen.index)
            if not leased and there and all(one.lifetime is not None for one in there):
                spared = True
                continue
            self._loans.recall(seen.alias, _STRICT_ARP)
            self._requests.remove(seen.index, [one.address for one in there])
            self._deletions.begin(seen.name, seen.index)
            swept.append(seen.name)
        if not spared:
            self._give_back()
        return swept

    def _claim(self, claim: Claim) -> str | None:
        link = self._links.find(claim.interface)
        if link is None:
            return f"{claim.interface} does not exist"
        try:
            reason = self._obstacle(link, claim) or self._serve(link, claim)
        except (KernelRefused, OSError) as error:
            reason = f"the kernel refused a virtual MAC address on {claim.interface}: {error}"
        if reason is not None:
            self.release(claim.interface, claim.vrid, claim.addresses)
        return reason

    def _renew(self, claim: Claim, order: _Orders) -> str | None:
        for key, vips in _by_key(claim.interface, claim.vrid, claim.addresses):
            device = self._devices.get(key)
            if device is None:
                return f"there is no virtual MAC address on {claim.interface} any more"
            refused = order([renew_address(device.index, vip, claim.lease) for vip in vips])
            for place, no in refused.items():
                return f"the kernel does not renew {vips[place]} on {device.name}: {no}"
        return None

    # -- one macvlan ------------------------------------------------------------------------

    def _departure(self, key: Key, parent: int, vips: Sequence[Vip], lease: Duration) -> str | None:
        """What is wrong with one macvlan: first by what netlink has told, then the kernel itself.

        Why: see `Addresses.inspect`.
        """
        device = self._devices.get(key)
        if device is None:
            return f"there is no virtual MAC address on {key.interface} any more"
        intent = Intent(place=device.name, lease=lease, tagged=self._links.tags)
        known = self._links.at(device.index)
        if (
            known
            and known.seen.up
            and key.departure(known.seen, parent) is None
            and summary(intent.departures(vips, known.addresses)) is None
        ):
            return None
        seen = self._requests.link(device.index)
        if what := key.departure(seen, parent):
            return what
        if seen and not seen.up:
            return f"{device.name} was set down"
        there = AddressTable(self._requests.addresses(device.index))
        what = summary(intent.departures(vips, there))
        if known and what is None:
            known.addresses.correct(vips, there)
        return what

    def _serve(self, link: Link, claim: Claim) -> str | None:
        """Have macvlans with the addresses of a claim. Raises: KernelRefused, OSError."""
        for key, vips in _by_key(claim.interface, claim.vrid, claim.addresses):
            device = self._device(key, link)
            new = [vip for vip in vips if vip not in device.addresses]
            self._clear(device, vips)
            results = self._requests.add(device.index, new, claim.lease)
            for vip, refused in zip(new, results, strict=True):
                if refused and refused.code != errno.EEXIST:
                    return f"the kernel refused {vip} on {device.name}: {refused}"
                device.addresses.add(vip)
        return self._renew(claim, self._requests.order)

    def _clear(self, device: _Device, wanted: Sequence[Vip]) -> None:
        """Remove what a macvlan has beside our addresses."""
        there = (seen.address for seen in self._requests.addresses(device.index))
        strange = [vip for vip in there if vip not in device.addresses.union(wanted)]
        self._requests.remove(device.index, strange)

    def _device(self, key: Key, link: Link) -> _Device:
        """The macvlan: the one that is there, if it is good, or a new one.

        Raises: KernelRefused, OSError.
        """
        parent = link.seen.index
        name = key.name(parent)
        device = self._devices.get(key)
        if device and key.departure(self._requests.link(device.index), parent):
            self._discard(key)
            device = None
        if device is None:
            self._deletions.wait(name)
            index = self._adopted(key, parent)
            if index is None:
                index = self._requests.add_macvlan(name, parent, key.mac)
            self._devices[key] = device = _Device(name, index)
        self._furnish(key, device)
        self._requests.set_up(device.index)
        if key.family is Family.IPV6:
            self._route_link_local(device)
        return device

    def _adopted(self, key: Key, parent: int) -> int | None:
        """The macvlan of an earlier life, if it left a good one; what else is ours is deleted."""
        index = _index(key.name(parent))
        seen = self._requests.link(index) if index else None
        if seen is None or not is_ours(seen):
            return None
        self._loans.recall(seen.alias, _STRICT_ARP)
        if key.departure(seen, parent) is None:
            return seen.index
        self._requests.delete_link(seen.index)
        return None

    def _route_link_local(self, device: _Device) -> None:
        """Let link-local addresses be reached by it. Raises: KernelRefused.

        Why: to put it into use again takes the route away; where it never was, there is one.
        """
        try:
            self._requests.route_link_local(device.index)
        except KernelRefused as refused:
            if refused.code != errno.EEXIST:
                raise

    def _furnish(self, key: Key, device: _Device) -> None:
        """Set all that must be so before it is up. Raises: KernelRefused, OSError."""
        if key.family is Family.IPV4:
            self._loans.plan(_STRICT_ARP, _STRICTER)
        text = f"vipd: VRID {key.vrid} on {key.interface} {self._loans}"
        self._requests.set_alias(device.index, text.rstrip())
        for setting, value in OWN_SETTINGS[key.family].items():
            self._sysctls.set(setting.format(name=device.name), value)
        forwarding = _FORWARDING[key.family]
        forwards = self._sysctls.read(forwarding.format(key.interface))
        self._sysctls.set(forwarding.format(device.name), forwards)
        if key.family is Family.IPV4:
            with suppress(FileNotFoundError):  # A kernel without IPv6 has nothing to disable.
                self._sysctls.set(_DISABLE_IPV6.format(name=device.name), 1)
            self._loans.take()

    def _discard(self, key: Key) -> None:
        """Give up a macvlan and whatever addresses it has; gone already is good, too."""
        device = self._devices.pop(key)
        self._requests.remove(device.index, list(device.addresses))
        self._give_back()
        self._deletions.begin(device.name, device.index)

    def _give_back(self) -> None:
        """Give back what was borrowed, if nobody needs it any more.

        Why: A setting that cannot be written any more stays noted, and the next time tries again.
        """
        if not any(key.family is Family.IPV4 for key in self._devices):
            with suppress(OSError):
                self._loans.give_back()

    def _obstacle(self, link: Link, claim: Claim) -> str | None:
        """Why no virtual MAC address can work here, if so. Raises: OSError."""
        interface, addresses = claim.interface, claim.addresses
        if len(link.seen.mac) != MAC_BYTES:
            return f"{interface} has no Ethernet address, so it cannot have a virtual one"
        if any(family_of(vip) is Family.IPV4 for vip in addresses):
            for pattern, bad, effect in _OBSTACLES:
                setting = pattern.format(interface=interface)
                if self._sysctls.read(setting) == bad:
                    dotted = "net." + setting.replace("/", ".")
                    return f"{dotted} = {bad} {effect.format(interface=interface)}"
        keys = _by_key(interface, claim.vrid, addresses)
        return self._elsewhere({key.name(link.seen.index) for key, _ in keys}, addresses)

    def _elsewhere(self, names: Collection[str], addresses: Sequence[Vip]) -> str | None:
        """Where an address is that must be on these macvlans alone: that place would answer, too.

        What an earlier life has on other macvlans is taken away; a sweep will take the rest.
        """
        own = {device.index for device in self._devices.values()}
        wanted = {vip.ip for vip in addresses}
        for seen in self._requests.addresses():
            if seen.address.ip not in wanted or seen.index in own:
                continue
            place = self._requests.link(seen.index)
            if place is None or place.name in names:
                continue
            if not is_ours(place):
                return (
                    f"{seen.address} is on {place.name} already, and with virtual_mac it must be "
                    f"nowhere else: remove it (ip address del {seen.address} dev {place.name})"
                )
            self._requests.remove(seen.index, [seen.address])
        return None


def _by_key(interface: str, vrid: int, addresses: Sequence[Vip]) -> Iterator[tuple[Key, list[Vip]]]:
    """The macvlans for these addresses, and what each of them has."""
    for family in Family:
        if vips := [vip for vip in addresses if family_of(vip) is family]:
            yield Key(interface, vrid, family), vips


def _index(name: str) -> int | None:
    """The kernel's number for an interface, from the kernel itself."""
    try:
        return socket.if_nametoindex(name)
    except OSError:
        return None
