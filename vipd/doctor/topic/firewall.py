"""The firewall: whether adverts come in and go out, by its rules as they are now."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Interface, ip_address

from vipd.capture.survey import Survey
from vipd.core.config import InstanceConfig
from vipd.core.model import Family
from vipd.doctor.facts import Facts, Link, Unseen
from vipd.doctor.finding import Finding, Severity, note, ok
from vipd.doctor.ruleset.model import Span
from vipd.doctor.ruleset.packet import Direction, Packet, advert, span
from vipd.doctor.ruleset.rules import keeper
from vipd.doctor.ruleset.walk import Fate, Place, walk
from vipd.wire.vrrp import GROUP

_LINK_LOCAL = Span(int(ip_address("fe80::")), int(ip_address("fe80::ffff:ffff:ffff:ffff")))
_WHY = {
    Direction.IN: "this host never hears the MASTER and becomes one itself: two hosts serve",
    Direction.OUT: "the others do not hear this host when it serves, and serve as well",
}
_UFW = {
    ("ip", Direction.IN): ("/etc/ufw/before.rules", "ufw-before-input"),
    ("ip", Direction.OUT): ("/etc/ufw/before.rules", "ufw-before-output"),
    ("ip6", Direction.IN): ("/etc/ufw/before6.rules", "ufw6-before-input"),
    ("ip6", Direction.OUT): ("/etc/ufw/before6.rules", "ufw6-before-output"),
}
_KEEP = {
    "nftables": "to keep it over a reboot, write it into /etc/nftables.conf too",
    "iptables": "to keep it over a reboot: netfilter-persistent save",
    "ip6tables": "to keep it over a reboot: netfilter-persistent save",
}


def judge(facts: Facts) -> Iterator[Finding]:
    """Every interface; a chain that is in the way of several is told of once for each."""
    if isinstance(facts.rules, Unseen):
        hint = "run it as root to see the firewall" if facts.rules.root else ""
        yield note(code="firewall-not-seen", what=facts.rules.why, hint=hint)
        return
    for text in facts.rules.unread:
        yield note(
            code="firewall-unread",
            what=text,
            why="rules that are not seen can drop adverts",
        )
    for name in facts.interfaces:
        link = facts.link_by_name.get(name, Link(name=name))
        if found := [*_obstacles(facts, link)]:
            yield from map(_finding, found)
        else:
            yield ok(code="firewall-passes", about=name, what=f"lets VRRP through on {name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Obstacle:
    """A chain in the way of adverts on an interface, and the families that it concerns."""

    interface: str
    direction: Direction
    fate: Fate
    place: Place
    families: tuple[Family, ...]


def _obstacles(facts: Facts, link: Link) -> Iterator[_Obstacle]:
    assert not isinstance(facts.rules, Unseen), "what is not seen is not judged"
    found: dict[tuple[object, ...], _Obstacle] = {}
    for packet in _adverts(facts, link):
        way = walk(packet, facts.rules.tables, bridge=link.kind == "bridge")
        for place in way.places:
            key = (packet.direction, way.fate, place.table.key, place.chain.name, place.rule)
            known = found.get(key)
            families = {*(known.families if known else ()), packet.family}
            found[key] = _Obstacle(
                interface=link.name,
                direction=packet.direction,
                fate=way.fate,
                place=place,
                families=tuple(sorted(families)),
            )
    yield from found.values()


# -- the adverts ----------------------------------------------------------------------------------


def _adverts(facts: Facts, link: Link) -> Iterator[Packet]:
    """Every kind of advert that must pass an interface."""
    instances = facts.instances_on(link.name)
    if not instances:
        yield from _to_group(facts, link, Family.IPV4)
        yield from _to_group(facts, link, Family.IPV6) if link.ipv6 else ()
    multicast = {family for one in instances if one.unicast is None for family in one.families}
    for family in sorted(multicast):
        yield from _to_group(facts, link, family)
    for one in instances:
        yield from _to_peers(link, one)


def _to_group(facts: Facts, link: Link, family: Family) -> Iterator[Packet]:
    for direction in Direction:
        coming = direction is Direction.IN
        yield advert(
            family,
            direction,
            link.name,
            sources=_senders(facts, link, family) if coming else _own(link, family),
            destinations=[span(GROUP[family])],
            multicast=True,
        )


def _to_peers(link: Link, instance: InstanceConfig) -> Iterator[Packet]:
    if instance.unicast is None:
        return
    for family in instance.families:
        peers = [span(peer) for peer in instance.unicast.peers_of(family)]
        source = instance.unicast.source_of(family)
        own = [span(source)] if source else _own(link, family, unicast=True)
        for direction in Direction:
            coming = direction is Direction.IN
            yield advert(
                family,
                direction,
                link.name,
                sources=peers if coming else own,
                destinations=own if coming else peers,
                multicast=False,
            )


def _own(link: Link, family: Family, *, unicast: bool = False) -> list[Span]:
    """Where our adverts come from."""
    if family is Family.IPV4:
        return [span(vip.ip) for vip in link.ipv4[:1]]
    return [span(vip.ip) for vip in link.ipv6 if unicast or vip.is_link_local]


def _senders(facts: Facts, link: Link, family: Family) -> list[Span]:
    """Where adverts may come from: who was heard, or else any neighbour."""
    if heard := _heard(facts.heard, link.name, family):
        return heard
    if family is Family.IPV6:
        return [_LINK_LOCAL]
    return [_whole(vip) for vip in link.ipv4]


def _heard(heard: Mapping[str, Survey | str], interface: str, family: Family) -> list[Span]:
    found = heard.get(interface)
    if not isinstance(found, Survey):
        return []
    return [
        span(ip_address(speaker.source))
        for router in found.routers
        if router.family is family
        for speaker in router.speakers
        if not speaker.ours
    ]


def _whole(vip: IPv4Interface) -> Span:
    return Span(int(vip.network[0]), int(vip.network[-1]))


# -- the findings ---------------------------------------------------------------------------------


def _finding(found: _Obstacle) -> Finding:
    place = found.place
    who = keeper(place.table, place.chains)
    sure = found.fate is Fate.DROPPED
    whither = "come in" if found.direction is Direction.IN else "go out"
    families = " and ".join(f"IPv{family.value}" for family in found.families)
    where = f"{place.table.family} {place.table.name} {place.chain.name}"
    if sure:
        what = f"{who} drops the {families} adverts that {whither} on {found.interface}"
    else:
        what = f"{who} may drop the {families} adverts that {whither} on {found.interface}"
    rule = f"`{place.rule}` in {where}"
    doubt = "" if sure else f"; it hangs on `{place.doubt}`"
    hook = "input" if found.direction is Direction.IN else "output"
    return Finding(
        severity=Severity.PROBLEM if sure else Severity.WARNING,
        code=f"firewall-drops-{hook}" if sure else f"firewall-uncertain-{hook}",
        about=found.interface,
        what=f"{what}: {rule}{doubt}",
        why=_WHY[found.direction],
        hint=_KEEP.get(who, ""),
        commands=tuple(_mend(found, who)),
    )


def _mend(found: _Obstacle, who: str) -> Iterable[str]:
    """What lets adverts through, in the words of whoever keeps the rules."""
    place, table = found.place, found.place.table
    if who == "firewalld":
        zone = f'"$(firewall-cmd --get-zone-of-interface={found.interface})"'
        yield f"firewall-cmd --permanent --zone={zone} --add-protocol=vrrp"
        yield "firewall-cmd --reload"
    elif who == "ufw" and (table.family, found.direction) in _UFW:
        file, chain = _UFW[table.family, found.direction]
        yield f"sed -i '/^# End required lines/a -A {chain} -p 112 -j ACCEPT' {file}"
        yield "ufw reload"
    elif table.program == "nft":
        words = shlex.join((table.family, table.name, place.chain.name))
        yield f"nft insert rule {words} meta l4proto vrrp accept"
    else:
        of_table = "" if table.name == "filter" else f" -t {table.name}"
        yield f"{table.program}{of_table} -I {place.chain.name} -p 112 -j ACCEPT"
