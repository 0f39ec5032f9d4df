"""How `vipd scan` writes down what it has found; what it finds is told in the lab."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import click
from click.testing import CliRunner

from vipd.capture.survey import (
    Conflict,
    ConflictKind,
    Own,
    Speaker,
    Survey,
    VirtualRouter,
)
from vipd.cli.main import cli
from vipd.cli.scan import _as_json, _as_text
from vipd.core.model import Family

GOLDEN = Path(__file__).parents[2] / "golden" / "scan" / "two_masters.txt"

SPEAKER = Speaker(
    source="192.0.2.10",
    version=2,
    priority=150,
    interval_s=1.0,
    addresses=("192.0.2.100",),
    auth_type=1,
    adverts=5,
    first=0,
    last=4_000_000_000,
    ours=True,
    speaking=True,
)
GONE = replace(SPEAKER, source="192.0.2.20", ours=False, speaking=False, version=3, auth_type=None)
WEB = Own(name="web", vrid=51, state="MASTER", addresses=("192.0.2.100",))
FOUND = Survey(
    routers=(
        VirtualRouter(vrid=51, family=Family.IPV4, speakers=(SPEAKER, GONE), instance=WEB),
        VirtualRouter(
            vrid=52, family=Family.IPV6, speakers=(), instance=replace(WEB, name="db", vrid=52)
        ),
    ),
    conflicts=(
        Conflict(kind=ConflictKind.TWO_MASTERS, vrid=51, family=Family.IPV4, text="VRID 51: odd"),
    ),
    free_vrids=(*range(1, 51), *range(53, 256)),
    unread=3,
)


def test_a_person_reads_a_table_conflicts_and_free_vrids() -> None:
    assert click.unstyle(_as_text(FOUND, "eth0", 5.001)) + "\n" == GOLDEN.read_text()


def test_a_quiet_link_is_told_in_two_lines() -> None:
    nothing = Survey(routers=(), conflicts=(), free_vrids=tuple(range(1, 256)), unread=0)
    assert _as_text(nothing, "eth0", 5).splitlines() == [
        "eth0: no virtual routers heard in 5 s",
        "",
        "free VRIDs: 51, 52, 53, 54, 55 and 250 more",
    ]
    full = replace(nothing, free_vrids=())
    assert _as_text(full, "eth0", 5).endswith("free VRIDs: none")


def test_a_program_reads_one_object() -> None:
    told = json.loads(_as_json(FOUND, "eth0", 5.0))
    assert list(told) == [
        "interface",
        "seconds",
        "virtual_routers",
        "conflicts",
        "free_vrids",
        "unread_packets",
    ]
    first, second = told["virtual_routers"]
    assert (first["vrid"], first["family"]) == (51, "ipv4")
    assert first["instance"] == {"name": "web", "state": "MASTER"}
    assert first["speakers"][0] == {
        "source": "192.0.2.10",
        "ours": True,
        "master": True,
        "version": 2,
        "priority": 150,
        "interval_s": 1.0,
        "addresses": ["192.0.2.100"],
        "auth_type": 1,
        "adverts": 5,
    }
    assert second["speakers"] == []
    assert told["conflicts"] == [
        {"kind": "two_masters", "vrid": 51, "family": "ipv4", "text": "VRID 51: odd"}
    ]
    assert (told["free_vrids"][0], len(told["free_vrids"])) == (53, 253)


def test_who_cannot_listen_is_told_why() -> None:
    result = CliRunner().invoke(cli, ["scan", "-i", "nowhere0", "--seconds", "1"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("there is no interface 'nowhere0' here; there is: ")


def test_a_scan_takes_some_time() -> None:
    assert CliRunner().invoke(cli, ["scan", "--seconds", "0"]).exit_code == 2
