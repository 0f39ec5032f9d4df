"""The addresses: that nobody else on this host has them, and that they fit the interface."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from vipd.core.config import InstanceConfig
from vipd.core.model import Vip, family_of
from vipd.doctor.facts import Address, Facts, Link
from vipd.doctor.finding import Finding, note, ok, problem, warning

MOST_SHOWN = 3

_NOT_OURS = "vipd does not take an address that it did not put there, and would not release it"


def judge(facts: Facts) -> Iterator[Finding]:
    """The addresses of every instance."""
    for instance in facts.instances:
        if found := [*_of_instance(facts, instance)]:
            yield from found
        else:
            yield ok(code="addresses-good", about=instance.name, what=_summary(facts, instance))


def _summary(facts: Facts, instance: InstanceConfig) -> str:
    vips = [str(vip) for vip in instance.addresses]
    more = len(vips) - MOST_SHOWN
    shown = ", ".join(vips[:MOST_SHOWN]) + (f" and {more} more" if more > 0 else "")
    held = any(_held(facts, instance).values())
    verb = "are" if len(vips) > 1 else "is"
    return f"{shown} {verb} {'held by the agent' if held else 'free on this host'}"


def _held(facts: Facts, instance: InstanceConfig) -> Mapping[str, bool]:
    """What the agent says of each address: whether it has put it there."""
    reports = facts.agent.report.instances if facts.agent.report else ()
    return {
        each.address: each.held
        for one in reports
        if one.name == instance.name
        for each in one.addresses
    }


def _of_instance(facts: Facts, instance: InstanceConfig) -> Iterator[Finding]:
    if instance.owner:
        return
    held = _held(facts, instance)
    for vip in instance.addresses:
        for link in facts.link_by_name.values():
            for address in link.addresses:
                if address.vip.ip == vip.ip and not held.get(str(vip)):
                    yield _present(facts, instance, link, address)
        yield from _of_subnet(facts, instance, vip)
    vips = {str(vip.ip) for vip in instance.addresses}
    for mention in facts.mentions:
        if mention.address in vips:
            yield problem(
                code="address-written",
                about=instance.name,
                what=f"{mention.address} is in {mention.path}, line {mention.line}",
                why="this host then has it from boot on, whoever else serves it",
                hint="take it out of the network configuration: it is vipd's now",
                commands=(f"${{EDITOR:-vi}} +{mention.line} {mention.path}",),
            )


def _present(facts: Facts, instance: InstanceConfig, link: Link, address: Address) -> Finding:
    """Why: what has a lifetime was put there by somebody who renews it, such as an agent."""
    if address.leased and link.name == instance.interface:
        return note(
            code="address-left",
            about=instance.name,
            what=f"{address.vip} is on {link.name} and has a lifetime: an agent has left it there",
            why="the kernel removes it when that is over; or DHCP keeps it, then it is not free",
            commands=(f"vipd cleanup --config {facts.configuration.path}",),
        )
    return problem(
        code="address-present",
        about=instance.name,
        what=f"{address.vip} is on {link.name} already",
        why=_NOT_OURS,
        hint="or set priority = 255, if this host owns the address",
        commands=(f"ip address del {address.vip} dev {link.name}",),
    )


def _of_subnet(facts: Facts, instance: InstanceConfig, vip: Vip) -> Iterator[Finding]:
    link = facts.link_by_name.get(instance.interface)
    if link is None or vip.is_link_local:
        return
    virtual = {each.ip for each in instance.addresses}
    own = [
        each.vip
        for each in link.addresses
        if family_of(each.vip) is family_of(vip)
        and not each.link_local
        and each.vip.ip not in virtual
    ]
    around = [each for each in own if vip.ip in each.network]
    if own and not around:
        yield warning(
            code="address-outside-subnet",
            about=instance.name,
            what=f"{vip.ip} is in no subnet of {link.name} ({', '.join(map(str, own[:2]))})",
            why="neighbours do not ask for it on this link, unless a router sends it there",
            hint="correct the address or the interface; leave it if it is routed",
        )
    elif around and vip.network.prefixlen < vip.max_prefixlen and _differs(vip, around):
        yield note(
            code="address-prefix-differs",
            about=instance.name,
            what=f"{vip} has another prefix length than {around[0]} on {link.name}",
            why="a MASTER then has two routes to one subnet",
            hint=f"write {vip.ip}/{around[0].network.prefixlen}",
        )


def _differs(vip: Vip, around: list[Vip]) -> bool:
    return all(vip.network.prefixlen != each.network.prefixlen for each in around)
