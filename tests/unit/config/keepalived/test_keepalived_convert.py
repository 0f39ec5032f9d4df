"""What single statements become: the rules that the samples do not show by themselves."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from keepalived_samples import SAMPLES, imported, read

from vipd.config.keepalived.convert import Imported, convert
from vipd.config.keepalived.ledger import Part
from vipd.config.keepalived.parse import parse
from vipd.config.keepalived.tree import Statement

BASE = "interface eth0\nvirtual_router_id 5\nvirtual_ipaddress { 192.0.2.5 }\n"
BASE6 = "interface eth0\nvirtual_router_id 5\nvirtual_ipaddress { 2001:db8::5/64 }\n"


def result(text: str) -> Imported:
    """Import a text; it must be valid."""
    found = convert(parse(text, "f"), "f", lambda _: None)
    assert found.problems == ()
    return found


def keys(lines: str, before: str = "", base: str = BASE) -> dict[str, Any]:
    """The keys of one instance with a few more lines."""
    text = result(f"{before}\nvrrp_instance A {{\n{base}{lines}\n}}\n").toml
    found: dict[str, Any] = tomllib.loads(text)["instance"]["A"]
    return found


def said(text: str, part: Part) -> dict[str, str]:
    """One part of the report: what is said of which words."""
    return {note.words: note.says for note in result(text).part(part)}


# -- the election -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "priority"),
    [
        ("", 100),
        ("priority 7", 7),
        ("state MASTER\npriority 7", 7),
        ("state MASTER", 255),
        ("state BACKUP", 100),
        ("state MASTER\npriority 256", 100),
        ("priority 1\npriority 2", 2),
    ],
)
def test_the_priority_is_what_keepalived_makes_of_it(lines: str, priority: int) -> None:
    assert keys(lines)["priority"] == priority


@pytest.mark.parametrize(
    ("lines", "before", "base", "version"),
    [
        ("", "", BASE, 2),
        ("version 3", "", BASE, None),
        ("", "global_defs { vrrp_version 3 }", BASE, None),
        ("version 2", "global_defs { vrrp_version 3 }", BASE, 2),
        ("", "", BASE6, None),
        ("version 2", "", BASE6, None),
    ],
)
def test_the_version_is_keepalived_s_own(
    lines: str, before: str, base: str, version: int | None
) -> None:
    assert keys(lines, before, base).get("version") == version


@pytest.mark.parametrize(
    ("lines", "interval"),
    [
        ("", None),
        ("advert_int 1", "1s"),
        ("advert_int 1.6", "2s"),
        ("advert_int 0.4", "1s"),
        ("advert_int 300", "255s"),
        ("version 3\nadvert_int 0.123", "120ms"),
        ("version 3\nadvert_int .1", "100ms"),
        ("version 3\nadvert_int 99", "40.95s"),
        ("version 3\nadvert_int 0", "10ms"),
    ],
)
def test_the_interval_is_rounded_as_keepalived_rounds_it(lines: str, interval: str | None) -> None:
    assert keys(lines).get("advert_interval") == interval


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("nopreempt", {"preempt": False}),
        ("nopreempt\npreempt_delay 5", {"preempt": False}),
        ("preempt_delay 5", {"preempt_delay": "5s"}),
        ("state MASTER\npriority 9\nnopreempt", {"preempt": False}),
        ("priority 255\nnopreempt", {}),
        ("preempt", {}),
    ],
)
def test_preemption(lines: str, expected: dict[str, object]) -> None:
    found = keys(lines)
    assert {key: found[key] for key in ("preempt", "preempt_delay") if key in found} == expected


@pytest.mark.parametrize(
    ("lines", "password"),
    [
        ("auth_type PASS\nauth_pass geheim", "geheim"),
        ("auth_type PASS\nauth_pass very-long-secret", "very-lon"),
        ("auth_type PASS\nauth_pass ääääää", "ääää"),
        ("auth_type PASS", None),
        ("auth_pass geheim", None),
        ("auth_type AH\nauth_pass geheim", None),
        ('auth_type PASS\nauth_pass ""', None),
    ],
)
def test_a_password_is_carried_as_far_as_it_counts(lines: str, password: str | None) -> None:
    auth = keys(f"authentication {{\n{lines}\n}}").get("auth")
    assert auth == (password and {"type": "pass", "password": password})


def test_no_report_has_a_password_in_it() -> None:
    text = "authentication {\nauth_type PASS\nauth_pass geheim\n}"
    found = result(f"vrrp_instance A {{\n{BASE}{text}\n}}")
    assert not [note for note in found.notes if "geheim" in f"{note.words}{note.says}"]


# -- addresses and peers ----------------------------------------------------------------------


def test_what_cannot_stand_together_is_a_group_of_several() -> None:
    text = (
        "vrrp_instance A {\ninterface eth0\nvirtual_router_id 5\nvirtual_ipaddress {\n192.0.2.5\n"
        "198.51.100.5 dev eth1\n}\nvirtual_ipaddress_excluded { 2001:db8::5 }\n}"
    )
    found = tomllib.loads(result(text).toml)
    assert {name: one["addresses"] for name, one in found["instance"].items()} == {
        "A": ["192.0.2.5"],
        "A-eth1": ["198.51.100.5"],
        "A-ipv6": ["2001:db8::5"],
    }
    assert found["group"]["A"]["members"] == ["A", "A-eth1", "A-ipv6"]
    assert [one.get("version") for one in found["instance"].values()] == [2, 2, None]


def test_in_vrrpv3_both_families_stand_together() -> None:
    text = "version 3\nvirtual_ipaddress_excluded { 2001:db8::5 }"
    assert keys(text)["addresses"] == ["192.0.2.5", "2001:db8::5"]


PEERS = "unicast_src_ip {}\nunicast_peer {{\n{}\n}}"


@pytest.mark.parametrize(
    ("source", "peer", "base", "min_ttl"),
    [
        ("192.0.2.11", "192.0.2.12", BASE, None),
        ("192.0.2.11", "198.51.100.12", BASE, 1),
        ("192.0.2.11", "192.0.2.12 min_ttl 250", BASE, 250),
        ("192.0.2.11", "192.0.2.12 min_ttl 0", BASE, 1),
        ("2001:db8::11", "2001:db8::12", BASE6, 64),
        ("2001:db8::11", "2001:db8:1::12", BASE6, 1),
    ],
)
def test_no_peer_is_dropped_that_keepalived_hears(
    source: str, peer: str, base: str, min_ttl: int | None
) -> None:
    found = keys(PEERS.format(source, peer), base=base)
    assert found["unicast_peers"] == [peer.partition(" ")[0]]
    assert found["source"] == source
    assert found.get("min_ttl") == min_ttl


def test_who_is_listed_among_its_own_peers_is_left_out() -> None:
    found = keys(PEERS.format("192.0.2.11", "192.0.2.11\n192.0.2.12\n192.0.2.12"))
    assert found["unicast_peers"] == ["192.0.2.12"]


def test_a_common_peer_needs_another_vrid_on_another_interface() -> None:
    text = (
        f"vrrp_instance A {{\n{PEERS.format('192.0.2.11', '192.0.2.12')}\ninterface eth0\n"
        "virtual_router_id 5\nvirtual_ipaddress {\n192.0.2.5\n198.51.100.5 dev eth1\n}\n}\n"
        f"vrrp_instance B {{\n{BASE.replace('5', '6')}}}"
    )
    found = tomllib.loads(result(text).toml)["instance"]
    assert {name: one["vrid"] for name, one in found.items()} == {"A": 5, "A-eth1": 7, "B": 6}


# -- what is watched and run ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("declared", "used", "expected"),
    [
        ("", "s", "s"),
        ("weight 0", "s", "s"),
        ("weight -5", "s", {"name": "s", "weight": -5}),
        ("weight -5", "s weight 7", {"name": "s", "weight": 7}),
        ("weight -5", "s weight 0", "s"),
        ("weight 300", "s", {"name": "s", "weight": 253}),
        ("weight 5 reverse", "s", None),
        ("", "s weight 5 reverse", None),
        ("weight 5 reverse", "s weight 5 noreverse", {"name": "s", "weight": 5}),
    ],
)
def test_weights(declared: str, used: str, expected: object) -> None:
    before = f"vrrp_script s {{\nscript /bin/s\n{declared}\n}}"
    uses = keys(f"track_script {{\n{used}\n}}", before).get("track", [None])
    assert uses == [expected]


def test_a_script_looks_no_more_often_than_it_may_take() -> None:
    text = "vrrp_script s {\nscript /bin/s\ninterval 1\ntimeout 3\n}\n"
    found = result(f"{text}vrrp_instance A {{\n{BASE}track_script {{ s }}\n}}")
    assert tomllib.loads(found.toml)["track"]["s"] == {
        "type": "script",
        "argv": ["/bin/s"],
        "interval": "3s",
        "timeout": "3s",
    }


@pytest.mark.parametrize(
    ("settings", "line", "expected"),
    [
        ("", "/bin/a", ["/bin/a"]),
        ("", '"/bin/a b c"', ["/bin/a", "b", "c"]),
        ("", '"/bin/a /b"', [["/bin/a", "/b"]]),
        ("", "/bin/a nobody", [{"argv": ["/bin/a"], "user": "nobody"}]),
        ("script_user nobody", "/bin/a", [{"argv": ["/bin/a"], "user": "nobody"}]),
        ("script_user nobody", "/bin/a root", ["/bin/a"]),
        ("", '"/bin/a > /b"', ["/bin/sh", "-c", "/bin/a > /b"]),
        ("", "sub/a", ["/usr/bin/a"]),
    ],
)
def test_hooks(settings: str, line: str, expected: object) -> None:
    found = keys(f"notify_master {line}", f"global_defs {{\n{settings}\n}}")
    assert found["hooks"] == {"on_master": expected}


def test_keepalived_s_own_arguments_go_to_the_general_script_alone() -> None:
    found = keys("notify /bin/a\nnotify_fault /bin/b")["hooks"]
    assert found["on_any"] == [{"argv": ["/bin/a"], "style": "keepalived"}]
    assert found["on_fault"] == ["/bin/b"]


# -- the report -------------------------------------------------------------------------------


def test_a_keyword_that_says_no_asks_for_nothing() -> None:
    text = f"vrrp_instance A {{\n{BASE}smtp_alert no\n}}"
    assert said(text, Part.NOT_CARRIED)["smtp_alert no"] == "nothing to do: it is off here, too"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("prority 5", "unknown keyword: did you mean priority?"),
        ("PRIORITY 5", "unknown keyword: did you mean priority?"),
        ("router_id x", "unknown here: it belongs into global_defs"),
        ("zzz", "unknown keyword"),
        ("garp_master_delay", None),
    ],
)
def test_an_unknown_keyword_is_told_with_what_was_meant(line: str, says: str | None) -> None:
    told = said(f"vrrp_instance A {{\n{BASE}{line}\n}}", Part.NOT_CARRIED)[line]
    assert told == says if says else "unknown" not in told


def test_what_is_declared_further_down_is_found_which_is_told() -> None:
    script = "\nvrrp_script s { script /bin/s }"
    told = said(f"vrrp_instance A {{\n{BASE}track_script {{\ns\n}}\n}}{script}", Part.DIFFERENT)
    assert "further down" in told["s"]


@pytest.mark.parametrize("name", SAMPLES)
def test_nothing_is_dropped_in_silence(name: str) -> None:
    """Of what stands in a block that is not carried over, it is enough that the block is told."""
    found = imported(name)
    told = {(note.place.file, note.place.line) for note in found.notes}
    dropped = {(note.place.file, note.place.line) for note in found.part(Part.NOT_CARRIED)}

    def silent(statements: tuple[Statement, ...]) -> Iterator[tuple[str, ...]]:
        for one in statements:
            place = (one.place.file, one.place.line)
            if one.block is None and place not in told:
                yield one.words
            elif place not in dropped:
                yield from silent(one.entries)

    assert list(silent(read(name).statements)) == []
