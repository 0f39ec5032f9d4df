"""Interfaces: whether adverts can pass there, and addresses live there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from vipd.core.config import InstanceConfig
from vipd.core.health import datagram_bytes
from vipd.core.model import Family, family_of
from vipd.doctor.facts import Facts, Link, Unseen
from vipd.doctor.finding import Finding, note, ok, problem, warning
from vipd.doctor.topic.setting import effective


def judge(facts: Facts) -> Iterator[Finding]:
    """Every interface of the instances."""
    if isinstance(facts.links, Unseen):
        yield note(
            code="interface-not-seen",
            what=f"the interfaces could not be looked at: {facts.links.why}",
            hint="apt-get install iproute2",
        )
        return
    for name in facts.interfaces:
        link = facts.link_by_name.get(name)
        if link is None:
            yield _missing(facts, name)
            continue
        instances = facts.instances_on(name)
        if found := [*_of_link(facts, link, instances)]:
            yield from found
        else:
            yield ok(code="interface-good", about=name, what=_summary(link))


def _missing(facts: Facts, name: str) -> Finding:
    there = [one for one in facts.link_by_name if one != "lo"]
    close = get_close_matches(name, there, n=1)
    hint = f"did you mean {close[0]}?" if close else f"there is: {', '.join(there) or 'none'}"
    return problem(
        code="interface-missing",
        about=name,
        what=f"there is no interface {name}",
        why="its instances are in FAULT until it appears",
        hint=hint,
    )


def _summary(link: Link) -> str:
    addresses = [str(one.vip.ip) for one in link.addresses if not one.link_local]
    shown = ", ".join(addresses[:2]) + (" and more" if len(addresses) > 2 else "")
    return f"{link.name} is up, with carrier and multicast" + (f", {shown}" if shown else "")


def _of_link(facts: Facts, link: Link, instances: Iterable[InstanceConfig]) -> Iterator[Finding]:
    """Order: what hides the rest comes alone."""
    if bad := _kind(link):
        yield bad
    elif "UP" not in link.flags:
        yield problem(
            code="interface-down",
            about=link.name,
            what=f"{link.name} is down",
            why="its instances are in FAULT",
            commands=(f"ip link set dev {link.name} up",),
        )
    elif "LOWER_UP" not in link.flags:
        yield problem(
            code="interface-no-carrier",
            about=link.name,
            what=f"{link.name} has no carrier",
            why="its instances are in FAULT",
            hint="look at the cable, the port of the switch, or the interface below",
        )
    else:
        yield from _of_flags(link, instances)
        yield from _of_addresses(facts, link, instances)
        yield from _of_mtu(link, instances)


def _kind(link: Link) -> Finding | None:
    """What no address can move on."""
    if link.flags & {"LOOPBACK", "POINTOPOINT"}:
        return problem(
            code="interface-no-link",
            about=link.name,
            what=f"{link.name} is no link with other hosts on it",
            why="there is nobody to hear an advert or a gratuitous ARP",
            hint="name the interface that the clients, or their router, are on",
        )
    if link.master and link.master_kind in ("bridge", "bond", "team", "openvswitch"):
        return problem(
            code="interface-enslaved",
            about=link.name,
            what=f"{link.name} is a port of the {link.master_kind} {link.master}",
            why="what is received there belongs to that interface, addresses too",
            hint=f'write interface = "{link.master}"',
        )
    return None


def _of_flags(link: Link, instances: Iterable[InstanceConfig]) -> Iterator[Finding]:
    multicast = not instances or any(one.unicast is None for one in instances)
    if multicast and "MULTICAST" not in link.flags:
        yield warning(
            code="interface-no-multicast",
            about=link.name,
            what=f"{link.name} says that it does not do multicast",
            why="a driver that believes it passes no adverts on, and then two hosts serve at once",
            commands=(f"ip link set dev {link.name} multicast on",),
        )
    if "NOARP" in link.flags:
        yield problem(
            code="interface-no-arp",
            about=link.name,
            what=f"{link.name} does not do ARP",
            why="nobody learns where the addresses are",
            commands=(f"ip link set dev {link.name} arp on",),
        )
    if link.snooping and not link.querier:
        yield note(
            code="bridge-no-querier",
            about=link.name,
            what=f"{link.name} snoops on multicast and asks nobody who listens",
            why="without a querier on the link, snooping switches forget who wants the adverts",
            hint="leave it if a router or a switch on this link is a querier",
            commands=(f"ip link set dev {link.name} type bridge mcast_querier 1",),
        )


def _of_addresses(
    facts: Facts, link: Link, instances: Iterable[InstanceConfig]
) -> Iterator[Finding]:
    """Adverts come from an address of the host's own."""
    virtual = {vip.ip for one in instances for vip in one.addresses if not one.owner}
    families = {family for one in instances for family in one.families if one.unicast is None}
    if Family.IPV4 in families and not any(vip.ip not in virtual for vip in link.ipv4):
        yield problem(
            code="interface-no-ipv4",
            about=link.name,
            what=f"{link.name} has no IPv4 address of its own",
            why="adverts come from the interface's own address, never from a virtual IP",
            hint="give it one in the network configuration of this host",
            commands=(f"ip address add ADDRESS/PREFIX dev {link.name}",),
        )
    off = effective(facts, "ipv6", link.name, "disable_ipv6")
    if Family.IPV6 in families and not off and not any(vip.is_link_local for vip in link.ipv6):
        yield problem(
            code="interface-no-ipv6",
            about=link.name,
            what=f"{link.name} has no IPv6 link-local address",
            why="IPv6 adverts come from there",
            commands=(f"ip link set dev {link.name} addrgenmode eui64",),
        )
    for address in link.addresses:
        if address.duplicate:
            yield problem(
                code="address-duplicate",
                about=link.name,
                what=f"another host on the link has {address.vip.ip} as well",
                why="the kernel has found it out and does not use the address",
                hint="is this host a copy of another one? Its MAC address must be its own",
            )


def _of_mtu(link: Link, instances: Iterable[InstanceConfig]) -> Iterator[Finding]:
    for one in instances:
        for family in one.families:
            count = sum(family_of(address) is family for address in one.addresses)
            size = datagram_bytes(family, count)
            if size > link.mtu:
                yield problem(
                    code="interface-mtu",
                    about=link.name,
                    what=f"an advert of {one.name} takes {size} bytes, {link.name} lets {link.mtu}",
                    why="the instance is in FAULT: its adverts cannot be sent",
                    commands=(f"ip link set dev {link.name} mtu {max(size, 1500)}",),
                )
