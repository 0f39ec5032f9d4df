"""What the doctor says of interfaces, addresses, the firewall, settings, managers, neighbours."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_interface

import pytest
from patients import (
    answer,
    bare,
    codes,
    facts,
    good,
    instance,
    link,
    report,
    settings,
    speaker,
    survey,
    unicast,
    without,
)

from vipd.capture.survey import Conflict, ConflictKind
from vipd.core.model import Family, State
from vipd.core.units import MILLISECOND
from vipd.doctor.facts import (
    Address,
    Daemon,
    Facts,
    Managers,
    Mention,
    NetworkFile,
    Rules,
    Unseen,
)
from vipd.doctor.finding import Finding
from vipd.doctor.registry import Judge
from vipd.doctor.ruleset.rules import Saved, assemble
from vipd.doctor.topic import address, firewall, interface, neighbour, network, setting

IPV4_ONLY = instance(addresses=("192.0.2.100/24",))
TO_PEERS = instance(addresses=("192.0.2.100/24",), unicast=unicast("198.51.100.12"))
HOST_ADDRESS = instance(addresses=("192.0.2.100/32",))
ROUTED = instance(addresses=("203.0.113.9/32",))
OWNER = instance(addresses=("192.0.2.100/24",), priority=255)
V2 = instance(addresses=("192.0.2.100/24",), version=2)
STRANGERS = Conflict(
    kind=ConflictKind.OTHER_CLUSTER, vrid=51, family=Family.IPV4, text="VRID 51, IPv4: two"
)
RIVALS = replace(STRANGERS, kind=ConflictKind.TWO_MASTERS)


def on(*addresses: str, leased: bool = False) -> Facts:
    """A host that has these addresses on eth0, without an agent that knows of them."""
    more = tuple(Address(vip=ip_interface(one), leased=leased) for one in addresses)
    here = link()
    return facts(links=(replace(here, addresses=(*here.addresses, *more)),))


def kept(state: str, keeps: str = "") -> Facts:
    file = NetworkFile(path="/etc/systemd/network/10-eth0.network", keeps=keeps)
    if state == "networkd":
        return facts(managers=Managers(networkd={"eth0": file}))
    return facts(managers=Managers(network_manager={"eth0": state, "eth1": "connected"}))


CASES: dict[str, tuple[Judge, Facts, list[str]]] = {
    # Interfaces.
    "usable": (interface.judge, facts(), []),
    "missing": (interface.judge, facts(links=()), ["problem interface-missing"]),
    "not to be seen": (
        interface.judge,
        facts(links=Unseen(why="ip is not installed", root=False)),
        ["note interface-not-seen"],
    ),
    "down": (
        interface.judge,
        facts(links=(link(flags=without("UP", "LOWER_UP")),)),
        ["problem interface-down"],
    ),
    "without carrier": (
        interface.judge,
        facts(links=(link(flags=without("LOWER_UP")),)),
        ["problem interface-no-carrier"],
    ),
    "without multicast": (
        interface.judge,
        facts(links=(link(flags=without("MULTICAST")),)),
        ["warning interface-no-multicast"],
    ),
    "without multicast, to peers": (
        interface.judge,
        facts(TO_PEERS, links=(link(flags=without("MULTICAST")),)),
        [],
    ),
    "without ARP": (
        interface.judge,
        facts(links=(link(flags=frozenset({*link().flags, "NOARP"})),)),
        ["problem interface-no-arp"],
    ),
    "loopback": (
        interface.judge,
        facts(links=(link(flags=frozenset({"UP", "LOWER_UP", "LOOPBACK"})),)),
        ["problem interface-no-link"],
    ),
    "point to point": (
        interface.judge,
        facts(links=(link(flags=frozenset({"UP", "LOWER_UP", "POINTOPOINT"})),)),
        ["problem interface-no-link"],
    ),
    "a port of a bridge": (
        interface.judge,
        facts(links=(link(master="br0", master_kind="bridge"),)),
        ["problem interface-enslaved"],
    ),
    "in a VRF": (interface.judge, facts(links=(link(master="red", master_kind="vrf"),)), []),
    "a bridge that snoops": (
        interface.judge,
        facts(links=(link(kind="bridge", snooping=True),)),
        ["note bridge-no-querier"],
    ),
    "a bridge that asks": (
        interface.judge,
        facts(links=(link(kind="bridge", snooping=True, querier=True),)),
        [],
    ),
    "no IPv4": (
        interface.judge,
        facts(links=(link("fe80::11/64"),)),
        ["problem interface-no-ipv4"],
    ),
    "only the virtual address": (
        interface.judge,
        facts(IPV4_ONLY, links=(link("192.0.2.100/24"),)),
        ["problem interface-no-ipv4"],
    ),
    "no link-local address": (
        interface.judge,
        facts(links=(link("192.0.2.11/24", "2001:db8::11/64"),)),
        ["problem interface-no-ipv6"],
    ),
    "no IPv6, which the settings tell": (
        interface.judge,
        facts(links=(link("192.0.2.11/24"),), settings=settings(ipv6_conf_eth0_disable_ipv6=1)),
        [],
    ),
    "a duplicate": (
        interface.judge,
        facts(
            IPV4_ONLY,
            links=(
                link(
                    addresses=(
                        Address(vip=ip_interface("192.0.2.11/24")),
                        Address(vip=ip_interface("2001:db8::1/64"), duplicate=True),
                    )
                ),
            ),
        ),
        ["problem address-duplicate"],
    ),
    "a small MTU": (interface.judge, facts(links=(link(mtu=48),)), ["problem interface-mtu"]),
    # Addresses.
    "free": (address.judge, facts(), []),
    "present": (address.judge, on("192.0.2.100/24"), ["problem address-present"]),
    "present with another length": (
        address.judge,
        on("192.0.2.100/32"),
        ["problem address-present"],
    ),
    "left behind": (address.judge, on("192.0.2.100/24", leased=True), ["note address-left"]),
    "the agent has put it there": (
        address.judge,
        replace(on("192.0.2.100/24"), agent=answer(report(State.MASTER, held=True))),
        [],
    ),
    "its owner has it": (
        address.judge,
        facts(OWNER, links=(link("192.0.2.100/24"),)),
        [],
    ),
    "on another interface": (
        address.judge,
        facts(links=(link(), link("2001:db8::100/64", name="eth1"))),
        ["problem address-present"],
    ),
    "written down": (
        address.judge,
        facts(mentions=(Mention(path="/etc/netplan/a.yaml", line=7, address="192.0.2.100"),)),
        ["problem address-written"],
    ),
    "of another subnet": (
        address.judge,
        facts(instance(addresses=("203.0.113.9/24",))),
        ["warning address-outside-subnet"],
    ),
    "a host address of the subnet": (address.judge, facts(HOST_ADDRESS), []),
    "with another length": (
        address.judge,
        facts(instance(addresses=("192.0.2.100/25",))),
        ["note address-prefix-differs"],
    ),
    # Settings.
    "good settings": (setting.judge, facts(), []),
    "strict, where there is one way": (
        setting.judge,
        facts(routes={"192.0.2.1": "eth0"}, settings=settings(ipv4_conf_eth0_rp_filter=1)),
        [],
    ),
    "strict, and the subnet is elsewhere": (
        setting.judge,
        facts(routes={"192.0.2.1": "eth1"}, settings=settings(ipv4_conf_all_rp_filter=1)),
        ["problem rp-filter-strict"],
    ),
    "loose, and the subnet is elsewhere": (
        setting.judge,
        facts(
            routes={"192.0.2.1": "eth1"},
            settings=settings(ipv4_conf_all_rp_filter=1, ipv4_conf_eth0_rp_filter=2),
        ),
        [],
    ),
    "strict, and the peer is elsewhere": (
        setting.judge,
        facts(
            TO_PEERS,
            routes={"198.51.100.12": "eth1", "192.0.2.1": "eth0"},
            settings=settings(ipv4_conf_eth0_rp_filter=1),
        ),
        ["problem rp-filter-strict"],
    ),
    "strict, and the peer is here": (
        setting.judge,
        facts(
            TO_PEERS,
            routes={"198.51.100.12": "eth0", "192.0.2.1": "eth1"},
            settings=settings(ipv4_conf_eth0_rp_filter=1),
        ),
        [],
    ),
    "ARP of this interface": (
        setting.judge,
        facts(settings=settings(ipv4_conf_all_arp_ignore=1)),
        [],
    ),
    "ARP of the subnet": (setting.judge, facts(settings=settings(ipv4_conf_all_arp_ignore=2)), []),
    "ARP of the subnet, for a host address in it": (
        setting.judge,
        facts(HOST_ADDRESS, settings=settings(ipv4_conf_eth0_arp_ignore=2)),
        [],
    ),
    "ARP of the subnet, for a host address in none": (
        setting.judge,
        facts(ROUTED, settings=settings(ipv4_conf_eth0_arp_ignore=2)),
        ["problem arp-ignore-hides-address"],
    ),
    "ARP as the kernel has not defined it": (
        setting.judge,
        facts(ROUTED, settings=settings(ipv4_conf_eth0_arp_ignore=4)),
        [],
    ),
    "no ARP": (
        setting.judge,
        facts(settings=settings(ipv4_conf_all_arp_ignore=8)),
        ["problem arp-ignore-hides-address"],
    ),
    "no IPv6": (
        setting.judge,
        facts(settings=settings(ipv6_conf_all_disable_ipv6=1)),
        ["problem ipv6-disabled"],
    ),
    "no IPv6, and nobody wants it": (
        setting.judge,
        facts(IPV4_ONLY, settings=settings(ipv6_conf_all_disable_ipv6=1)),
        [],
    ),
    "strict about duplicates": (
        setting.judge,
        facts(settings=settings(ipv6_conf_all_accept_dad=2)),
        ["note accept-dad-strict"],
    ),
    "deaf to announcements": (
        setting.judge,
        facts(settings=settings(ipv4_conf_eth0_drop_gratuitous_arp=1)),
        ["note announcements-dropped"],
    ),
    "secondaries go": (
        setting.judge,
        facts(settings=settings(ipv4_conf_eth0_promote_secondaries=0)),
        ["note promote-secondaries-off"],
    ),
    "nobody binds early": (
        setting.judge,
        facts(settings=settings() | {"ipv4/ip_nonlocal_bind": 0}),
        ["note nonlocal-bind-off"],
    ),
    # Managers.
    "nobody": (network.judge, facts(), []),
    "networkd": (network.judge, kept("networkd"), ["warning networkd-removes-addresses"]),
    "networkd keeps what DHCP gave": (
        network.judge,
        kept("networkd", "dhcp"),
        ["warning networkd-removes-addresses"],
    ),
    "networkd keeps all": (network.judge, kept("networkd", "yes"), []),
    "networkd keeps what is static": (network.judge, kept("networkd", "static"), []),
    "NetworkManager": (network.judge, kept("connected"), ["note network-manager-manages"]),
    "NetworkManager leaves it alone": (network.judge, kept("unmanaged"), []),
    # Neighbours.
    "nobody listened": (neighbour.judge, facts(), []),
    "nobody could listen": (
        neighbour.judge,
        facts(heard={"eth0": "listening needs CAP_NET_RAW"}),
        ["note link-not-heard"],
    ),
    "silence": (neighbour.judge, facts(heard={"eth0": survey()}), []),
    "a MASTER": (neighbour.judge, facts(heard={"eth0": survey(speaker())}), []),
    "another cluster": (
        neighbour.judge,
        facts(heard={"eth0": survey(conflicts=(STRANGERS,))}),
        ["problem vrid-conflict"],
    ),
    "two masters": (
        neighbour.judge,
        facts(heard={"eth0": survey(speaker(), speaker("192.0.2.13"), conflicts=(RIVALS,))}),
        ["problem two-masters"],
    ),
    "another version": (
        neighbour.judge,
        facts(V2, heard={"eth0": survey(speaker())}),
        ["problem peer-version-differs"],
    ),
    "another interval": (
        neighbour.judge,
        facts(heard={"eth0": survey(speaker(interval_s=0.5))}),
        ["warning peer-interval-differs"],
    ),
    "another interval, in VRRPv2": (
        neighbour.judge,
        facts(V2, heard={"eth0": survey(speaker(version=2, auth_type=0, interval_s=2.0))}),
        ["problem peer-interval-differs"],
    ),
    "another interval, as the wire has it": (
        neighbour.judge,
        facts(
            instance(advert_interval=290 * MILLISECOND),
            heard={"eth0": survey(speaker(interval_s=0.29))},
        ),
        [],
    ),
    "a password": (
        neighbour.judge,
        facts(V2, heard={"eth0": survey(speaker(version=2, auth_type=1))}),
        ["problem peer-auth-differs"],
    ),
    "other addresses": (
        neighbour.judge,
        facts(heard={"eth0": survey(speaker(addresses=("192.0.2.100", "192.0.2.101")))}),
        ["warning peer-addresses-differ"],
    ),
    "ourselves, with other addresses": (
        neighbour.judge,
        facts(heard={"eth0": survey(speaker(ours=True, addresses=("192.0.2.100", "192.0.2.9")))}),
        [],
    ),
    "broken adverts": (
        neighbour.judge,
        facts(heard={"eth0": survey(unread=2)}),
        ["warning adverts-unsound"],
    ),
    "another daemon": (
        neighbour.judge,
        facts(daemons=(Daemon(name="keepalived", vrids=frozenset({7})),)),
        ["note daemon-other"],
    ),
    "another daemon with our VRID": (
        neighbour.judge,
        facts(daemons=(Daemon(name="keepalived", vrids=frozenset({7, 51})),)),
        ["problem daemon-same-vrid"],
    ),
    # The firewall.
    "no firewall": (firewall.judge, facts(), []),
    "a firewall that is not to be seen": (
        firewall.judge,
        facts(rules=Unseen(why="only root sees the firewall rules")),
        ["note firewall-not-seen"],
    ),
    "a part that is not to be seen": (
        firewall.judge,
        facts(rules=Rules(unread=("nft is not installed",))),
        ["note firewall-unread"],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_said(name: str) -> None:
    judge, seen, expected = CASES[name]
    assert codes(judge, seen) == expected


def test_without_a_configuration_the_host_is_looked_at() -> None:
    seen = bare(heard={"eth0": survey(speaker(), vrid=7)})
    for judge in (interface.judge, address.judge, firewall.judge, network.judge, neighbour.judge):
        assert codes(judge, seen) == []
    (heard,) = neighbour.judge(seen)
    assert heard.what == "others speak VRRP on eth0, with VRID 7"
    down = bare(links=(link(flags=without("MULTICAST")),))
    assert codes(interface.judge, down) == ["warning interface-no-multicast"]


def test_what_is_well_is_told_tersely() -> None:
    served = facts(heard={"eth0": survey(speaker())})
    assert good(neighbour.judge, served) == ["link-served"]
    assert good(neighbour.judge, facts(heard={"eth0": survey()})) == ["link-silent"]
    foreign = survey(speaker(addresses=("192.0.2.200",)), conflicts=(STRANGERS,))
    assert good(neighbour.judge, facts(heard={"eth0": foreign})) == []
    assert good(address.judge, facts()) == ["addresses-good"]
    assert good(network.judge, kept("networkd", "yes")) == ["networkd-keeps-addresses"]


def only(judge: Judge, seen: Facts) -> Finding:
    (found,) = [one for one in judge(seen) if one.commands]
    return found


def test_each_command_names_what_is_meant() -> None:
    assert only(address.judge, on("192.0.2.100/32")).commands == (
        "ip address del 192.0.2.100/32 dev eth0",
    )
    ignored = settings(ipv4_conf_all_arp_ignore=8, ipv4_conf_eth0_arp_ignore=1)
    assert only(setting.judge, facts(settings=ignored)).commands == (
        "sysctl -w net/ipv4/conf/all/arp_ignore=1",
    )
    assert only(network.judge, kept("networkd")).commands == (
        "mkdir -p /etc/systemd/network/10-eth0.network.d",
        (
            "printf '[Network]\\nKeepConfiguration=yes\\n' "
            "> /etc/systemd/network/10-eth0.network.d/vipd.conf"
        ),
        "networkctl reload",
    )


# -- the firewall --------------------------------------------------------------------------------


def iptables(*rules: str, program: str = "iptables", family: Family = Family.IPV4) -> Facts:
    text = "\n".join(["*filter", ":INPUT ACCEPT [0:0]", ":OUTPUT ACCEPT [0:0]", *rules, "COMMIT"])
    saved = Saved(program=program, family=family, text=text)
    return facts(rules=Rules(tables=assemble("", "", [saved])))


def test_a_rule_that_drops_is_quoted_with_its_place_and_the_way_out() -> None:
    (found,) = firewall.judge(iptables("-A INPUT -p vrrp -j DROP"))
    assert found.code == "firewall-drops-input"
    assert found.what == (
        "iptables drops the IPv4 adverts that come in on eth0: `-A INPUT -p vrrp -j DROP` "
        "in ip filter INPUT"
    )
    assert found.commands == ("iptables -I INPUT -p 112 -j ACCEPT",)


def test_the_tables_of_old_are_changed_with_their_own_program() -> None:
    seen = iptables("-A OUTPUT -j DROP", program="ip6tables-legacy", family=Family.IPV6)
    (found,) = firewall.judge(seen)
    assert found.code == "firewall-drops-output"
    assert found.commands == ("ip6tables-legacy -I OUTPUT -p 112 -j ACCEPT",)


def test_a_doubt_is_named() -> None:
    (found,) = firewall.judge(iptables("-A INPUT -m mark --mark 0x1 -j DROP"))
    assert found.code == "firewall-uncertain-input"
    assert "it hangs on `-A INPUT -m mark --mark 0x1 -j DROP`" in found.what


def test_ufw_is_changed_where_it_keeps_its_rules() -> None:
    rules = (
        ":ufw-before-input - [0:0]",
        "-A INPUT -j ufw-before-input",
        "-A ufw-before-input -j DROP",
    )
    (found,) = firewall.judge(iptables(*rules))
    assert found.what.startswith("ufw drops the IPv4 adverts that come in on eth0")
    assert found.commands == (
        (
            "sed -i '/^# End required lines/a -A ufw-before-input -p 112 -j ACCEPT' "
            "/etc/ufw/before.rules"
        ),
        "ufw reload",
    )


def test_firewalld_is_told_by_its_own_command() -> None:
    rules = (
        ":INPUT_ZONES - [0:0]",
        "-A INPUT -j INPUT_ZONES",
        "-A INPUT -j REJECT --reject-with icmp-host-prohibited",
    )
    (found,) = firewall.judge(iptables(*rules))
    zone = '"$(firewall-cmd --get-zone-of-interface=eth0)"'
    assert found.commands == (
        f"firewall-cmd --permanent --zone={zone} --add-protocol=vrrp",
        "firewall-cmd --reload",
    )


def test_who_was_heard_is_who_must_come_through() -> None:
    """The rules let one neighbour in: whether that is the peer, only its adverts tell."""
    rules = ("-A INPUT -s 192.0.2.12/32 -j ACCEPT", "-A INPUT -j DROP")
    assert codes(firewall.judge, iptables(*rules)) == ["warning firewall-uncertain-input"]
    heard = {"eth0": survey(speaker("192.0.2.12"))}
    assert codes(firewall.judge, replace(iptables(*rules), heard=heard)) == []
    heard = {"eth0": survey(speaker("192.0.2.13"))}
    assert codes(firewall.judge, replace(iptables(*rules), heard=heard)) == [
        "problem firewall-drops-input"
    ]


def test_adverts_to_peers_are_judged_as_such() -> None:
    rules = ("-A INPUT -d 224.0.0.18/32 -j ACCEPT", "-A INPUT -j DROP")
    seen = replace(iptables(*rules), instances=(TO_PEERS,))
    assert codes(firewall.judge, seen) == ["problem firewall-drops-input"]
    peers = ("-A INPUT -s 198.51.100.12/32 -j ACCEPT", "-A INPUT -j DROP")
    assert codes(firewall.judge, replace(iptables(*peers), instances=(TO_PEERS,))) == []
