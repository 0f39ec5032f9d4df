"""What the doctor says of firewalls, beside what the kernel does to real adverts.

Each rule set is loaded on a host of the lab. The doctor reads it as it would anywhere and judges
adverts of both families, in and out; then a neighbour sends such adverts, this host sends some,
and what comes through is counted. A certain answer must be what happens. An uncertain one must be
expected: it is for what no reader of rules can know.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import pytest

from vipd.core.model import Family
from vipd.doctor.facts import Rules
from vipd.doctor.gather.rule import rules
from vipd.doctor.port import Said
from vipd.doctor.ruleset.packet import Direction, Packet, advert, span
from vipd.doctor.ruleset.walk import Fate, walk
from vipd.lab.lab import Host, Lab
from vipd.wire.vrrp import GROUP

pytestmark = pytest.mark.system

TRUTH = Path(__file__).parents[1] / "support" / "advert_truth.py"
LETTERS = {Fate.PASSES: "P", Fate.DROPPED: "D", Fate.UNCERTAIN: "?"}
OWN = {Family.IPV4: "192.0.2.11", Family.IPV6: "2001:db8::11"}
PEER = {Family.IPV4: "192.0.2.12", Family.IPV6: "2001:db8::12"}

INPUT = "chain i { type filter hook input priority 0; policy drop;\n"
OUTPUT = "chain o { type filter hook output priority 0; policy drop;\n"
OPEN = "chain i { type filter hook input priority 0;\n"


def inet(*chains: str) -> str:
    return "table inet f {\n" + "\n".join(chains) + "\n}\n"


def device(hook: str, name: str, rule: str) -> str:
    head = f"chain d {{ type filter hook {hook} device {name} priority 0;"
    return f"table netdev f {{\n{head}\n{rule}\n}}\n}}\n"


NFT = {
    # Nothing, policies, protocol 112.
    "no rules": ("", "PPPP"),
    "policy drop": (inet(f"{INPUT}}}"), "DDPP"),
    "policy drop, out": (inet(f"{OUTPUT}}}"), "PPDD"),
    "drop 112": (inet(f"{OPEN} meta l4proto vrrp drop\n}}"), "DDPP"),
    "drop 112 by number": (inet(f"{OPEN} meta l4proto 112 drop\n}}"), "DDPP"),
    "accept 112, drop the rest": (inet(f"{INPUT} meta l4proto vrrp accept\n}}"), "PPPP"),
    "accept 112, then drop 112": (
        inet(f"{OPEN} meta l4proto vrrp accept\n meta l4proto vrrp drop\n}}"),
        "PPPP",
    ),
    "drop 112, then accept 112": (
        inet(f"{OPEN} meta l4proto vrrp drop\n meta l4proto vrrp accept\n}}"),
        "DDPP",
    ),
    "IPv4 alone": (inet(f"{INPUT} ip protocol vrrp accept\n}}"), "PDPP"),
    "IPv6 alone": (inet(f"{INPUT} ip6 nexthdr 112 accept\n}}"), "DPPP"),
    "reject": (inet(f"{OPEN} meta l4proto vrrp reject\n}}"), "DDPP"),
    "a set of protocols": (inet(f"{INPUT} meta l4proto {{ esp, vrrp }} accept\n}}"), "PPPP"),
    "all but TCP": (inet(f"{OPEN} meta l4proto != tcp drop\n}}"), "DDPP"),
    "all but VRRP": (inet(f"{OPEN} meta l4proto != vrrp drop\n}}"), "PPPP"),
    "ports of TCP": (inet(f"{INPUT} tcp dport 1-65535 accept\n}}"), "DDPP"),
    "all but ports of TCP": (inet(f"{OPEN} tcp dport != 22 drop\n}}"), "PPPP"),
    # Addresses.
    "the group": (inet(f"{INPUT} ip daddr 224.0.0.18 accept\n}}"), "PDPP"),
    "the groups by prefix": (
        inet(f"{INPUT} ip daddr 224.0.0.0/24 accept\n ip6 daddr ff02::/16 accept\n}}"),
        "PPPP",
    ),
    "a range of groups": (inet(f"{INPUT} ip daddr 224.0.0.1-224.0.0.17 accept\n}}"), "DDPP"),
    "drop all groups": (inet(f"{OPEN} ip daddr 224.0.0.0/4 drop\n}}"), "DPPP"),
    "the peer": (inet(f"{INPUT} ip saddr 192.0.2.12 accept\n}}"), "PDPP"),
    "somebody else": (inet(f"{INPUT} ip saddr 192.0.2.99 accept\n}}"), "DDPP"),
    "all but a subnet": (inet(f"{OPEN} ip saddr != 192.0.2.0/24 drop\n}}"), "PPPP"),
    "a named set": (
        inet(
            "set peers { type ipv4_addr; flags interval; elements = { 192.0.2.8/29 } }",
            f"{INPUT} ip saddr @peers accept\n}}",
        ),
        "PDPP",
    ),
    "a named set with a counter": (
        inet(
            "set peers { type ipv4_addr; counter; elements = { 192.0.2.12 } }",
            f"{INPUT} ip saddr @peers accept\n}}",
        ),
        "PDPP",
    ),
    "a block list": (
        inet("set bad { type ipv4_addr; }", f"{OPEN} ip saddr @bad drop\n}}"),
        "PPPP",
    ),
    # Interfaces.
    "this interface": (inet(f"{INPUT} iifname eth0 accept\n}}"), "PPPP"),
    "this interface by index": (inet(f"{INPUT} iif lo accept\n iif eth0 accept\n}}"), "PPPP"),
    "another one": (inet(f"{INPUT} iifname eth1 accept\n}}"), "DDPP"),
    "all but another one": (inet(f"{OPEN} iifname != eth1 drop\n}}"), "DDPP"),
    "a wildcard": (inet(f'{INPUT} iifname "eth*" accept\n}}'), "PPPP"),
    "several": (inet(f"{INPUT} iifname {{ lo, eth0 }} accept\n}}"), "PPPP"),
    "out by another one": (inet(f"{OUTPUT} oifname lo accept\n}}"), "PPDD"),
    "out by this one": (inet(f"{OUTPUT} oifname eth0 accept\n}}"), "PPPP"),
    "nothing goes out of the input": (inet(f"{OPEN} oifname eth0 drop\n}}"), "PPPP"),
    "interface and address": (
        inet(f"{INPUT} iifname . ip saddr {{ eth0 . 192.0.2.12 }} accept\n}}"),
        "PDPP",
    ),
    "interface and another address": (
        inet(f"{INPUT} iifname . ip saddr {{ eth0 . 192.0.2.13, eth1 . 192.0.2.12 }} accept\n}}"),
        "DDPP",
    ),
    # Connections.
    "established only": (inet(f"{INPUT} ct state established,related accept\n}}"), "DDPP"),
    "established only, as a set": (
        inet(f"{INPUT} ct state {{ established, related }} accept\n}}"),
        "DDPP",
    ),
    "new ones, too": (inet(f"{INPUT} ct state new accept\n}}"), "PPPP"),
    "drop invalid": (inet(f"{OPEN} ct state invalid drop\n}}"), "PPPP"),
    "drop new": (inet(f"{OPEN} ct state new drop\n}}"), "DDPP"),
    "a map of states": (
        inet(f"{INPUT} ct state vmap {{ established : accept, invalid : drop }}\n}}"),
        "DDPP",
    ),
    "untracked before": (
        inet(
            "chain r { type filter hook prerouting priority raw; meta l4proto vrrp notrack; }",
            f"{INPUT} ct state untracked accept\n}}",
        ),
        "PPPP",
    ),
    "untracked, and only new ones pass": (
        inet(
            "chain r { type filter hook prerouting priority raw; meta l4proto vrrp notrack; }",
            f"{INPUT} ct state new accept\n}}",
        ),
        "DDPP",
    ),
    # What an address is, and the way back.
    "multicast": (inet(f"{INPUT} fib daddr type multicast accept\n}}"), "PPPP"),
    "only what is for this host": (inet(f"{INPUT} fib daddr type local accept\n}}"), "DDPP"),
    "neither local nor multicast": (
        inet(f"{OPEN} fib daddr type != {{ local, multicast }} drop\n}}"),
        "PPPP",
    ),
    "drop multicast by its frame": (inet(f"{OPEN} meta pkttype multicast drop\n}}"), "DDPP"),
    "out, by its frame": (inet(f"{OUTPUT} meta pkttype host accept\n}}"), "PPPP"),
    "no way back": (
        inet(
            "chain p { type filter hook prerouting priority raw + 10;"
            " meta nfproto ipv6 fib saddr . iif oif missing drop; }"
        ),
        "PPPP",
    ),
    "no strict way back": (
        inet("chain p { type filter hook prerouting priority 0; fib saddr . iif oif 0 drop; }"),
        "PPPP",
    ),
    # Jumps.
    "jump and accept": (
        inet("chain a { accept; }", f"{INPUT} meta l4proto vrrp jump a\n}}"),
        "PPPP",
    ),
    "jump and return": (
        inet("chain a { return; accept; }", f"{INPUT} jump a\n}}"),
        "DDPP",
    ),
    "jump and fall through": (
        inet("chain a { meta l4proto tcp accept; }", f"{INPUT} jump a\n accept\n}}"),
        "PPPP",
    ),
    "goto and fall through": (
        inet("chain a { meta l4proto tcp accept; }", f"{INPUT} goto a\n accept\n}}"),
        "DDPP",
    ),
    "goto in a jump": (
        inet(
            "chain c { meta l4proto tcp accept; }",
            "chain b { goto c; drop; }",
            f"{INPUT} jump b\n meta nfproto ipv4 accept\n}}",
        ),
        "PDPP",
    ),
    "a map of interfaces": (
        inet(
            "chain z { meta l4proto vrrp accept; }",
            f"{INPUT} iifname vmap {{ lo : accept, eth0 : jump z }}\n}}",
        ),
        "PPPP",
    ),
    "a named map of protocols": (
        inet(
            "map m { type inet_proto : verdict; elements = { vrrp : drop, tcp : accept } }",
            f"{OPEN} meta l4proto vmap @m\n}}",
        ),
        "DDPP",
    ),
    "a map of two fields": (
        inet(
            f"{INPUT} iifname . meta l4proto vmap {{ eth0 . tcp : drop, eth0 . vrrp : accept }}\n}}"
        ),
        "PPPP",
    ),
    "return at the top is the policy": (inet(f"{INPUT} return\n accept\n}}"), "DDPP"),
    # Several chains and hooks.
    "accepted by one, dropped by the next": (
        inet(f"{INPUT} accept\n}}", "chain j { type filter hook input priority 10; drop; }"),
        "DDPP",
    ),
    "dropped before the input": (
        inet("chain p { type filter hook prerouting priority 0; meta l4proto vrrp drop; }"),
        "DDPP",
    ),
    "dropped behind the output": (
        inet("chain q { type filter hook postrouting priority 0; meta l4proto vrrp drop; }"),
        "PPDD",
    ),
    "the forward chain is not asked": (
        inet("chain w { type filter hook forward priority 0; policy drop; }"),
        "PPPP",
    ),
    "tables of each family": (
        "table ip f {\n" + INPUT + "}\n}\ntable ip6 f {\n" + OUTPUT + "}\n}\n",
        "DPPD",
    ),
    "ingress": (
        device("ingress", "eth0", "ip protocol vrrp drop"),
        "DPPP",
    ),
    "ingress of another interface": (
        device("ingress", "lo", "drop"),
        "PPPP",
    ),
    "egress": (
        device("egress", "eth0", "ip6 hoplimit 255 meta l4proto vrrp drop"),
        "PPPD",
    ),
    "ingress in a table of both families": (
        inet("chain i { type filter hook ingress device eth0 priority 0; meta l4proto 112 drop; }"),
        "DDPP",
    ),
    # The rest of the header.
    "its TTL": (inet(f"{INPUT} ip ttl 255 accept\n ip6 hoplimit 255 accept\n}}"), "PPPP"),
    "another TTL": (inet(f"{OPEN} ip ttl != 255 drop\n}}"), "PPPP"),
    "fragments": (inet(f"{OPEN} ip frag-off & 0x1fff != 0 drop\n}}"), "PPPP"),
    "marks in the log": (
        inet(f'{INPUT} limit rate 3/minute log prefix "in: "\n meta l4proto vrrp accept\n}}'),
        "PPPP",
    ),
    # What cannot be known from the rules alone.
    "a limit": (inet(f"{INPUT} meta l4proto vrrp limit rate 9000/second accept\n}}"), "??PP"),
    "a mark": (inet(f"{OPEN} meta mark 0x7 drop\n}}"), "??PP"),
    "a mark behind an accept": (
        inet(f"{INPUT} meta l4proto vrrp accept\n meta mark 0x7 drop\n}}"),
        "PPPP",
    ),
    "both ways of a mark": (
        inet(f"{OPEN} meta mark 0x7 accept\n meta l4proto vrrp accept\n}}"),
        "PPPP",
    ),
    "dropped by either way": (inet(f"{INPUT} meta mark 0x7 drop\n}}"), "DDPP"),
}

FIREWALLD = """
table inet firewalld {
 chain mangle_PREROUTING { type filter hook prerouting priority mangle + 10; policy accept;
  jump mangle_PREROUTING_ZONES
 }
 chain mangle_PREROUTING_ZONES { iifname "eth0" goto mangle_PRE_public; goto mangle_PRE_public; }
 chain mangle_PRE_public { }
 chain filter_PREROUTING { type filter hook prerouting priority filter + 10; policy accept;
  icmpv6 type { nd-router-advert, nd-neighbor-solicit } accept
  meta nfproto ipv6 fib saddr . mark . iif oif missing drop
 }
 chain filter_INPUT { type filter hook input priority filter + 10; policy accept;
  ct state { established, related } accept
  ct status dnat accept
  iifname "lo" accept
  ct state invalid drop
  jump filter_INPUT_ZONES
  reject with icmpx admin-prohibited
 }
 chain filter_INPUT_ZONES { iifname "eth0" goto filter_IN_public; goto filter_IN_public; }
 chain filter_IN_public {
  jump filter_IN_public_pre
  jump filter_IN_public_deny
  jump filter_IN_public_allow
  meta l4proto { icmp, ipv6-icmp } accept
 }
 chain filter_IN_public_pre { }
 chain filter_IN_public_deny { }
 chain filter_IN_public_allow {
  tcp dport 22 ct state { new, untracked } accept
  ip6 daddr fe80::/64 udp dport 546 ct state { new, untracked } accept
ALLOW
 }
 chain filter_OUTPUT { type filter hook output priority filter + 10; policy accept;
  ct state { established, related } accept
  oifname "lo" accept
 }
}
"""
NFT |= {
    "firewalld, a usual zone": (FIREWALLD.replace("ALLOW", ""), "DDPP"),
    "firewalld, with the protocol added": (
        FIREWALLD.replace("ALLOW", "  meta l4proto vrrp ct state { new, untracked } accept"),
        "PPPP",
    ),
}

UFW = """*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:ufw-before-input - [0:0]
:ufw-after-input - [0:0]
:ufw-not-local - [0:0]
:ufw-user-input - [0:0]
:ufw-logging-deny - [0:0]
:ufw-skip-to-policy-input - [0:0]
-A INPUT -j ufw-before-input
-A INPUT -j ufw-after-input
-A ufw-before-input -i lo -j ACCEPT
BEFORE
-A ufw-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A ufw-before-input -m conntrack --ctstate INVALID -j ufw-logging-deny
-A ufw-before-input -m conntrack --ctstate INVALID -j DROP
-A ufw-before-input -p icmp -j ACCEPT
-A ufw-before-input -p udp -m udp --sport 67 --dport 68 -j ACCEPT
-A ufw-before-input -j ufw-not-local
-A ufw-before-input -d 224.0.0.251/32 -p udp -m udp --dport 5353 -j ACCEPT
-A ufw-before-input -j ufw-user-input
-A ufw-not-local -m addrtype --dst-type LOCAL -j RETURN
-A ufw-not-local -m addrtype --dst-type MULTICAST -j RETURN
-A ufw-not-local -m addrtype --dst-type BROADCAST -j RETURN
-A ufw-not-local -m limit --limit 3/min --limit-burst 10 -j ufw-logging-deny
-A ufw-not-local -j DROP
-A ufw-user-input -p tcp -m tcp --dport 22 -j ACCEPT
-A ufw-after-input -p udp -m udp --dport 137 -j ufw-skip-to-policy-input
-A ufw-after-input -m addrtype --dst-type BROADCAST -j ufw-skip-to-policy-input
-A ufw-skip-to-policy-input -j DROP
COMMIT
"""


def filtered(*rules: str) -> str:
    return "*filter\n:INPUT DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n" + "\n".join([*rules, "COMMIT\n"])


IPTABLES = {
    "policy drop": (filtered(), "DPPP"),
    "accept 112": (filtered("-A INPUT -p 112 -j ACCEPT"), "PPPP"),
    "accept 112 on another interface": (filtered("-A INPUT -i eth1 -p 112 -j ACCEPT"), "DPPP"),
    "accept a wildcard": (filtered("-A INPUT -i eth+ -j ACCEPT"), "PPPP"),
    "accept all but another interface": (filtered("-A INPUT ! -i eth1 -j ACCEPT"), "PPPP"),
    "accept established": (
        filtered("-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"),
        "DPPP",
    ),
    "accept the group": (filtered("-A INPUT -d 224.0.0.18/32 -j ACCEPT"), "PPPP"),
    "accept the subnet": (filtered("-A INPUT -s 192.0.2.0/24 -j ACCEPT"), "PPPP"),
    "accept all but the subnet": (filtered("-A INPUT ! -s 192.0.2.0/24 -j ACCEPT"), "DPPP"),
    "accept multicast": (filtered("-A INPUT -m pkttype --pkt-type multicast -j ACCEPT"), "PPPP"),
    "a comment": (filtered('-A INPUT -p 112 -m comment --comment "-j DROP" -j ACCEPT'), "PPPP"),
    "ports": (filtered("-A INPUT -p tcp -m multiport --dports 22,80 -j ACCEPT"), "DPPP"),
    "a chain": (
        filtered(":vrrp - [0:0]", "-A INPUT -p 112 -j vrrp", "-A vrrp -i eth0 -j ACCEPT"),
        "PPPP",
    ),
    "a chain that is left": (
        filtered(":c - [0:0]", "-A INPUT -j c", "-A c -p 112 -j RETURN", "-A c -j ACCEPT"),
        "DPPP",
    ),
    "a chain that is gone to": (
        filtered(":c - [0:0]", "-A INPUT -g c", "-A INPUT -j ACCEPT", "-A c -p tcp -j ACCEPT"),
        "DPPP",
    ),
    "out": ("*filter\n:OUTPUT DROP [0:0]\n-A OUTPUT -o lo -j ACCEPT\nCOMMIT\n", "PPDP"),
    "the raw table": (
        "*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p 112 -j DROP\nCOMMIT\n",
        "DPPP",
    ),
    "the mangle table, out": (
        "*mangle\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -p 112 -j DROP\nCOMMIT\n",
        "PPDP",
    ),
    "a limit": (filtered("-A INPUT -p 112 -m limit --limit 900/sec -j ACCEPT"), "?PPP"),
    "logged and dropped": (
        filtered("-A INPUT -p 112 -j LOG --log-prefix in", "-A INPUT -j DROP"),
        "DPPP",
    ),
    "ufw": (UFW.replace("BEFORE\n", ""), "DPPP"),
    "ufw, with the protocol in before.rules": (
        UFW.replace("BEFORE", "-A ufw-before-input -p 112 -j ACCEPT"),
        "PPPP",
    ),
}


UNICAST = {
    "the peer": (inet(f"{INPUT} ip saddr 192.0.2.12 accept\n}}"), "PDPP"),
    "only what is for this host": (inet(f"{INPUT} fib daddr type local accept\n}}"), "PPPP"),
    "only groups": (
        inet(f"{INPUT} ip daddr 224.0.0.18 accept\n ip6 daddr ff02::12 accept\n}}"),
        "DDPP",
    ),
    "only multicast frames": (inet(f"{INPUT} meta pkttype multicast accept\n}}"), "DDPP"),
    "out to the peer": (
        inet(f"{OUTPUT} ip daddr 192.0.2.12 accept\n\n}}"),
        "PPPD",
    ),
    "out to multicast": (inet(f"{OUTPUT} fib daddr type multicast accept\n}}"), "PPDD"),
}


@dataclass(frozen=True)
class Bench:
    """A host whose firewall is played with, and a neighbour that sends adverts all the time.

    `own` and `peer` are the addresses that the adverts come from; `unicast` is whether they go
    from one to the other, and not to the groups.
    """

    host: Host
    own: Mapping[Family, str]
    peer: Mapping[Family, str]
    unicast: bool

    def load(self, *argv: str, text: str) -> None:
        self.host.run(["nft", "flush", "ruleset"])
        self.host.run(argv, stdin=text)

    def truth(self) -> str:
        """What happens, as letters in the order of `judged`."""
        to = self.peer.values() if self.unicast else ()
        said = self.host.run([sys.executable, str(TRUTH), "judge", *to])
        passed = json.loads(said.stdout)
        return "".join("P" if passed[name] else "D" for name in ("in4", "in6", "out4", "out6"))

    def judged(self) -> str:
        """What the doctor says would happen."""
        read = rules(Inside(self.host))
        assert isinstance(read, Rules)
        assert read.unread == ()
        return "".join(
            LETTERS[walk(self._advert(family, direction), read.tables).fate]
            for direction in Direction
            for family in Family
        )

    def assert_agrees(self, expected: str) -> None:
        """A certain answer is what happens; and the answer is the expected one."""
        judged, truth = self.judged(), self.truth()
        agrees = all(said in ("?", done) for said, done in zip(judged, truth, strict=True))
        assert agrees, f"the doctor says {judged}, the kernel does {truth}"
        assert judged == expected

    def _advert(self, family: Family, direction: Direction) -> Packet:
        coming = direction is Direction.IN
        sender, receiver = (self.peer, self.own) if coming else (self.own, self.peer)
        to = ip_address(receiver[family]) if self.unicast else GROUP[family]
        return advert(
            family,
            direction,
            "eth0",
            sources=[span(ip_address(sender[family]))],
            destinations=[span(to)],
            multicast=not self.unicast,
        )


class Inside:
    """The part of the port that reads rules, in a host of the lab."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def run(self, *argv: str) -> Said:
        done = self._host.run(argv, check=False)
        return Said(text=done.stdout, failure="" if done.returncode == 0 else done.stderr or "odd")

    def read(self, path: str) -> str:
        done = self._host.run(["cat", path], check=False)
        if done.returncode != 0:
            raise FileNotFoundError(path)
        return done.stdout


def need(program: str, package: str) -> None:
    """Skip where a program is missing; in CI, where everything must be there, fail."""
    if shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin"):
        return
    reason = f"{program} is missing: apt-get install {package}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def a_bench(*, unicast: bool) -> Iterator[Bench]:
    """Adverts to a group come from link-local addresses over IPv6, and none goes to oneself."""
    need("nft", "nftables")
    with Lab() as lab:
        host = lab.add_host("wall", addresses=("192.0.2.11/24", "2001:db8::11/64"))
        neighbour = lab.add_host("peer", addresses=("192.0.2.12/24", "2001:db8::12/64"))
        own, peer = dict(OWN), dict(PEER)
        if not unicast:
            own[Family.IPV6], peer[Family.IPV6] = link_local(host), link_local(neighbour)
        # Whether neighbours find each other is another question than whether adverts pass.
        for one, other, theirs in ((host, neighbour, peer), (neighbour, host, own)):
            for address in theirs.values():
                one.ip(f"neigh replace {address} lladdr {other.mac} nud permanent dev eth0")
        neighbour.popen(
            [sys.executable, str(TRUTH), "send", *(own.values() if unicast else ())],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        yield Bench(host, own, peer, unicast)


def link_local(host: Host) -> str:
    return next(str(vip.ip) for vip in host.addresses() if vip.is_link_local)


@pytest.fixture(scope="module")
def bench(namespaces: None) -> Iterator[Bench]:  # noqa: ARG001 (it asks whether there can be a lab)
    with a_bench(unicast=False) as made:
        yield made


@pytest.fixture(scope="module")
def pair(namespaces: None) -> Iterator[Bench]:  # noqa: ARG001 (as above)
    with a_bench(unicast=True) as made:
        yield made


@pytest.mark.parametrize("name", NFT)
def test_nftables_as_the_kernel_does_it(bench: Bench, name: str) -> None:
    text, expected = NFT[name]
    bench.load("nft", "-f", "-", text=text)
    bench.assert_agrees(expected)


@pytest.mark.parametrize("name", IPTABLES)
def test_iptables_in_nftables_as_the_kernel_does_it(bench: Bench, name: str) -> None:
    text, expected = IPTABLES[name]
    need("iptables-nft-restore", "iptables")
    bench.load("iptables-nft-restore", text=text)
    bench.assert_agrees(expected)


@pytest.mark.parametrize("name", UNICAST)
def test_adverts_to_a_peer_as_the_kernel_does_it(pair: Bench, name: str) -> None:
    text, expected = UNICAST[name]
    pair.load("nft", "-f", "-", text=text)
    pair.assert_agrees(expected)


def test_iptables_of_ipv6(bench: Bench) -> None:
    need("ip6tables-nft-restore", "iptables")
    bench.load("ip6tables-nft-restore", text=filtered("-A INPUT -p ipv6-icmp -j ACCEPT"))
    assert (bench.judged(), bench.truth()) == ("PDPP", "PDPP")
    bench.host.run(["ip6tables", "-I", "INPUT", "-p", "112", "-j", "ACCEPT"])
    assert (bench.judged(), bench.truth()) == ("PPPP", "PPPP")


def test_iptables_outside_of_nftables(bench: Bench) -> None:
    """The tables of old: they are beside those of nftables, and both decide."""
    need("iptables-legacy-restore", "iptables")
    bench.load("iptables-legacy-restore", text=filtered("-A INPUT -p tcp -j ACCEPT"))
    try:
        assert (bench.judged(), bench.truth()) == ("DPPP", "DPPP")
        bench.host.run(["iptables-legacy", "-I", "INPUT", "-p", "112", "-j", "ACCEPT"])
        assert (bench.judged(), bench.truth()) == ("PPPP", "PPPP")
    finally:
        bench.host.run(["iptables-legacy-restore"], stdin="*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n")
