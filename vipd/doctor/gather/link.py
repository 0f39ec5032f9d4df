"""The interfaces, as `ip` shows them, and where routes lead."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_interface
from typing import Any

from vipd.core.config import InstanceConfig
from vipd.doctor.facts import Address, Link, Unseen
from vipd.doctor.gather.limit import MOST_INTERFACES
from vipd.doctor.port import Host

_FOREVER = 0xFFFF_FFFF
"""The lifetime of what nobody removes. Source: INFINITY_LIFE_TIME of the kernel."""


def links(host: Host) -> tuple[Link, ...] | Unseen:
    """Every interface of this network namespace."""
    said = host.run("ip", "-details", "-json", "address", "show")
    if said.failure:
        return Unseen(why=said.failure, root=False)
    try:
        return tuple(_link(one) for one in json.loads(said.text) if one.get("ifname"))
    except (ValueError, KeyError, TypeError) as error:
        return Unseen(why=f"what ip says cannot be understood: {error}", root=False)


def main_interfaces(host: Host, found: Iterable[Link]) -> tuple[str, ...]:
    """The interfaces that matter when nobody names one: those of the default routes, or all that
    are in use."""
    routed = dict.fromkeys(
        name for family in ("-4", "-6") for name in _devices(host, family, "show", "default")
    )
    used = [
        link.name
        for link in found
        if {"UP", "BROADCAST"} <= link.flags and link.addresses and not link.master
    ]
    return tuple(routed or used)[:MOST_INTERFACES]


def routes(
    host: Host, instances: Sequence[InstanceConfig], interfaces: Iterable[Link]
) -> Mapping[str, str]:
    """The interface by which every unicast peer is reached, and a neighbour in every subnet.

    Why: where two interfaces are in one subnet, the routes lead to all of it by one of them.
    """
    wanted = {str(peer) for one in instances if one.unicast for peer in one.unicast.peers}
    wanted |= {str(one) for link in interfaces for one in link.neighbours}
    found = {}
    for address in sorted(wanted):
        for name in _devices(host, "-6" if ":" in address else "-4", "get", address):
            found[address] = name
    return found


def _devices(host: Host, family: str, *question: str) -> list[str]:
    said = host.run("ip", family, "-json", "route", *question)
    try:
        answer = json.loads(said.text or "[]")
    except ValueError:
        return []
    return [one["dev"] for one in answer if isinstance(one, dict) and "dev" in one]


def _link(one: Mapping[str, Any]) -> Link:
    info = one.get("linkinfo", {})
    data = info.get("info_data", {})
    return Link(
        name=one["ifname"],
        index=one.get("ifindex", 0),
        flags=frozenset(one.get("flags", ())),
        mtu=one.get("mtu", 0),
        kind=info.get("info_kind", ""),
        master=one.get("master", ""),
        master_kind=info.get("info_slave_kind", ""),
        addresses=tuple(_address(each) for each in one.get("addr_info", ()) if "local" in each),
        snooping=bool(data.get("mcast_snooping")),
        querier=bool(data.get("mcast_querier")),
    )


def _address(one: Mapping[str, Any]) -> Address:
    return Address(
        vip=ip_interface(f"{one['local']}/{one['prefixlen']}"),
        leased=one.get("valid_life_time", _FOREVER) != _FOREVER,
        duplicate=bool(one.get("dadfailed")),
    )
