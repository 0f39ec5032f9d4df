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

Sources: macvlan_handle_frame in drivers/net/macvlan.c, arp_process in net/ipv4/arp.c, packet(7).
"""

from __future__ import annotations

import errno
import re
import socket
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from vipd.core.model import Family, Vip, family_of
from vipd.core.units import Duration
from vipd.net.link import Link, Links
from vipd.net.netlink import AddressSeen, KernelRefused, LinkSeen, Requests
from vipd.net.sysctl import Loans, Sysctls
from vipd.wire.ethernet import MAC_BYTES
from vipd.wire.virtual_mac import virtual_mac

_NAME: Final = re.compile(r"vipd(?P<family>[46])-(?P<vrid>\d{1,3})-[0-9a-f]+")

_ARP_IGNORE, _ARP_ANNOUNCE = "ipv4/conf/all/arp_ignore", "ipv4/conf/all/arp_announce"
_STRICT_ARP: Final = {_ARP_IGNORE: 1, _ARP_ANNOUNCE: 2}
"""What is borrowed: answer for an interface's own addresses only, and ask from those only."""

_STRICTER: Final = {_ARP_IGNORE: frozenset({2}), _ARP_ANNOUNCE: frozenset[int]()}

_OBSTACLES: Final = (
    ("ipv4/conf/all/arp_filter", 1, "keeps a virtual MAC address from answering ARP"),
    ("ipv4/conf/{interface}/arp_ignore", 3, "makes {interface} answer ARP for virtual IPs"),
)
"""Settings of the administrator with which no virtual MAC address can work."""

_OWN: Final[Mapping[Family, Mapping[str, int]]] = {
    # The route back to a client leads through the interface below: rp_filter must be loose.
    Family.IPV4: {
        "ipv4/conf/{name}/rp_filter": 2,
        "ipv4/conf/{name}/arp_filter": 0,
        "ipv4/conf/{name}/arp_ignore": 1,
        "ipv4/conf/{name}/arp_announce": 2,
        "ipv4/conf/{name}/proxy_arp": 0,
    },
    # Nothing but our addresses: none from the MAC address, none from router advertisements.
    Family.IPV6: {
        "ipv6/conf/{name}/disable_ipv6": 0,
        "ipv6/conf/{name}/addr_gen_mode": 1,
        "ipv6/conf/{name}/accept_ra": 0,
        "ipv6/conf/{name}/autoconf": 0,
        "ipv4/conf/{name}/arp_ignore": 8,
        "ipv4/conf/{name}/proxy_arp": 0,
    },
}
"""What a macvlan is set to."""

_FORWARDING: Final = {
    Family.IPV4: "ipv4/conf/{}/forwarding",
    Family.IPV6: "ipv6/conf/{}/forwarding",
}
"""Taken over from the interface below: a gateway forwards what is sent to its virtual MAC."""

_DISABLE_IPV6: Final = "ipv6/conf/{name}/disable_ipv6"


@dataclass(frozen=True, slots=True)
class _Key:
    """What a macvlan is for."""

    interface: str
    vrid: int
    family: Family


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
        self._devices: dict[_Key, _Device] = {}
        self._remover = _Remover()
        # Protocol 0: this socket receives nothing (packet(7)).
        self._socket = socket.socket(
            socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, 0
        )

    def close(self) -> None:
        """Give up every virtual MAC address: an agent that ends leaves nothing."""
        for key in list(self._devices):
            self._discard(key)
        self._remover.close()
        self._socket.close()

    def send(self, interface: str, frame: bytes) -> None:
        """Send a complete frame by the interface below.

        Raises: OSError, when the interface does not take it.
        """
        self._socket.sendto(frame, (interface, 0))

    def claim(
        self, interface: str, vrid: int, addresses: Sequence[Vip], lease: Duration = 0
    ) -> str | None:
        """Serve all addresses from virtual MACs, or none: the reason of the refusal, or None."""
        link = self._links.find(interface)
        if link is None:
            return f"{interface} does not exist"
        try:
            reason = self._obstacle(link, addresses)
            reason = reason or self._serve(link, vrid, addresses, lease)
        except (KernelRefused, OSError) as error:
            reason = f"the kernel refused a virtual MAC address on {interface}: {error}"
        if reason is not None:
            self.release(interface, vrid, addresses)
        return reason

    def renew(
        self, interface: str, vrid: int, addresses: Sequence[Vip], lease: Duration
    ) -> str | None:
        """Let the lease of the addresses begin anew: the reason of a refusal, or None."""
        for key, vips in _by_key(interface, vrid, addresses):
            device = self._devices.get(key)
            if device is None:
                return f"there is no virtual MAC address on {interface} any more"
            for vip, refused in zip(
                vips, self._requests.renew(device.index, vips, lease), strict=True
            ):
                if refused:
                    return f"the kernel does not renew {vip} on {device.name}: {refused}"
        return None

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
        devices = (self._devices.get(_Key(interface, vrid, family)) for family in Family)
        found = (self._links.present(device.name) for device in devices if device)
        return frozenset().union(*found)

    def sweep(self) -> list[str]:
        """Remove the macvlans of an earlier life and give back what it had borrowed; their names.

        Why: all of this network namespace, because the interface may be configured no more.
        """
        own = {device.index for device in self._devices.values()}
        swept = []
        for seen in self._requests.links():
            if isinstance(seen, LinkSeen) and _is_ours(seen) and seen.index not in own:
                self._loans.recall(seen.alias, _STRICT_ARP)
                with suppress(KernelRefused):  # It may go by itself, with the interface below.
                    self._requests.delete_link(seen.index)
                swept.append(seen.name)
        self._give_back()
        return swept

    # -- one macvlan ------------------------------------------------------------------------

    def _serve(
        self, link: Link, vrid: int, addresses: Sequence[Vip], lease: Duration
    ) -> str | None:
        """Have macvlans with these addresses. Raises: KernelRefused, OSError."""
        for key, vips in _by_key(link.seen.name, vrid, addresses):
            device = self._device(key, link)
            results = self._requests.add(device.index, vips, lease)
            for vip, refused in zip(vips, results, strict=True):
                if refused and refused.code != errno.EEXIST:
                    return f"the kernel refused {vip} on {device.name}: {refused}"
                device.addresses.add(vip)
            if any(results) and (reason := self.renew(link.seen.name, vrid, vips, lease)):
                return reason
        return None

    def _device(self, key: _Key, link: Link) -> _Device:
        """The macvlan, made if it is not there, or not any more. Raises: KernelRefused, OSError."""
        name = _name(key, link.seen.index)
        if device := self._devices.get(key):
            if _index(name) == device.index:
                return device
            self._discard(key)
        self._remover.wait(name)
        mac = virtual_mac(key.family, key.vrid)
        index = self._requests.add_macvlan(name, link.seen.index, mac)
        self._devices[key] = device = _Device(name, index)
        self._furnish(key, device)
        self._requests.set_up(index)
        if key.family is Family.IPV6:
            self._requests.route_link_local(index)
        return device

    def _furnish(self, key: _Key, device: _Device) -> None:
        """Set all that must be so before it is up. Raises: KernelRefused, OSError."""
        if key.family is Family.IPV4:
            self._loans.plan(_STRICT_ARP, _STRICTER)
        text = f"vipd: VRID {key.vrid} on {key.interface} {self._loans}"
        self._requests.set_alias(device.index, text.rstrip())
        for setting, value in _OWN[key.family].items():
            self._sysctls.set(setting.format(name=device.name), value)
        forwarding = _FORWARDING[key.family]
        forwards = self._sysctls.read(forwarding.format(key.interface))
        self._sysctls.set(forwarding.format(device.name), forwards)
        if key.family is Family.IPV4:
            with suppress(FileNotFoundError):  # A kernel without IPv6 has nothing to disable.
                self._sysctls.set(_DISABLE_IPV6.format(name=device.name), 1)
            self._loans.take()

    def _discard(self, key: _Key) -> None:
        """Give up a macvlan and whatever addresses it has; gone already is good, too."""
        device = self._devices.pop(key)
        self._requests.remove(device.index, list(device.addresses))
        self._give_back()
        self._remover.remove(device.name, device.index)

    def _give_back(self) -> None:
        """Give back what was borrowed, if nobody needs it any more.

        Why: A setting that cannot be written any more stays noted, and the next time tries again.
        """
        if not any(key.family is Family.IPV4 for key in self._devices):
            with suppress(OSError):
                self._loans.give_back()

    def _obstacle(self, link: Link, addresses: Sequence[Vip]) -> str | None:
        """Why no virtual MAC address can work here, if so. Raises: OSError."""
        interface = link.seen.name
        if len(link.seen.mac) != MAC_BYTES:
            return f"{interface} has no Ethernet address, so it cannot have a virtual one"
        if any(family_of(vip) is Family.IPV4 for vip in addresses):
            for pattern, bad, effect in _OBSTACLES:
                setting = pattern.format(interface=interface)
                if self._sysctls.read(setting) == bad:
                    dotted = "net." + setting.replace("/", ".")
                    return f"{dotted} = {bad} {effect.format(interface=interface)}"
        return self._elsewhere(addresses)

    def _elsewhere(self, addresses: Sequence[Vip]) -> str | None:
        """Where an address is that must be on a macvlan alone: that place would answer, too."""
        own = {device.index for device in self._devices.values()}
        wanted = {vip.ip for vip in addresses}
        for seen in self._requests.addresses():
            if isinstance(seen, AddressSeen) and seen.address.ip in wanted:
                if seen.index in own:
                    continue
                place = socket.if_indextoname(seen.index)
                return (
                    f"{seen.address} is on {place} already, and with virtual_mac it must be "
                    f"nowhere else: remove it (ip address del {seen.address} dev {place})"
                )
        return None


class _Remover:
    """Deletes macvlans, one after the other, while the loop goes on."""

    def __init__(self) -> None:
        self._requests = Requests()
        self._thread = ThreadPoolExecutor(1, "vipd-remover")
        self._going: dict[str, Future[None]] = {}

    def close(self) -> None:
        """Wait until all are gone."""
        for name in list(self._going):
            self.wait(name)
        self._thread.shutdown()
        self._requests.close()

    def remove(self, name: str, index: int) -> None:
        """Delete a macvlan soon."""
        self._going[name] = self._thread.submit(self._delete, index)

    def wait(self, name: str) -> None:
        """Wait until a macvlan that is to be deleted has gone, so that its name is free."""
        if going := self._going.pop(name, None):
            going.result()

    def _delete(self, index: int) -> None:
        with suppress(KernelRefused):  # It went with the interface below.
            self._requests.delete_link(index)


def _by_key(
    interface: str, vrid: int, addresses: Sequence[Vip]
) -> Iterator[tuple[_Key, list[Vip]]]:
    """The macvlans for these addresses, and what each of them has."""
    for family in Family:
        if vips := [vip for vip in addresses if family_of(vip) is family]:
            yield _Key(interface, vrid, family), vips


def _name(key: _Key, parent: int) -> str:
    """What a macvlan is called: the index is in it because a VRID is unique on a link only."""
    return f"vipd{key.family}-{key.vrid}-{parent:x}"


def _index(name: str) -> int | None:
    """The kernel's number for an interface, from the kernel itself."""
    try:
        return socket.if_nametoindex(name)
    except OSError:
        return None


def _is_ours(seen: LinkSeen) -> bool:
    """Whether an interface is what we make: its name, its kind and its MAC address say the same."""
    said = _NAME.fullmatch(seen.name)
    if said is None or seen.kind != "macvlan" or not 1 <= int(said["vrid"]) <= 255:
        return False
    return seen.mac == virtual_mac(Family(int(said["family"])), int(said["vrid"]))
