"""What no single key can know: instances that stand in each other's way."""

from __future__ import annotations

import pytest

from vipd.config.conflict import conflicts, most_addresses
from vipd.config.load import parse
from vipd.core.model import Family
from vipd.errors import ConfigError


def instance(name: str, interface: str, vrid: int, *addresses: str) -> str:
    """One instance, as the file has it."""
    listed = ", ".join(f'"{address}"' for address in addresses)
    keys = f'interface = "{interface}", vrid = {vrid}, addresses = [{listed}]'
    return f"instance.{name} = {{ {keys} }}"


def problems_of(*lines: str) -> list[tuple[str, str, str]]:
    """All problems of a file; none if it is good."""
    try:
        parse("\n".join(lines), "vipd.toml", {})
    except ConfigError as error:
        return [(problem.path, problem.problem, problem.hint) for problem in error.problems]
    return []


def test_nothing_conflicts_with_nothing() -> None:
    assert conflicts(()) == []


@pytest.mark.parametrize(
    ("ours", "theirs", "families"),
    [
        (["192.0.2.1"], ["192.0.2.2"], "IPv4"),
        (["2001:db8::1"], ["2001:db8::2"], "IPv6"),
        (["192.0.2.1", "2001:db8::1"], ["192.0.2.2"], "IPv4"),
        (["192.0.2.1", "2001:db8::1"], ["2001:db8::2", "192.0.2.2"], "IPv4 and IPv6"),
    ],
)
def test_a_vrid_is_taken_once_per_interface_and_family(
    ours: list[str], theirs: list[str], families: str
) -> None:
    lines = (instance("web", "eth0", 51, *ours), instance("db", "eth0", 51, *theirs))
    problem = f"51 is the VRID of instance web on eth0 for {families} already"
    hint = "52 is free on eth0 in this file"
    assert problems_of(*lines) == [("instance.db.vrid", problem, hint)]


@pytest.mark.parametrize(
    "other",
    [
        instance("db", "eth1", 51, "192.0.2.2"),
        instance("db", "eth0", 52, "192.0.2.2"),
        instance("db", "eth0", 51, "2001:db8::1"),
    ],
)
def test_a_vrid_is_free_elsewhere(other: str) -> None:
    assert problems_of(instance("web", "eth0", 51, "192.0.2.1"), other) == []


def unicast(line: str, *peers: str) -> str:
    listed = ", ".join(f'"{peer}"' for peer in peers)
    return line.replace(" }", f", unicast_peers = [{listed}] }}")


def test_a_vrid_is_taken_once_per_unicast_peer_whatever_the_interface() -> None:
    web = unicast(instance("web", "eth0", 51, "192.0.2.1"), "192.0.2.12", "192.0.2.13")
    inner = instance("inner", "eth1", 51, "198.51.100.1")
    problem = "51 is the VRID of instance web with the peer 192.0.2.13 already"
    hint = "unicast adverts of a peer are told apart by the VRID alone; choose another"
    assert problems_of(web, unicast(inner, "192.0.2.14", "192.0.2.13")) == [
        ("instance.inner.vrid", problem, hint)
    ]
    assert problems_of(web, unicast(inner, "192.0.2.14")) == []
    assert problems_of(web, inner) == []
    assert problems_of(web, unicast(inner.replace("51,", "52,"), "192.0.2.12")) == []


def test_two_families_can_have_two_rivals() -> None:
    lines = (
        instance("four", "eth0", 255, "192.0.2.1"),
        instance("six", "eth0", 255, "2001:db8::1"),
        instance("both", "eth0", 255, "192.0.2.2", "2001:db8::2"),
    )
    assert [problem for _, problem, _ in problems_of(*lines)] == [
        "255 is the VRID of instance four on eth0 for IPv4 already",
        "255 is the VRID of instance six on eth0 for IPv6 already",
    ]
    assert {hint for _, _, hint in problems_of(*lines)} == {"1 is free on eth0 in this file"}


def test_when_no_vrid_is_free_none_is_proposed() -> None:
    lines = [instance(f"i{n}", "eth0", n, f"198.51.100.{n % 256}") for n in range(1, 256)]
    assert problems_of(*lines) == []
    lines.append(instance("more", "eth0", 9, "192.0.2.1"))
    problem = "9 is the VRID of instance i9 on eth0 for IPv4 already"
    assert problems_of(*lines) == [("instance.more.vrid", problem, "")]


ONCE = "an address belongs to one instance; list it once"


def test_an_address_belongs_to_one_instance_wherever_it_is() -> None:
    lines = (
        instance("web", "eth0", 51, "192.0.2.1/24"),
        instance("db", "eth1", 52, "192.0.2.2", "192.0.2.1"),
    )
    assert problems_of(*lines) == [
        ("instance.db.addresses[1]", "192.0.2.1 is listed by instance web already", ONCE)
    ]


def test_an_address_is_listed_once_whatever_its_prefix() -> None:
    line = instance("web", "eth0", 51, "2001:db8::1/64", "192.0.2.1", "2001:DB8:0::1")
    assert problems_of(line) == [
        ("instance.web.addresses[2]", "2001:db8::1 is listed by addresses[0] already", ONCE)
    ]


def test_a_link_local_address_may_stand_on_every_link_once() -> None:
    ours = instance("web", "eth0", 51, "fe80::51")
    assert problems_of(ours, instance("db", "eth1", 51, "fe80::51")) == []
    assert problems_of(ours, instance("db", "eth0", 52, "fe80::51")) == [
        ("instance.db.addresses[0]", "fe80::51 is listed by instance web already", ONCE)
    ]


def test_what_could_be_read_of_a_bad_instance_is_compared_too() -> None:
    lines = (
        'instance.web = { interface = "eth0", vrid = 51, addresses = ["nonsense", "192.0.2.1"] }',
        'instance.db = { interface = 5, vrid = 51, addresses = ["192.0.2.1"] }',
        'instance.x = { interface = "eth0", vrid = 51, addresses = ["nonsense", "192.0.2.3"] }',
    )
    assert [path for path, _, _ in problems_of(*lines)] == [
        "instance.web.addresses[0]",
        "instance.db.interface",
        "instance.x.addresses[0]",
        "instance.x.vrid",
        "instance.db.addresses[0]",
    ]


def test_an_advert_carries_255_ipv4_and_on_ethernet_90_ipv6_addresses() -> None:
    assert most_addresses(Family.IPV4) == 255
    assert most_addresses(Family.IPV6) == 90


@pytest.mark.parametrize(("family", "most"), [(4, 255), (6, 90)])
def test_an_instance_has_no_more_addresses_than_an_advert_carries(family: int, most: int) -> None:
    pattern = "198.51.{}.{}" if family == 4 else "2001:db8::{:x}:{:x}"
    addresses = [pattern.format(n // 100, n % 100 + 1) for n in range(most + 1)]
    other = "2001:db8:1::1" if family == 4 else "192.0.2.1"
    assert problems_of(instance("web", "eth0", 51, other, *addresses[:most])) == []
    problem = f"{most + 1} IPv{family} addresses; one advert carries at most {most}"
    hint = "spread them over several instances, each with a VRID of its own"
    assert problems_of(instance("web", "eth0", 51, other, *addresses)) == [
        ("instance.web.addresses", problem, hint)
    ]
