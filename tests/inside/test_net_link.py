"""Links in a real kernel: what netlink says, as it happens."""

from __future__ import annotations

import select
import subprocess
from collections.abc import Callable, Iterator
from ipaddress import ip_address, ip_interface

import pytest

from vipd.core.model import LinkFacts
from vipd.net.link import Links
from vipd.net.netlink import Requests, new_address

PATIENCE_S = 5.0


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def wait_for(links: Links, name: str, condition: Callable[[LinkFacts], bool]) -> LinkFacts:
    """Read netlink until it says so."""
    while not condition(facts := links.facts(name, ())):
        readable, _, _ = select.select([links], [], [], PATIENCE_S)
        assert readable, f"netlink is silent; the last facts: {facts}"
        links.drain()
    return facts


@pytest.fixture
def pair() -> Iterator[str]:
    """A veth pair, both ends up; the name of one."""
    ip("link", "add", "dev", "left", "type", "veth", "peer", "name", "right")
    ip("link", "set", "dev", "left", "up")
    ip("link", "set", "dev", "right", "up")
    yield "left"
    if "left" in subprocess.run(["ip", "link"], check=True, capture_output=True).stdout.decode():
        ip("link", "del", "dev", "left")


def test_the_facts_of_a_good_interface(links: Links) -> None:
    facts = links.facts("eth0", ())
    assert (facts.exists, facts.up, facts.carrier, facts.mtu) == (True, True, True, 1500)
    assert facts.ipv4 == ip_address("192.0.2.11")
    assert facts.ipv6 is not None
    assert facts.ipv6.is_link_local


def test_an_interface_that_does_not_exist(links: Links) -> None:
    assert links.facts("eth7", ()) == LinkFacts(name="eth7", exists=False)
    assert links.index("eth7") is None
    assert links.present("eth7") == frozenset()


def test_adverts_never_come_from_a_floating_address(links: Links) -> None:
    assert links.facts("eth0", {ip_address("192.0.2.11")}).ipv4 is None


def test_down_up_and_the_other_end_of_the_cable(links: Links, pair: str) -> None:
    wait_for(links, pair, lambda facts: facts.carrier)
    ip("link", "set", "dev", "right", "down")
    assert wait_for(links, pair, lambda facts: not facts.carrier).up
    ip("link", "set", "dev", "right", "up")
    wait_for(links, pair, lambda facts: facts.carrier)
    ip("link", "set", "dev", pair, "down")
    wait_for(links, pair, lambda facts: not facts.up)


def test_addresses_come_and_go(links: Links, pair: str) -> None:
    ip("address", "add", "198.51.100.1/24", "dev", pair)
    facts = wait_for(links, pair, lambda facts: facts.ipv4 is not None)
    assert facts.ipv4 == ip_address("198.51.100.1")
    assert ip_interface("198.51.100.1/24") in links.present(pair)
    ip("address", "del", "198.51.100.1/24", "dev", pair)
    wait_for(links, pair, lambda facts: facts.ipv4 is None)


def test_an_address_that_was_asked_for_is_no_news_until_it_changes(
    links: Links, requests: Requests
) -> None:
    wait_for(links, "eth0", lambda facts: facts.ipv6 is not None)
    links.drain()
    index, vip = links.index("eth0"), ip_interface("198.51.100.7/24")
    assert index is not None
    assert requests.order([new_address(index, vip, 0)]) == {}
    assert links.drain() == frozenset()
    assert vip in links.present("eth0")
    ip("address", "change", str(vip), "dev", "eth0", "valid_lft", "60", "preferred_lft", "60")
    assert links.drain() == {"eth0"}
    ip("address", "del", str(vip), "dev", "eth0")
    assert links.drain() == {"eth0"}


def test_a_link_local_address_counts_when_its_duplicate_detection_is_over(
    links: Links, pair: str
) -> None:
    ip("address", "add", "fe80::77/64", "dev", pair, "nodad")
    wait_for(links, pair, lambda facts: facts.ipv6 is not None)


def test_deleted_and_made_again_it_is_another_interface_of_the_same_name(
    links: Links, pair: str
) -> None:
    wait_for(links, pair, lambda facts: facts.exists)
    first = links.index(pair)
    ip("link", "del", "dev", pair)
    wait_for(links, pair, lambda facts: not facts.exists)
    ip("link", "add", "dev", "left", "type", "veth", "peer", "name", "right")
    wait_for(links, pair, lambda facts: facts.exists)
    assert links.index(pair) != first


def test_a_new_name_concerns_both_names(links: Links, pair: str) -> None:
    wait_for(links, pair, lambda facts: facts.exists)
    ip("link", "set", "dev", pair, "down")
    wait_for(links, pair, lambda facts: not facts.up)
    ip("link", "set", "dev", pair, "name", "renamed")
    select.select([links], [], [], PATIENCE_S)
    assert {pair, "renamed"} <= links.drain()
    assert not links.facts(pair, ()).exists
    ip("link", "set", "dev", "renamed", "name", pair)


def test_the_facts_tell_the_mac_address_and_its_change(links: Links, pair: str) -> None:
    before = wait_for(links, pair, lambda facts: facts.carrier)
    assert len(before.mac) == 6
    ip("link", "set", "dev", pair, "address", "02:00:00:00:00:77")
    wait_for(links, pair, lambda facts: facts.mac == bytes.fromhex("020000000077"))
    assert before.mac != bytes.fromhex("020000000077")


@pytest.mark.parametrize("end", ["left", "right"])
def test_a_flap_between_two_looks_is_seen_in_the_facts(links: Links, pair: str, end: str) -> None:
    before = wait_for(links, pair, lambda facts: facts.carrier)
    ip("link", "set", "dev", end, "down")
    ip("link", "set", "dev", end, "up")
    after = wait_for(links, pair, lambda facts: facts.carrier and facts.carriers > before.carriers)
    assert (after.up, after.carrier, after.mac) == (before.up, before.carrier, before.mac)


def test_down_and_up_is_seen_where_the_driver_does_not_count_it(links: Links, pair: str) -> None:
    """A macvlan keeps its carrier when it is set down, and so do many cards."""
    ip("link", "add", "link", pair, "name", "upper", "type", "macvlan", "mode", "bridge")
    ip("link", "set", "dev", "upper", "up")
    before = wait_for(links, "upper", lambda facts: facts.carrier)
    ip("link", "set", "dev", "upper", "down")
    ip("link", "set", "dev", "upper", "up")
    wait_for(links, "upper", lambda facts: facts.up and facts.carriers == before.carriers + 2)


def test_what_happens_to_a_macvlan_concerns_the_interface_below(links: Links, pair: str) -> None:
    def concerned() -> frozenset[str]:
        readable, _, _ = select.select([links], [], [], PATIENCE_S)
        assert readable
        return links.drain()

    wait_for(links, pair, lambda facts: facts.carrier)
    links.drain()
    ip("link", "add", "link", pair, "name", "upper", "type", "macvlan", "mode", "bridge")
    assert pair in concerned()
    ip("address", "add", "198.51.100.9/24", "dev", "upper")
    assert pair in concerned()
    ip("address", "del", "198.51.100.9/24", "dev", "upper")
    assert pair in concerned()
    ip("link", "del", "dev", "upper")
    assert pair in concerned()


def test_what_happens_to_one_end_of_a_cable_does_not_concern_the_other(
    links: Links, pair: str
) -> None:
    wait_for(links, pair, lambda facts: facts.carrier)
    wait_for(links, pair, lambda facts: facts.ipv6 is not None)
    wait_for(links, "right", lambda facts: facts.ipv6 is not None)
    ip("address", "add", "198.51.100.9/24", "dev", "right")
    select.select([links], [], [], PATIENCE_S)
    assert links.drain() == {"right"}


def test_what_was_missed_is_asked_for_anew(links: Links) -> None:
    """More messages than the receive buffer holds: the kernel drops some and says so."""
    batch = "".join(
        f"address add 203.0.113.{last}/32 dev eth0\naddress del 203.0.113.{last}/32 dev eth0\n"
        for last in range(1, 251)
    )
    for _ in range(16):
        subprocess.run(["ip", "-batch", "-"], input=batch.encode(), check=True)
    ip("address", "add", "203.0.113.1/32", "dev", "eth0")
    assert "eth0" in links.drain()
    # What was in the queue before is older than the answer, and must not undo it.
    links.drain()
    assert ip_interface("203.0.113.1/32") in links.present("eth0")
    ip("address", "del", "203.0.113.1/32", "dev", "eth0")
