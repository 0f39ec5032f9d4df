"""Firewall rules without a kernel: how they are read, and what becomes of an advert.

tests/system/test_doctor_firewall.py compares the same answers with what a kernel does.
"""

from __future__ import annotations

import json
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vipd.core.model import Family
from vipd.doctor.ruleset import iptables, nft
from vipd.doctor.ruleset.model import (
    Base,
    Chain,
    Comparison,
    Effect,
    Field,
    Hook,
    Rule,
    Span,
    Table,
)
from vipd.doctor.ruleset.packet import Direction, Packet, advert, span
from vipd.doctor.ruleset.rules import Saved, assemble, keeper
from vipd.doctor.ruleset.walk import Fate, walk
from vipd.wire.vrrp import GROUP

ADVERT = advert(
    Family.IPV4,
    Direction.IN,
    "eth0",
    sources=[span(ip_address("192.0.2.12"))],
    destinations=[span(GROUP[Family.IPV4])],
    multicast=True,
)
L4PROTO = {"meta": {"key": "l4proto"}}
SADDR = {"payload": {"protocol": "ip", "field": "saddr"}}
STATE = {"ct": {"key": "state"}}


def match(left: object, right: object, op: str = "==") -> dict[str, Any]:
    return {"match": {"op": op, "left": left, "right": right}}


def ruleset(*expressions: list[dict[str, Any]], policy: str = "accept", **more: Any) -> str:  # noqa: ANN401 (JSON)
    """A table with one base chain of rules, each a list of expressions."""
    chain = {"family": "inet", "table": "f", "name": "i", "handle": 1, "type": "filter"}
    objects: list[dict[str, Any]] = [
        {"metainfo": {"version": "1.0.6"}},
        {"table": {"family": "inet", "name": "f", "handle": 1}},
        {"chain": chain | {"hook": "input", "prio": 0, "policy": policy} | more},
    ]
    for handle, expr in enumerate(expressions, 2):
        rule = {"family": "inet", "table": "f", "chain": "i", "handle": handle, "expr": expr}
        objects.append({"rule": rule})
    return json.dumps({"nftables": objects})


def fate(document: str, listing: str = "", packet: Packet = ADVERT) -> Fate:
    return walk(packet, nft.tables(document, listing)).fate


ACCEPT: list[dict[str, Any]] = [{"accept": None}]
DROP: list[dict[str, Any]] = [{"drop": None}]
NFT_CASES = {
    "a protocol": ([match(L4PROTO, "vrrp"), *DROP], Fate.DROPPED),
    "a protocol that nobody knows": ([match(L4PROTO, "quux"), *DROP], Fate.UNCERTAIN),
    "a prefix": (
        [match(SADDR, {"prefix": {"addr": "192.0.2.0", "len": 24}}), *DROP],
        Fate.DROPPED,
    ),
    "an address that is none": ([match(SADDR, "localhost"), *DROP], Fate.UNCERTAIN),
    "an element with a counter": (
        [match(SADDR, {"set": [{"elem": {"val": "192.0.2.12", "counter": {}}}]}), *DROP],
        Fate.DROPPED,
    ),
    "a set that nobody has": ([match(SADDR, "@gone"), *DROP], Fate.UNCERTAIN),
    "a set written inline by its name": ([match(SADDR, {"set": "@gone"}), *DROP], Fate.UNCERTAIN),
    "less than": (
        [match({"payload": {"protocol": "ip", "field": "ttl"}}, 64, "<"), *DROP],
        Fate.UNCERTAIN,
    ),
    "an option of the header": (
        [match({"ip option": {"name": "lsrr"}}, True), *DROP],
        Fate.UNCERTAIN,
    ),
    "another family's protocol": (
        [match({"payload": {"protocol": "arp", "field": "operation"}}, "request"), *DROP],
        Fate.PASSES,
    ),
    "a verdict map that has all": (
        [
            {
                "vmap": {
                    "key": L4PROTO,
                    "data": {"set": [["*", {"drop": None}], ["vrrp", {"accept": None}]]},
                }
            }
        ],
        Fate.PASSES,
    ),
    "a verdict map that has only the rest": (
        [
            {
                "vmap": {
                    "key": L4PROTO,
                    "data": {"set": [["*", {"drop": None}], ["tcp", {"accept": None}]]},
                }
            }
        ],
        Fate.DROPPED,
    ),
    "a concatenation of sets nobody has": (
        [match({"concat": [L4PROTO, SADDR]}, "@gone"), *DROP],
        Fate.UNCERTAIN,
    ),
    "a queue": ([{"queue": {"num": 0}}], Fate.UNCERTAIN),
    "a match of iptables": ([{"xt": {"type": "match", "name": "u32"}}, *DROP], Fate.UNCERTAIN),
    "a target of iptables": ([{"xt": {"type": "target", "name": "TARPIT"}}], Fate.UNCERTAIN),
    "a log of iptables": ([{"xt": {"type": "target", "name": "LOG"}}], Fate.PASSES),
    "something of iptables": ([{"xt": None}], Fate.UNCERTAIN),
    "a quota": ([{"quota": {"val": 1}}, *DROP], Fate.UNCERTAIN),
    "a counter": ([{"counter": {"packets": 1, "bytes": 2}}, *DROP], Fate.DROPPED),
    "a mark that is set": (
        [{"mangle": {"key": {"meta": {"key": "mark"}}, "value": 1}}],
        Fate.PASSES,
    ),
    "states in words": ([match(STATE, ["new", "untracked"], "in"), *DROP], Fate.DROPPED),
    "a jump to nowhere": ([{"jump": {"target": "gone"}}], Fate.UNCERTAIN),
}


@pytest.mark.parametrize("name", NFT_CASES)
def test_a_rule_of_nftables(name: str) -> None:
    expressions, expected = NFT_CASES[name]
    assert fate(ruleset(expressions)) is expected


def test_the_text_of_a_rule_comes_from_the_listing_without_its_counters() -> None:
    listing = (
        "table inet f { # handle 1\n"
        "\tchain i { # handle 1\n"
        "\t\ttype filter hook input priority filter; policy accept;\n"
        "\t\tmeta l4proto vrrp counter packets 5 bytes 60 drop # handle 2\n"
        "\t}\n}\n"
    )
    document = ruleset([match(L4PROTO, "vrrp"), *DROP])
    (place,) = walk(ADVERT, nft.tables(document, listing)).places
    assert place.rule == "meta l4proto vrrp drop"
    (place,) = walk(ADVERT, nft.tables(document, "")).places
    assert place.rule == "rule 2"


@pytest.mark.parametrize(
    ("device", "listed", "expected"),
    [
        ("eth0", "", Fate.DROPPED),
        ("eth1", "", Fate.PASSES),
        (["eth1", "eth0"], "", Fate.DROPPED),
        (None, 'device "eth1"', Fate.PASSES),
        (None, "devices = { eth1, eth0 }", Fate.DROPPED),
        (None, 'devices = { "eth1" }', Fate.PASSES),
    ],
)
def test_an_ingress_chain_is_for_its_devices(device: object, listed: str, expected: Fate) -> None:
    """Older versions of nft say them in the listing only."""
    more: dict[str, Any] = {"hook": "ingress"} | ({"dev": device} if device else {})
    listing = f"table inet f {{\n\tchain i {{\n\t\ttype filter hook ingress {listed} priority 0;\n"
    assert fate(ruleset(DROP, **more), listing) is expected


@pytest.mark.parametrize("document", ["[]", "{}", '{"nftables": 1}', "no json"])
def test_what_is_no_rule_set_is_refused(document: str) -> None:
    with pytest.raises(ValueError, match=r"rule set|JSON|Expecting"):
        nft.tables(document, "")


def test_chains_decide_in_the_order_of_their_priorities() -> None:
    """Untracked before is untracked behind, and the other way round is too late."""

    def table(first: int) -> Table:
        untrack = Rule(text="notrack", effect=Effect.UNTRACK)
        only_new = Rule(
            text="ct state new drop",
            conditions=(Comparison(field=Field.CONNECTION, values=("new",)),),
            effect=Effect.DROP,
        )
        chains = (
            Chain(name="a", rules=(untrack,), base=Base(hook=Hook.PREROUTING, priority=first)),
            Chain(name="b", rules=(only_new,), base=Base(hook=Hook.PREROUTING, priority=0)),
        )
        return Table(program="nft", family="ip", name="t", chains={one.name: one for one in chains})

    assert walk(ADVERT, [table(-300)]).fate is Fate.PASSES
    assert walk(ADVERT, [table(300)]).fate is Fate.DROPPED


def test_what_surely_drops_is_told_of_all_chains_that_do() -> None:
    drop = Rule(text="drop", effect=Effect.DROP)
    chains = {
        hook.value: Chain(name=hook.value, rules=(drop,), base=Base(hook=hook)) for hook in Hook
    }
    way = walk(ADVERT, [Table(program="nft", family="inet", name="t", chains=chains)])
    assert [place.chain.name for place in way.places] == ["ingress", "prerouting", "input"]


def test_a_bridge_asks_its_own_chains_of_a_port_that_nobody_knows() -> None:
    by_port = Rule(
        text="iifname port1 drop",
        conditions=(Comparison(field=Field.IN, values=("port1",)),),
        effect=Effect.DROP,
    )
    chain = Chain(name="i", rules=(by_port,), base=Base(hook=Hook.INPUT))
    tables = [Table(program="nft", family="bridge", name="t", chains={"i": chain})]
    assert walk(ADVERT, tables).fate is Fate.PASSES
    assert walk(ADVERT, tables, bridge=True).fate is Fate.UNCERTAIN


def test_a_sender_that_may_be_anybody_of_a_subnet() -> None:
    anybody = advert(
        Family.IPV4,
        Direction.IN,
        "eth0",
        sources=[Span(int(ip_address("192.0.2.0")), int(ip_address("192.0.2.255")))],
        destinations=[span(GROUP[Family.IPV4])],
        multicast=True,
    )
    for length, expected in ((16, Fate.DROPPED), (24, Fate.DROPPED), (25, Fate.UNCERTAIN)):
        prefix = {"prefix": {"addr": "192.0.2.0", "len": length}}
        assert fate(ruleset([match(SADDR, prefix), *DROP]), packet=anybody) is expected
    elsewhere = {"prefix": {"addr": "203.0.113.0", "len": 24}}
    assert fate(ruleset([match(SADDR, elsewhere), *DROP]), packet=anybody) is Fate.PASSES


# -- iptables -------------------------------------------------------------------------------------

IPTABLES_CASES = {
    "-p 112 -j DROP": Fate.DROPPED,
    "-p vrrp -j REJECT --reject-with icmp-port-unreachable": Fate.DROPPED,
    "-p tcp -m tcp --dport 22 -j DROP": Fate.PASSES,
    "! -p tcp -j DROP": Fate.DROPPED,
    "-p all -j DROP": Fate.DROPPED,
    "-p quux -j DROP": Fate.UNCERTAIN,
    "-s 192.0.2.0/24 -i eth+ -j DROP": Fate.DROPPED,
    "! -i eth0 -j DROP": Fate.PASSES,
    "-o eth0 -j DROP": Fate.PASSES,
    "-f -j DROP": Fate.PASSES,
    "-m state --state NEW -j DROP": Fate.DROPPED,
    "-m conntrack ! --ctstate RELATED,ESTABLISHED -j DROP": Fate.DROPPED,
    "-m conntrack --ctstate INVALID -j DROP": Fate.PASSES,
    "-m addrtype --dst-type MULTICAST -j DROP": Fate.DROPPED,
    "-m addrtype --dst-type LOCAL -j DROP": Fate.PASSES,
    "-m addrtype --src-type LOCAL -j DROP": Fate.PASSES,
    "-m pkttype --pkt-type unicast -j DROP": Fate.PASSES,
    "-m rpfilter --validmark --invert -j DROP": Fate.PASSES,
    '-m comment --comment "-p tcp" -j DROP': Fate.DROPPED,
    "-m comment --comment it's -j DROP": Fate.DROPPED,
    "-m set --match-set bad src -j DROP": Fate.UNCERTAIN,
    "-m socket -j DROP": Fate.UNCERTAIN,
    "-m recent --rcheck --name x -j DROP": Fate.UNCERTAIN,
    "-j NFQUEUE --queue-num 0": Fate.UNCERTAIN,
    "-j LOG --log-prefix -j": Fate.PASSES,
    "-j MARK --set-xmark 0x1/0xffffffff": Fate.PASSES,
    "-j CT --notrack": Fate.PASSES,
    "-j TARPIT": Fate.UNCERTAIN,
    "-p 112": Fate.PASSES,
}


def saved(*rules: str, policy: str = "ACCEPT") -> str:
    return "\n".join(["*filter", f":INPUT {policy} [0:0]", *rules, "COMMIT", ""])


@pytest.mark.parametrize("rule", IPTABLES_CASES)
def test_a_rule_of_iptables(rule: str) -> None:
    tables = iptables.tables(saved(f"-A INPUT {rule}"), Family.IPV4, "iptables")
    assert walk(ADVERT, tables).fate is IPTABLES_CASES[rule]


def test_the_policy_of_a_chain_of_iptables() -> None:
    tables = iptables.tables(saved(policy="DROP"), Family.IPV4, "iptables")
    (place,) = walk(ADVERT, tables).places
    assert (place.rule, place.chain.name) == ("policy drop", "INPUT")
    tables = iptables.tables(saved(policy="DROP"), Family.IPV6, "ip6tables")
    assert walk(ADVERT, tables).fate is Fate.PASSES


@pytest.mark.parametrize(
    ("program", "names", "expected"),
    [
        ("nft", ("firewalld", ()), "firewalld"),
        ("nft", ("mine", ()), "nftables"),
        ("iptables", ("filter", ("INPUT", "INPUT_ZONES")), "firewalld"),
        ("iptables", ("filter", ("INPUT", "ufw-before-input")), "ufw"),
        ("ip6tables", ("filter", ("ufw6-before-input",)), "ufw"),
        ("ip6tables-legacy", ("filter", ("INPUT",)), "ip6tables-legacy"),
    ],
)
def test_who_keeps_the_rules(
    program: str, names: tuple[str, tuple[str, ...]], expected: str
) -> None:
    name, chains = names
    assert keeper(Table(program=program, family="ip", name=name), chains) == expected


@given(st.text())
def test_whatever_iptables_says_is_read(text: str) -> None:
    assemble("", "", [Saved(program="iptables", family=Family.IPV4, text=text)])
    rule = text.replace("\n", " ")
    tables = iptables.tables(saved(f"-A INPUT {rule}"), Family.IPV4, "iptables")
    assert walk(ADVERT, tables).fate in Fate
