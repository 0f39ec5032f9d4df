"""How the facts are read from a host: files, programs and links that a test has made up."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from ipaddress import ip_interface
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from patients import answer, instance, link, survey, unicast

from vipd.capture.survey import Own, Survey
from vipd.core.units import MILLISECOND, SECOND
from vipd.doctor.facts import Address, Link, Rules, Unseen
from vipd.doctor.gather.daemon import daemons
from vipd.doctor.gather.everything import Wish, gather
from vipd.doctor.gather.limit import listening_time
from vipd.doctor.gather.link import links, main_interfaces, routes
from vipd.doctor.gather.network import managers, mentions
from vipd.doctor.gather.platform import board, kernel, settings
from vipd.doctor.gather.process import rights
from vipd.doctor.gather.rule import rules
from vipd.doctor.port import Answer, Place, Said
from vipd.errors import ConfigError

EMPTY = json.dumps({"nftables": [{"metainfo": {"version": "1.0.6"}}]})
CONFIG = """
[instance.web]
interface = "eth0"
vrid = 51
addresses = ["192.0.2.100/24"]

[instance.db]
interface = "eth1"
vrid = 52
addresses = ["198.51.100.100/24"]
advert_interval = "200ms"
"""


@dataclass
class Dolls:
    """A host out of files, links and what programs say; it notes what was heard of."""

    files: dict[str, str] = field(default_factory=dict)
    symlinks: dict[str, str] = field(default_factory=dict)
    programs: dict[str, str | Said] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    limits: Mapping[str, int] = field(default_factory=dict)
    agent: Answer = field(default_factory=lambda: Answer(reached=False))
    uid: int = 0
    listened: dict[str, tuple[float, tuple[Own, ...]]] = field(default_factory=dict)

    def read(self, path: str) -> str:
        if path not in self.files:
            raise FileNotFoundError(path)
        return self.files[path]

    def names(self, pattern: str) -> tuple[str, ...]:
        there = {*self.files, *(str(Path(one).parent) for one in self.files)}
        return tuple(sorted(path for path in there if fnmatch(path, pattern)))

    def link(self, path: str) -> str:
        if path not in self.symlinks:
            raise PermissionError(path)
        return self.symlinks[path]

    def place(self, path: str) -> Place:
        if path not in self.places:
            raise FileNotFoundError(path)
        return self.places[path]

    def run(self, *argv: str) -> Said:
        said = self.programs.get(" ".join(argv))
        if said is None:
            return Said(failure=f"{argv[0]} is not installed", missing=True)
        return Said(text=said) if isinstance(said, str) else said

    def user(self) -> int:
        return self.uid

    def limit(self, name: str) -> int:
        return self.limits.get(name, 0)

    def clock_is_set(self) -> bool | None:
        return True

    def ask(self, socket: Path) -> Answer:
        del socket
        return self.agent

    def listen(self, interface: str, seconds: float, own: Sequence[Own]) -> Survey | str:
        self.listened[interface] = (seconds, tuple(own))
        return survey()


# -- interfaces ----------------------------------------------------------------------------------

SHOWN: list[dict[str, Any]] = [
    {
        "ifindex": 2,
        "ifname": "eth0",
        "flags": ["BROADCAST", "MULTICAST", "UP", "LOWER_UP"],
        "mtu": 1400,
        "master": "br0",
        "linkinfo": {"info_kind": "veth", "info_slave_kind": "bridge"},
        "addr_info": [
            {"local": "192.0.2.11", "prefixlen": 24, "valid_life_time": 4294967295},
            {"local": "192.0.2.100", "prefixlen": 24, "valid_life_time": 3},
            {"local": "fe80::1", "prefixlen": 64, "dadfailed": True},
        ],
    },
    {
        "ifindex": 3,
        "ifname": "br0",
        "flags": [],
        "linkinfo": {"info_kind": "bridge", "info_data": {"mcast_snooping": 1, "mcast_querier": 0}},
        "addr_info": [],
    },
    {},
]


def test_interfaces_are_read_with_their_addresses() -> None:
    host = Dolls(programs={"ip -details -json address show": json.dumps(SHOWN)})
    assert links(host) == (
        Link(
            name="eth0",
            index=2,
            flags=frozenset({"BROADCAST", "MULTICAST", "UP", "LOWER_UP"}),
            mtu=1400,
            kind="veth",
            master="br0",
            master_kind="bridge",
            addresses=(
                Address(vip=ip_interface("192.0.2.11/24")),
                Address(vip=ip_interface("192.0.2.100/24"), leased=True),
                Address(vip=ip_interface("fe80::1/64"), duplicate=True),
            ),
        ),
        Link(name="br0", index=3, mtu=0, kind="bridge", snooping=True),
    )


@pytest.mark.parametrize("said", [Said(failure="no", missing=True), Said(text="{odd")])
def test_interfaces_that_cannot_be_read_are_not_seen(said: Said) -> None:
    assert isinstance(links(Dolls(programs={"ip -details -json address show": said})), Unseen)


def test_the_interfaces_that_matter_are_those_of_the_default_routes() -> None:
    used = [
        Link(
            name=name,
            flags=frozenset({"UP", "BROADCAST"}),
            addresses=(Address(vip=ip_interface("192.0.2.1/24")),),
            master=master,
        )
        for name, master in (("eth0", ""), ("eth1", ""), ("port0", "br0"))
    ]
    route = json.dumps([{"dst": "default", "dev": "eth1"}])
    assert main_interfaces(Dolls(programs={"ip -4 -json route show default": route}), used) == (
        "eth1",
    )
    assert main_interfaces(Dolls(), used) == ("eth0", "eth1")


def test_the_way_to_each_peer_is_asked_for() -> None:
    programs: dict[str, str | Said] = {
        "ip -4 -json route get 198.51.100.12": '[{"dst": "198.51.100.12", "dev": "eth1"}]',
        "ip -4 -json route get 192.0.2.1": '[{"dst": "192.0.2.1", "dev": "eth0"}]',
    }
    one = instance(unicast=unicast("198.51.100.12", "2001:db8::12"))
    assert routes(Dolls(programs=programs), [one], [link()]) == {
        "192.0.2.1": "eth0",
        "198.51.100.12": "eth1",
    }


def test_a_neighbour_is_somebody_else() -> None:
    own = link("192.0.2.1/24", "198.51.100.7/24", "203.0.113.9/32", "203.0.113.0/31", "fe80::1/64")
    assert list(map(str, own.neighbours)) == ["192.0.2.2", "198.51.100.1"]


# -- rules ---------------------------------------------------------------------------------------

NFT = {"nft -j list ruleset": EMPTY, "nft -a list ruleset": ""}
SAVED = "*filter\n:INPUT DROP [0:0]\nCOMMIT\n"
BY_NFT = f"# Generated by iptables-save v1.8.9 (nf_tables)\n{SAVED}"


def seen_rules(programs: Mapping[str, str | Said], **files: str) -> Rules:
    paths = {f"/proc/{name.replace('__', '/')}": text for name, text in files.items()}
    found = rules(Dolls(programs=dict(programs), files=paths))
    assert isinstance(found, Rules)
    return found


def test_only_root_sees_the_rules() -> None:
    refused = Said(failure="Operation not permitted (you must be root)")
    found = rules(Dolls(programs={"nft -j list ruleset": refused}))
    assert found == Unseen(why="only root sees the firewall rules")


def test_what_iptables_keeps_in_nftables_is_read_once() -> None:
    shown = {
        "nftables": [
            {"table": {"family": "ip", "name": "filter", "handle": 1}},
            {"table": {"family": "inet", "name": "mine", "handle": 2}},
        ]
    }
    found = seen_rules(NFT | {"nft -j list ruleset": json.dumps(shown), "iptables-save": BY_NFT})
    assert [(table.program, *table.key) for table in found.tables] == [
        ("nft", "inet", "mine"),
        ("iptables", "ip", "filter"),
    ]
    assert found.unread == ()


@pytest.mark.parametrize("kept_in_nftables", ["", BY_NFT])
def test_the_tables_of_old_are_read_beside_the_others(kept_in_nftables: str) -> None:
    programs = NFT | {"iptables-save": kept_in_nftables, "iptables-legacy-save": SAVED}
    found = seen_rules(programs, net__ip_tables_names="filter\n")
    assert found.tables[-1].program == "iptables-legacy"
    assert found.unread == ()


def test_what_cannot_be_read_is_named_with_what_to_install() -> None:
    found = seen_rules({}, net__ip_tables_names="filter\n")
    assert [text.rpartition(": ")[2] for text in found.unread] == [
        "apt-get install nftables",
        "apt-get install iptables",
    ]


def test_rules_that_only_iptables_can_show_are_told_of_when_it_is_not_there() -> None:
    rule = {"family": "ip", "table": "filter", "chain": "INPUT", "handle": 1}
    rule |= {"expr": [{"xt": {"type": "match", "name": "addrtype"}}]}
    found = seen_rules(NFT | {"nft -j list ruleset": json.dumps({"nftables": [{"rule": rule}]})})
    assert found.unread == tuple(
        f"nft shows the rules of {program} in part only, and {program}-save is not installed: "
        "apt-get install iptables"
        for program in ("iptables", "ip6tables")
    )


def test_without_nft_a_kernel_without_its_module_has_no_rules() -> None:
    assert seen_rules({}, modules="veth 1 0\n").unread == ()
    assert len(seen_rules({}, modules="nf_tables 1 0\n").unread) == 1


def test_what_nft_says_and_nobody_understands_is_told() -> None:
    found = seen_rules(NFT | {"nft -j list ruleset": '{"nftables": 1}', "iptables-save": BY_NFT})
    assert len(found.unread) == 1
    assert [table.name for table in found.tables] == ["filter"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["", "@s", "*", "drop", "tcp"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["match", "vmap", "left", "right", "op", "set", "meta", "key", "payload"]
            )
            | st.sampled_from(["concat", "elem", "data", "xt", "jump", "prefix", "range", "drop"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@given(st.lists(JSON, max_size=3))
def test_whatever_a_rule_says_nothing_breaks(expressions: list[object]) -> None:
    chain = {"family": "inet", "table": "f", "name": "i", "hook": "input"}
    rule = {"family": "inet", "table": "f", "chain": "i", "handle": 1, "expr": expressions}
    document = json.dumps({"nftables": [{"chain": chain}, {"rule": rule}]})
    assert isinstance(seen_rules(NFT | {"nft -j list ruleset": document}), Rules)


# -- processes -----------------------------------------------------------------------------------

STATUS = "Name:\tvipd\nVmLck:\t{locked} kB\nCapEff:\t{capabilities}\n"
STAT = "42 (vipd (x) y) S " + " ".join(["0"] * 37) + " 2 0"


def test_the_rights_of_the_agent_that_runs() -> None:
    host = Dolls(
        files={
            "/proc/42/status": STATUS.format(locked=1024, capabilities="0000000000003000"),
            "/proc/42/stat": STAT,
        }
    )
    found = rights(host, 42, None)
    assert found.capabilities == {"CAP_NET_ADMIN", "CAP_NET_RAW"}
    assert (found.whose, found.real_time, found.memory) == ("the agent", True, True)


def test_the_rights_that_systemd_would_give() -> None:
    unit = {"LoadState": "loaded", "CapabilityBoundingSet": "cap_net_admin cap_net_raw"}
    found = rights(Dolls(), 0, unit | {"LimitRTPRIO": "1", "LimitMEMLOCK": "65536"})
    assert found.whose == "the unit vipd.service"
    assert found.capabilities == {"CAP_NET_ADMIN", "CAP_NET_RAW"}
    assert (found.real_time, found.memory) == (True, False)
    found = rights(Dolls(), 0, unit | {"User": "vipd", "AmbientCapabilities": "cap_net_raw"})
    assert found.capabilities == {"CAP_NET_RAW"}
    assert found.real_time is False
    assert rights(Dolls(), 0, unit | {"CPUSchedulingPolicy": "2"}).real_time is True


@pytest.mark.parametrize(
    ("uid_map", "limits", "expected"),
    [
        ("0 0 4294967295", {}, (True, False)),
        ("0 1000 1", {}, (False, False)),
        ("0 1000 1", {"RLIMIT_RTPRIO": 1, "RLIMIT_MEMLOCK": -1}, (True, True)),
    ],
)
def test_our_own_rights(
    uid_map: str, limits: Mapping[str, int], expected: tuple[bool, bool]
) -> None:
    nice = f"{1 << 23 | 1 << 12:016x}"
    files = {"/proc/self/status": STATUS.format(locked=0, capabilities=nice)}
    files["/proc/self/uid_map"] = uid_map
    found = rights(Dolls(files=files, limits=limits), 0, {"LoadState": "not-found"})
    assert (found.whose, found.real_time, found.memory) == ("this user", *expected)


# -- other daemons -------------------------------------------------------------------------------


def running(name: str, command: str, namespace: str = "net:[1]") -> Dolls:
    return Dolls(
        files={
            "/proc/7/comm": f"{name}\n",
            "/proc/7/cmdline": command.replace(" ", "\0"),
            "/proc/8/comm": "bash\n",
            "/etc/keepalived/keepalived.conf": "x {\n  virtual_router_id 51\n# 52\n}\n",
            "/srv/k.conf": "x {\n virtual_router_id 7\n virtual_router_id 8\n}\n",
            "/etc/frr/frr.conf": "interface eth0\n vrrp 9 version 3\n vrrp 9 priority 1\n",
        },
        symlinks={"/proc/self/ns/net": "net:[1]", "/proc/7/ns/net": namespace},
    )


@pytest.mark.parametrize(
    ("name", "command", "vrids"),
    [
        ("keepalived", "keepalived", {51}),
        ("keepalived", "keepalived -f /srv/k.conf", {7, 8}),
        ("keepalived", "keepalived --use-file=/srv/k.conf", {7, 8}),
        ("vrrpd", "vrrpd -A 127.0.0.1", {9}),
        ("ucarp", "ucarp -i eth0 -v 12 -p x", {12}),
        ("ucarp", "ucarp --vhid=13", {13}),
    ],
)
def test_other_daemons_are_found_with_their_vrids(name: str, command: str, vrids: set[int]) -> None:
    (found,) = daemons(running(name, command))
    assert (found.name, set(found.vrids)) == (name, vrids)


def test_a_daemon_of_another_network_namespace_is_nobody_here() -> None:
    assert daemons(running("keepalived", "keepalived", "net:[2]")) == ()


def test_a_daemon_that_has_ended_is_nobody() -> None:
    assert daemons(running("keepalived", "")) == ()


# -- who else manages the network ----------------------------------------------------------------


def test_networkd_is_known_by_what_it_writes_of_each_interface() -> None:
    file = "/run/systemd/network/10-netplan-eth0.network"
    files = {
        "/run/systemd/netif/links/2": f"ADMIN_STATE=configured\nNETWORK_FILE={file}\n",
        "/run/systemd/netif/links/3": f"ADMIN_STATE=unmanaged\nNETWORK_FILE={file}\n",
        file: "[Match]\nName=eth0\n[Network]\nKeepConfiguration=dhcp\n",
    }
    both = (Link(name="eth0", index=2), Link(name="eth1", index=3), Link(name="eth2", index=4))
    found = managers(Dolls(files=files), both)
    assert {name: one.keeps for name, one in found.networkd.items()} == {"eth0": "dhcp"}
    more = f"/etc/systemd/network/{file.rpartition('/')[2]}.d/vipd.conf"
    found = managers(Dolls(files=files | {more: "[Network]\nKeepConfiguration=yes\n"}), both)
    assert found.networkd["eth0"].keeps == "yes"


def test_networkmanager_is_asked_only_where_it_runs() -> None:
    said = {"nmcli --terse --fields DEVICE,STATE device": "eth0:connected\nveth\\:1:unmanaged\n"}
    assert managers(Dolls(programs={**said}), ()).network_manager == {}
    runs = Dolls(programs={**said}, files={"/run/NetworkManager/resolv.conf": ""})
    assert managers(runs, ()).network_manager == {"eth0": "connected", "veth:1": "unmanaged"}


def test_an_address_is_found_where_it_is_written_and_nothing_like_it() -> None:
    text = "auto eth0\n# address 192.0.2.100/24\n address 192.0.2.100/24\n address 192.0.2.10\n"
    host = Dolls(files={"/etc/network/interfaces": text, "/etc/netplan/1.yaml": "[192.0.2.1001]"})
    (found,) = mentions(host, ["192.0.2.100"])
    assert (found.path, found.line) == ("/etc/network/interfaces", 3)
    assert mentions(host, ["192.0.2.1", "2.0.2.10"]) == ()


# -- the kernel and the machine ------------------------------------------------------------------


def test_settings_that_a_kernel_does_not_have_are_missing() -> None:
    host = Dolls(files={"/proc/sys/net/ipv4/conf/eth0/rp_filter": "2\n"})
    assert settings(host, ["eth0"]) == {"ipv4/conf/eth0/rp_filter": 2}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, None),
        ({"/lib/modules/6.1/modules.dep": "kernel/drivers/net/veth.ko:\n"}, False),
        ({"/lib/modules/6.1/modules.dep": "kernel/drivers/net/macvlan.ko.xz:\n"}, True),
        ({"/lib/modules/6.1/modules.builtin": "kernel/drivers/net/macvlan.ko\n"}, True),
        ({"/sys/module/macvlan/version": ""}, True),
    ],
)
def test_macvlan_is_loaded_built_in_or_to_be_loaded(
    files: dict[str, str], expected: bool | None
) -> None:
    release = {"/proc/sys/kernel/osrelease": "6.1\n"}
    found = kernel(Dolls(files=files | release))
    assert (found.macvlan, found.version) == (expected, (6, 1))


def test_the_board_says_what_anybody_may_read() -> None:
    host = Dolls(files={"/sys/class/dmi/id/sys_vendor": "Hetzner\n"})
    assert board(host) == {"sys_vendor": "Hetzner"}


# -- everything ----------------------------------------------------------------------------------


def a_host(**changes: Any) -> Dolls:  # noqa: ANN401 (any field of it)
    shown = [
        {"ifname": name, "ifindex": index, "flags": ["UP"], "mtu": 1500, "addr_info": []}
        for index, name in enumerate(("eth0", "eth1"), 2)
    ]
    programs = {"ip -details -json address show": json.dumps(shown), **NFT}
    return Dolls(**({"programs": programs} | changes))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "vipd.toml"
    path.write_text(CONFIG)
    return path


def test_everybody_is_listened_to_at_once_as_long_as_its_interval_asks(file: Path) -> None:
    host = a_host(agent=answer())
    facts = gather(host, Wish(file=file))
    assert {name: seconds for name, (seconds, _) in host.listened.items()} == {
        "eth0": 2.5,
        "eth1": 0.5,
    }
    assert [own.state for own in host.listened["eth0"][1]] == ["BACKUP"]
    assert [own.state for own in host.listened["eth1"][1]] == ["not running"]
    assert set(facts.heard) == {"eth0", "eth1"}
    assert facts.agent.report is not None


def test_who_is_not_to_listen_does_not(file: Path) -> None:
    host = a_host()
    assert gather(host, Wish(file=file, listens=False)).heard == {}
    assert host.listened == {}


def test_only_what_was_named_is_looked_at(file: Path) -> None:
    facts = gather(a_host(), Wish(file=file, names=("db",)))
    assert [one.name for one in facts.instances] == ["db"]
    assert facts.interfaces == ("eth1",)


def test_a_name_that_nobody_has_is_refused(file: Path) -> None:
    with pytest.raises(ConfigError, match="has no instance 'dv'") as refused:
        gather(a_host(), Wish(file=file, names=("dv",)))
    assert refused.value.problems[0].hint == "there is: db, web"


def test_a_configuration_that_is_not_there_leaves_the_host(tmp_path: Path) -> None:
    route = {"ip -4 -json route show default": '[{"dev": "eth0"}]'}
    host = a_host()
    host.programs |= route
    facts = gather(host, Wish(file=tmp_path / "none.toml"))
    assert (facts.configuration.exists, facts.instances) == (False, ())
    assert facts.interfaces == ("eth0",)
    assert host.listened == {"eth0": (2.5, ())}


def test_the_services_of_the_host_have_nothing_to_do_with_another_namespace(file: Path) -> None:
    files = {
        "/run/systemd/system/x": "",
        "/etc/network/interfaces": "address 192.0.2.100\n",
        "/run/systemd/netif/links/2": "NETWORK_FILE=/a.network\n",
    }
    shows = {f"systemctl show vipd.service --property={_properties()}": "LoadState=loaded\nUser=\n"}
    for theirs, apart in (("net:[1]", False), ("net:[2]", True)):
        host = a_host(
            files=files,
            symlinks={"/proc/1/ns/net": "net:[1]", "/proc/self/ns/net": theirs},
        )
        host.programs |= shows
        facts = gather(host, Wish(file=file))
        assert facts.own_namespace is apart
        assert facts.unit == (None if apart else {"LoadState": "loaded", "User": ""})
        assert len(facts.mentions) == len(facts.managers.networkd) == (0 if apart else 1)


def _properties() -> str:
    from vipd.doctor.gather import everything

    return everything._PROPERTIES


@pytest.mark.parametrize(
    ("intervals", "expected"),
    [
        ((), 2500 * MILLISECOND),
        ((SECOND,), 2500 * MILLISECOND),
        ((10 * MILLISECOND,), 500 * MILLISECOND),
        ((SECOND, 40 * SECOND), 3 * SECOND),
    ],
)
def test_listening_takes_less_than_three_intervals_and_three_seconds(
    intervals: tuple[int, ...], expected: int
) -> None:
    assert listening_time(intervals) == expected
