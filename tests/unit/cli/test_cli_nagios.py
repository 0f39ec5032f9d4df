"""`vipd status --nagios`: what a monitoring system reads, through a real control server."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result
from made_agent import MadeAgent, internal
from past_agent import in_zone
from status_samples import (
    BETA,
    FAULT,
    INTERNAL,
    LONELY,
    MAINTENANCE,
    SERVED,
    STANDBY,
    STAYS_DOWN,
    WEB,
    changed,
    report,
)

from vipd.cli.main import cli
from vipd.cli.nagios import PluginExit, nagios, unanswered
from vipd.control.report import AgentReport


@pytest.fixture(autouse=True)
def utc() -> Iterator[None]:
    """A person whose clock shows UTC."""
    with in_zone("UTC"):
        yield


FIGURE = re.compile(r"[a-z_]+=[0-9.]+(s|c|)(;[0-9.]*:?(;[0-9.]*(;[0-9.]*(;[0-9.]*)?)?)?)?")


def figures(text: str) -> dict[str, str]:
    """What stands behind the bar of the first line, each of the form that plugins promise."""
    told = text.splitlines()[0].partition(" | ")[2].split()
    assert [one for one in told if not FIGURE.fullmatch(one)] == []
    return dict(one.split("=", 1) for one in told)


def test_all_is_well() -> None:
    answer = nagios(report(SERVED, STANDBY), named=False)
    assert answer.exit is PluginExit.OK
    assert answer.text == (
        "VIPD OK - alpha serves 1 of 2 instances; another host is ready to take over"
        " | instances=2;;;0 init=0;;;0 backup=1;;;0 master=1;;;0 fault=0;;0;0 findings=0;0;;0"
        " ready_peers=1;1:;;0 maintenance=0;0;;0 uptime=14676s;;;0\n"
        "web: MASTER for 2 h 2 min: sends an advert every 1 s, the last one 312 ms ago;"
        " beta is ready\n"
        "internal: BACKUP for 4 h 4 min: heard MASTER 198.51.100.11 (priority 150) 5 ms ago;"
        " takes over after 36.1 ms of silence; beta is ready"
    )


@pytest.mark.parametrize(
    ("shown", "exit_code", "first"),
    [
        (report(LONELY), 1, "VIPD WARNING - alpha: web: no other host is ready: gamma is NOT"),
        (report(FAULT, SERVED), 2, "VIPD CRITICAL - alpha: web is in FAULT: eth0 has no carrier"),
        (
            report(STAYS_DOWN, maintenance=MAINTENANCE),
            1,
            "VIPD WARNING - alpha is in maintenance since 02:54:05 (10 min), until 03:24:05",
        ),
        (
            report(changed(STAYS_DOWN, master=None), maintenance=MAINTENANCE),
            2,
            "VIPD CRITICAL - alpha: web: knows of no MASTER (and 1 more)",
        ),
        (report(), 1, "VIPD WARNING - alpha: no instance is configured"),
    ],
)
def test_what_is_wrong_is_in_the_first_line(shown: AgentReport, exit_code: int, first: str) -> None:
    answer = nagios(shown, named=False)
    assert (answer.exit, answer.text[: len(first)]) == (exit_code, first)
    assert figures(answer.text)["instances"] == f"{len(shown.instances)};;;0"


def test_a_finding_is_a_line_of_its_own_without_repetition() -> None:
    shown = report(SERVED, FAULT, warnings=("the clock jumps",))
    assert nagios(shown, named=False).text.splitlines()[1:3] == [
        "the clock jumps",
        (
            "web: FAULT for 40 s: eth0 has no carrier; "
            "192.0.2.100/24 is on eth0 but this host does not hold it; heard MASTER 192.0.2.11 "
            "(priority 100) 44 s ago: longer ago than the 3.414 s ..."
        ),
    ]


def test_the_figures_of_an_instance() -> None:
    assert figures(nagios(report(SERVED), named=True).text) == {
        "priority": "150;;;0;255",
        "master_age": "0.312s;3.414;;0",
        "ready_peers": "1;1:;;0",
        "transitions": "2c",
        "adverts_sent": "14649c",
        "adverts_received": "12c",
        "adverts_dropped": "22c",
    }


def test_what_is_not_known_has_no_figure() -> None:
    assert {"master_age", "ready_peers"}.isdisjoint(
        figures(nagios(report(changed(WEB, master=None)), named=True).text)
    )


def test_the_fewest_ready_peers_count_where_peers_tell() -> None:
    shown = report(changed(SERVED, peers=(BETA, BETA)), INTERNAL, LONELY)
    assert figures(nagios(shown, named=False).text)["ready_peers"] == "0;1:;;0"


def test_nothing_that_others_wrote_begins_figures_or_lines() -> None:
    wicked = "down | load=5\n\x1b[2Jmore"
    answer = nagios(report(changed(FAULT, cause=wicked)), named=False)
    first, *rest = answer.text.splitlines()
    assert "in FAULT: down / load=5 ?[2Jmore" in first
    assert first.count("|") == 1
    assert [line for line in rest if "|" in line or not line.isprintable()] == []


def test_of_many_the_worst_are_told_and_the_others_counted() -> None:
    instances = [changed(SERVED, name=f"vip-{number:03}") for number in range(255)]
    instances[200] = changed(FAULT, name="vip-200")
    lines = nagios(report(*instances), named=False).text.splitlines()
    assert len("\n".join(lines)) < 8192
    assert lines[1].startswith("vip-200: FAULT")
    assert lines[-1] == "... and 215 more: `vipd status` shows them all"


def test_no_answer_is_one_line_and_the_way_out_below() -> None:
    answer = unanswered("no agent | none.\nStart one.", PluginExit.CRITICAL)
    assert answer.text == "VIPD CRITICAL - no agent / none.\nStart one."


# -- the command ------------------------------------------------------------------------------


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[MadeAgent]:
    with MadeAgent(tmp_path / "control.sock").running() as agent:
        yield agent


def run(socket: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["status", "--nagios", "--socket", str(socket), *arguments])


def test_the_exit_code_is_that_of_a_plugin(agent: MadeAgent) -> None:
    result = run(agent.socket)
    assert (result.exit_code, result.stderr) == (1, "")
    assert result.stdout.startswith("VIPD WARNING - alpha: web: uplink: DOWN for 21 min")
    agent.report = msgspec.structs.replace(agent.report, instances=(internal(),))
    assert run(agent.socket).exit_code == 0


def test_one_instance_can_be_asked_for(agent: MadeAgent) -> None:
    result = run(agent.socket, "internal")
    assert result.exit_code == 0
    assert result.stdout.startswith("VIPD OK - alpha stands by for internal | priority=100;;;0;255")


def test_an_unknown_name_is_unknown(agent: MadeAgent) -> None:
    result = run(agent.socket, "wbe")
    assert (result.exit_code, result.stderr) == (3, "")
    assert result.stdout.startswith("VIPD UNKNOWN - there is no instance 'wbe'")


def test_no_agent_is_critical(tmp_path: Path) -> None:
    result = run(tmp_path / "control.sock")
    assert (result.exit_code, result.stderr) == (2, "")
    first, second = result.stdout.splitlines()
    assert first.startswith("VIPD CRITICAL - no vipd agent answers on ")
    assert "systemctl start vipd" in second


@contextmanager
def nobody() -> Iterator[None]:
    """Be a user without privileges, if this one is root."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(before)


def test_whoever_may_not_ask_knows_nothing(tmp_path: Path) -> None:
    place = tmp_path / "closed"
    place.mkdir(mode=0)
    with nobody():
        result = run(place / "control.sock")
    assert result.exit_code == 3
    assert result.stdout.startswith("VIPD UNKNOWN - no vipd agent answers on ")
    assert "Ask as root" in result.stdout


@pytest.mark.parametrize("other", ["--json", "--watch"])
def test_it_excludes_the_other_forms(agent: MadeAgent, other: str) -> None:
    result = run(agent.socket, other)
    assert (result.exit_code, agent.asked) == (2, 0)
    assert "exclude each other" in result.stderr
