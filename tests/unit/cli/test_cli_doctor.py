"""`vipd doctor`: what it prints, and how it exits. What it finds is told in tests/unit/doctor."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from patients import FILE, answer, bare, facts, link, report, settings, speaker, survey, without

from vipd.capture.survey import Conflict, ConflictKind
from vipd.cli.doctor import EXITS, Found, as_object, as_text, doctor, worst
from vipd.control.report import Counters
from vipd.core.model import Family, State
from vipd.doctor.facts import Configuration, Facts, Rights, Rules, Unseen
from vipd.doctor.finding import Severity, note, ok, problem, warning
from vipd.doctor.port import Answer, Place
from vipd.doctor.registry import TOPICS, examine
from vipd.doctor.ruleset.rules import Saved, assemble
from vipd.errors import ConfigProblem

ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / "tests" / "golden" / "doctor"
DOCUMENT = ROOT / "docs" / "doctor.md"

DROPPED = "*filter\n:INPUT DROP [0:0]\n-A INPUT -p tcp -j ACCEPT\nCOMMIT\n"
CLUSTERS = Conflict(
    kind=ConflictKind.OTHER_CLUSTER,
    vrid=51,
    family=Family.IPV4,
    text="VRID 51, IPv4: 192.0.2.12 speaks for 192.0.2.200, and our instance web (BACKUP) is for "
    "192.0.2.100: another cluster uses our VRID, and one of them needs another",
)
SAVED = Saved(program="iptables", family=Family.IPV4, text=DROPPED)

HOSTS: dict[str, Facts] = {
    "well": facts(heard={"eth0": survey()}),
    "ill": facts(
        agent=answer(
            report(
                State.FAULT,
                cause="eth0 has no IPv4 address to send adverts from",
                counters=Counters(dropped={"checksum": 12}),
            )
        ),
        unit={"LoadState": "loaded", "UnitFileState": "disabled", "ActiveState": "active"},
        links=(link("fe80::11/64", flags=without("MULTICAST")),),
        settings=settings(ipv4_conf_all_arp_ignore=8),
        rules=Rules(tables=assemble("", "", [SAVED])),
        heard={"eth0": survey(speaker(addresses=("192.0.2.200",)), conflicts=(CLUSTERS,))},
        board={"sys_vendor": "Hetzner", "product_name": "vServer"},
        clock_is_set=False,
    ),
    "invalid": facts(
        configuration=Configuration(
            path=FILE,
            given=True,
            problems=(
                ConfigProblem(
                    path="instance.web.vrid",
                    problem="must be an integer from 1 to 255, not 256",
                    hint="such as vrid = 51, the same on every host of this virtual router",
                ),
            ),
            place=Place(mode=0o100666),
        ),
        agent=Answer(reached=False),
        instances=(),
        interfaces=("eth0",),
    ),
    "user": bare(
        root=False,
        rules=Unseen(why="only root sees the firewall rules"),
        rights=Rights(whose="this user", real_time=False),
        agent=Answer(permitted=False),
        heard={"eth0": "listening on an interface needs CAP_NET_RAW: run it as root"},
    ),
}


@pytest.mark.parametrize("name", HOSTS)
def test_a_person_reads_what_is_so_why_it_matters_and_what_mends_it(name: str) -> None:
    text = click.unstyle(as_text(tuple(examine(HOSTS[name])), 80)) + "\n"
    assert text == (GOLDEN / f"{name}.txt").read_text()


@pytest.mark.parametrize("name", HOSTS)
@pytest.mark.parametrize("width", [40, 80, 100])
def test_only_what_is_pasted_is_wider_than_the_terminal(name: str, width: int) -> None:
    text = click.unstyle(as_text(tuple(examine(HOSTS[name])), width))
    wide = [line for line in text.splitlines() if len(line) > width]
    commands = {command for _, one in examine(HOSTS[name]) for command in one.commands}
    pasted = [line for line in wide if any(line.endswith(command) for command in commands)]
    longest = max(map(len, re.split(r"\s+", text)))
    assert [line for line in wide if line not in pasted and longest < width - 20] == []


FOUND: dict[str, tuple[Found, int]] = {
    "nothing": ((), 0),
    "well": ((("a", ok(code="x", what="y")),), 0),
    "a note": ((("a", note(code="x", what="y")),), 0),
    "a warning": ((("a", warning(code="x", what="y")), ("a", note(code="x", what="y"))), 1),
    "a problem": ((("a", problem(code="x", what="y")), ("b", warning(code="x", what="y"))), 2),
}


@pytest.mark.parametrize("name", FOUND)
def test_the_worst_finding_decides_how_it_exits(name: str) -> None:
    found, expected = FOUND[name]
    assert EXITS[worst(found)] == expected


def test_a_program_reads_one_object() -> None:
    ill = HOSTS["ill"]
    told = json.loads(as_object(ill, tuple(examine(ill))))
    assert list(told) == [
        "vipd",
        "config",
        "root",
        "interfaces",
        "instances",
        "verdict",
        "counts",
        "findings",
    ]
    assert (told["config"], told["interfaces"], told["instances"]) == (str(FILE), ["eth0"], ["web"])
    assert told["verdict"] == "problem"
    assert list(told["counts"]) == ["ok", "note", "warning", "problem"]
    assert sum(told["counts"].values()) == len(told["findings"])
    (multicast,) = [one for one in told["findings"] if one["code"] == "interface-no-multicast"]
    assert multicast == {
        "topic": "interface",
        "severity": "warning",
        "code": "interface-no-multicast",
        "what": "eth0 says that it does not do multicast",
        "about": "eth0",
        "why": "a driver that believes it passes no adverts on, and then two hosts serve at once",
        "hint": "",
        "commands": ["ip link set dev eth0 multicast on"],
    }
    nothing = HOSTS["user"]
    assert json.loads(as_object(nothing, ()))["config"] is None


def test_colours_are_for_terminals() -> None:
    found = tuple(examine(HOSTS["well"]))
    assert "\x1b[" in as_text(found, 80)
    help_text = CliRunner().invoke(doctor, ["--help"]).output
    assert "mends it" in help_text
    assert "\x1b[" not in help_text


def test_an_instance_that_nobody_has_is_named(tmp_path: Path) -> None:
    file = tmp_path / "vipd.toml"
    file.write_text(
        '[instance.web]\ninterface = "nowhere0"\nvrid = 51\naddresses = ["192.0.2.100/24"]\n'
    )
    result = CliRunner().invoke(doctor, ["--config", str(file), "--no-listen", "wob"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"{file}: has no instance 'wob' (there is: web)\n"


def test_names_are_completed_from_the_configuration(tmp_path: Path) -> None:
    file = tmp_path / "vipd.toml"
    file.write_text(
        '[instance.web]\ninterface = "eth0"\nvrid = 51\naddresses = ["192.0.2.100/24"]\n'
    )
    complete = {"_VIPD_COMPLETE": "bash_complete", "COMP_CWORD": "3"}
    for words, expected in ((f"vipd --config {file} w", "plain,web\n"), ("vipd -h x", "\n")):
        result = CliRunner().invoke(doctor, prog_name="vipd", env={**complete, "COMP_WORDS": words})
        assert result.output == expected


def test_this_machine_is_looked_at_without_root_or_listening(tmp_path: Path) -> None:
    """Whatever is so here, the interface of the file is not there."""
    file = tmp_path / "vipd.toml"
    file.write_text(
        '[instance.web]\ninterface = "nowhere0"\nvrid = 51\naddresses = ["192.0.2.100/24"]\n'
    )
    arguments = ["--config", str(file), "--socket", str(tmp_path / "none"), "--no-listen", "--json"]
    result = CliRunner().invoke(doctor, arguments)
    assert result.exit_code == 2, result.output
    found = {one["code"]: one for one in json.loads(result.output)["findings"]}
    assert found["agent-not-running"]["severity"] == "warning"
    assert "interface-missing" in found or "interface-not-seen" in found


# -- the codes -----------------------------------------------------------------------------------


def codes_in_source() -> Iterator[str]:
    for file in (ROOT / "vipd" / "doctor" / "topic").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.keyword) and node.arg == "code":
                yield from _texts(node.value)


def _texts(node: ast.expr) -> Iterator[str]:
    """The codes that an expression may be; `f"firewall-drops-{hook}"` is two of them."""
    if isinstance(node, ast.IfExp):
        yield from _texts(node.body)
        yield from _texts(node.orelse)
    elif isinstance(node, ast.JoinedStr):
        first = node.values[0]
        assert isinstance(first, ast.Constant)
        assert isinstance(first.value, str)
        yield first.value + "input"
        yield first.value + "output"
    else:
        assert isinstance(node, ast.Constant), "a code is written where it is given"
        assert isinstance(node.value, str)
        yield node.value


def test_every_code_is_documented_and_no_other() -> None:
    findings = DOCUMENT.read_text().partition("## Findings")[2]
    table = re.findall(r"^\| `([a-z0-9-]+)` \|", findings, re.MULTILINE)
    assert sorted(table) == sorted(set(codes_in_source()))
    assert len(table) > 60


def test_codes_are_in_kebab_case() -> None:
    assert [
        code for code in codes_in_source() if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", code)
    ] == []


def test_every_topic_is_documented() -> None:
    headings = re.findall(r"^### (\w+)$", DOCUMENT.read_text(), re.MULTILINE)
    assert headings == [topic.name for topic in TOPICS]


def test_what_is_not_well_says_what_to_do() -> None:
    """A problem and a warning have a command or a hint, whatever host they are found on."""
    for host in HOSTS.values():
        for topic, one in examine(replace(host, own_namespace=True)):
            if one.severity in (Severity.WARNING, Severity.PROBLEM):
                assert one.why, (topic, one.code)
                assert one.commands or one.hint, (topic, one.code)
