"""Kernel settings that decide who answers for an address, and whether adverts are believed.

Nothing is said about arp_announce and arp_accept: whatever they are, a virtual IP on the interface
is answered for, and gratuitous ARP changes what neighbours know already. Source: ip-sysctl.rst.
"""

from __future__ import annotations

from collections.abc import Iterator

from vipd.core.config import InstanceConfig
from vipd.core.model import Family, Vip, family_of
from vipd.doctor.facts import Facts, Link
from vipd.doctor.finding import Finding, note, ok, problem

_STRICT, _SAME_SUBNET, _NEVER = 1, 2, 8
_HOST_PREFIX = 32


def judge(facts: Facts) -> Iterator[Finding]:
    """The settings of every interface, and those of the host."""
    for name in facts.interfaces:
        if name not in facts.link_by_name:
            continue
        found = [*_of_interface(facts, facts.link_by_name[name])]
        if not any(one.code in _IN_THE_WAY for one in found):
            yield ok(code="settings-good", about=name, what=f"nothing on {name} hides an address")
        yield from found
    yield from _of_the_host(facts)


_IN_THE_WAY = ("rp-filter-strict", "arp-ignore-hides-address", "ipv6-disabled")


def effective(facts: Facts, family: str, interface: str, name: str) -> int:
    """A setting of an interface, where the kernel takes the greater of it and that of all."""
    places = (f"{family}/conf/{place}/{name}" for place in ("all", interface))
    return max(facts.settings.get(place, 0) for place in places)


def _of_interface(facts: Facts, link: Link) -> Iterator[Finding]:
    instances = facts.instances_on(link.name)
    families = {family for one in instances for family in one.families}
    if Family.IPV4 in families or not instances:
        yield from _of_reverse_path(facts, link)
        yield from _of_arp(facts, link, instances)
    if Family.IPV6 in families:
        yield from _of_ipv6(facts, link)
    yield from _of_learning(facts, link)


def _of_reverse_path(facts: Facts, link: Link) -> Iterator[Finding]:
    """Strict filtering drops what comes by another way than an answer would go."""
    if effective(facts, "ipv4", link.name, "rp_filter") != _STRICT:
        return
    if elsewhere := _another_way(facts, link):
        yield problem(
            code="rp-filter-strict",
            about=link.name,
            what=f"{link.name} drops adverts of those that the routes reach by {elsewhere} "
            "(rp_filter = 1)",
            why="this host does not hear the MASTER and becomes one itself: two hosts serve",
            commands=(_write("ipv4", link.name, "rp_filter", 2),),
        )


def _another_way(facts: Facts, link: Link) -> str:
    """The other interface that leads to those whose adverts come here; empty when none does."""
    instances = facts.instances_on(link.name)
    peers = {
        str(peer) for one in instances if one.unicast for peer in one.unicast.peers_of(Family.IPV4)
    }
    if not instances or any(one.unicast is None for one in instances):
        peers |= set(map(str, link.neighbours))
    ways = {facts.routes[peer] for peer in peers if peer in facts.routes}
    return next(iter(sorted(ways - {link.name})), "")


def _of_arp(facts: Facts, link: Link, instances: tuple[InstanceConfig, ...]) -> Iterator[Finding]:
    level = effective(facts, "ipv4", link.name, "arp_ignore")
    vips = [vip for one in instances for vip in one.addresses if family_of(vip) is Family.IPV4]
    hidden = [vip for vip in vips if not _has_neighbours(link, vip)]
    if level != _NEVER and not (level == _SAME_SUBNET and hidden):
        return
    places = [
        place
        for place in ("all", link.name)
        if facts.settings.get(f"ipv4/conf/{place}/arp_ignore") in (_SAME_SUBNET, _NEVER)
    ]
    whom = "any address" if level == _NEVER else str(hidden[0])
    yield problem(
        code="arp-ignore-hides-address",
        about=link.name,
        what=f"{link.name} does not answer ARP for {whom} (arp_ignore = {level})",
        why="nobody on the link finds the address, whoever serves",
        commands=tuple(_write("ipv4", place, "arp_ignore", 1) for place in places),
    )


def _has_neighbours(link: Link, vip: Vip) -> bool:
    """Whether who asks for an address is in a subnet of it, its own one or the interface's."""
    if vip.network.prefixlen < _HOST_PREFIX:
        return True
    return any(vip.ip in own.network for own in link.ipv4 if own.ip != vip.ip)


def _of_ipv6(facts: Facts, link: Link) -> Iterator[Finding]:
    if effective(facts, "ipv6", link.name, "disable_ipv6"):
        places = [
            place
            for place in ("all", link.name)
            if facts.settings.get(f"ipv6/conf/{place}/disable_ipv6")
        ]
        yield problem(
            code="ipv6-disabled",
            about=link.name,
            what=f"IPv6 is turned off on {link.name}",
            why="the IPv6 addresses cannot be claimed, so the instance is in FAULT",
            commands=tuple(_write("ipv6", place, "disable_ipv6", 0) for place in places),
        )
    elif effective(facts, "ipv6", link.name, "accept_dad") > 1:
        yield note(
            code="accept-dad-strict",
            about=link.name,
            what=f"a duplicate link-local address turns IPv6 off on {link.name} (accept_dad = 2)",
            why="a cloned host would lose all of its IPv6 addresses, those of vipd too",
            commands=(_write("ipv6", link.name, "accept_dad", 1),),
        )


def _of_learning(facts: Facts, link: Link) -> Iterator[Finding]:
    for family, name in (("ipv4", "drop_gratuitous_arp"), ("ipv6", "drop_unsolicited_na")):
        if effective(facts, family, link.name, name):
            yield note(
                code="announcements-dropped",
                about=link.name,
                what=f"{link.name} does not learn from announcements ({name} = 1)",
                why="this host itself, as a client of an address, finds the new MASTER late",
                commands=(_write(family, link.name, name, 0),),
            )
    subnets = {vip.network for vip in link.ipv4}
    shares = any(
        vip.network in subnets for one in facts.instances_on(link.name) for vip in one.addresses
    )
    if shares and not effective(facts, "ipv4", link.name, "promote_secondaries"):
        yield note(
            code="promote-secondaries-off",
            about=link.name,
            what=f"if {link.name} loses its own address, the virtual ones of its subnet go too",
            why="vipd puts them back, but not before they were gone for some milliseconds",
            commands=(_write("ipv4", link.name, "promote_secondaries", 1),),
        )


def _of_the_host(facts: Facts) -> Iterator[Finding]:
    families = {family for one in facts.instances for family in one.families}
    off = [
        f"net.ipv{family.value}.ip_nonlocal_bind"
        for family in sorted(families)
        if facts.settings.get(f"ipv{family.value}/ip_nonlocal_bind") == 0
    ]
    if off:
        yield note(
            code="nonlocal-bind-off",
            what="programs can bind to a virtual IP only while this host serves it",
            why="one that binds to it, and not to all addresses, does not start on a BACKUP",
            commands=tuple(f"sysctl -w {name}=1" for name in off),
        )


def _write(family: str, interface: str, name: str, value: int) -> str:
    """Why: an interface may have dots in its name, and then slashes separate the parts."""
    return f"sysctl -w net/{family}/conf/{interface}/{name}={value}"
