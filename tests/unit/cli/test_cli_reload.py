"""`vipd reload`: what a person sees of a plan, and what the exit code says."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from past_agent import PastAgent

from vipd.cli.reload import reload
from vipd.config.change import describe
from vipd.config.load import parse
from vipd.control.access import Caller
from vipd.control.handler import Feed, Respond
from vipd.control.messages import (
    ChangeReport,
    ErrorReply,
    KeyReport,
    ReloadReply,
    ReloadRequest,
    Reply,
    Request,
)
from vipd.control.report import AgentReport
from vipd.core.model import State

GOLDEN = Path(__file__).parents[2] / "golden" / "reload"

OLD = """
[instance.web]
interface = "eth0"
vrid = 51
addresses = ["192.0.2.100/24", "192.0.2.102/24"]
version = 2
auth = { type = "pass", password = "s3cret" }
track = ["nginx"]
[instance.mail]
interface = "eth0"
vrid = 52
addresses = ["192.0.2.110/24"]
[instance.db]
interface = "eth1"
vrid = 53
addresses = ["192.0.2.120/24"]
[instance.old]
interface = "eth1"
vrid = 54
addresses = ["192.0.2.130/24"]
[track.nginx]
type = "http"
url = "http://127.0.0.1/healthz"
"""
NEW = """
[agent]
metrics = "127.0.0.1:9112"
[instance.web]
interface = "eth0"
vrid = 51
addresses = ["192.0.2.100/24", "192.0.2.101/24"]
priority = 150
version = 2
auth = { type = "pass", password = "other" }
track = ["nginx", { name = "uplink", weight = -50 }]
hooks.on_master = ["/etc/vipd/hooks/promote", "--from", "vipd"]
[instance.mail]
interface = "eth0"
vrid = 55
addresses = ["192.0.2.110/24"]
[instance.db]
interface = "eth1"
vrid = 53
addresses = ["192.0.2.120/24"]
[instance.new]
interface = "eth1"
vrid = 56
addresses = ["2001:db8::100/64"]
[track.nginx]
type = "http"
url = "http://127.0.0.1/healthz"
interval = "2s"
[track.uplink]
type = "gateway"
interface = "eth0"
[group.edge]
members = ["db", "new"]
"""
STATES = {
    "web": State.MASTER,
    "mail": State.MASTER,
    "db": State.BACKUP,
    "old": State.MASTER,
}
REPORT = AgentReport(node="alpha", version="0.1.0", generated_at="", uptime_s=1.0, instances=())


class Reloaded(PastAgent):
    """An agent that answers each request to reload in one way."""

    reply: Reply
    asked: ReloadRequest | None = None

    def answer(self, request: Request, _: Caller, respond: Respond) -> Feed | None:
        assert isinstance(request, ReloadRequest)
        self.asked = request
        respond(self.reply)
        return None


@pytest.fixture
def agent(tmp_path: Path) -> Reloaded:
    return Reloaded(tmp_path, REPORT)


@contextmanager
def columns(width: int) -> Iterator[None]:
    """A terminal of this width."""
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = str(width)
    try:
        yield
    finally:
        del os.environ["COLUMNS"]
        if before is not None:
            os.environ["COLUMNS"] = before


def changes() -> tuple[ChangeReport, ...]:
    """What lies between the two files, as the agent reports it."""
    old, new = (parse(text, "f", {}) for text in (OLD, NEW))
    return tuple(
        ChangeReport(
            section=one.section,
            name=one.name,
            verdict=one.verdict,
            keys=tuple(KeyReport(key=key.key, old=key.old, new=key.new) for key in one.keys),
            effect=one.effect,
        )
        for one in describe(old, new, STATES)
    )


def planned(*, applied: bool = False, kept: bool = False) -> ReloadReply:
    every = tuple(one for one in changes() if one.verdict == "kept" or not kept)
    return ReloadReply(file="/etc/vipd/vipd.toml", applied=applied, changes=every)


def run(agent: Reloaded, reply: Reply, *arguments: str, width: int = 80) -> Result:
    agent.reply = reply
    with agent.running(), columns(width):
        return CliRunner().invoke(reload, [*arguments, "--socket", str(agent.socket)])


def golden(name: str, text: str) -> str:
    """What is to be shown; `VIPD_GOLDEN=write` takes over what is."""
    file = GOLDEN / f"{name}.txt"
    if os.environ.get("VIPD_GOLDEN") == "write":
        file.write_text(text)
    return file.read_text()


def test_a_plan_is_a_difference_with_what_follows(agent: Reloaded) -> None:
    result = run(agent, planned(), "--plan")
    assert agent.asked == ReloadRequest(plan=True)
    assert (result.exit_code, result.stdout) == (0, golden("plan-80", result.stdout))
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "s3cret" not in result.stdout
    assert "other" not in result.stdout


def test_what_was_done_is_told_in_the_same_way(agent: Reloaded) -> None:
    result = run(agent, planned(applied=True))
    assert agent.asked == ReloadRequest(plan=False)
    assert " ".join(result.stdout.split()).endswith("; the new configuration runs")
    assert result.exit_code == 0


def test_nothing_to_do_is_one_line(agent: Reloaded) -> None:
    result = run(agent, planned(applied=True, kept=True))
    assert result.stdout == "/etc/vipd/vipd.toml: all as it is; the new configuration runs\n"


def test_a_refusal_says_every_problem_and_fails(agent: Reloaded) -> None:
    error = "/etc/vipd/vipd.toml: instance.web.vrid: must be\n/etc/vipd/vipd.toml: instance.a: no"
    result = run(agent, ErrorReply(error=error))
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", error + "\n")


def test_who_may_not_is_told_so_by_another_code(agent: Reloaded) -> None:
    result = run(agent, ErrorReply(error="not for you", denied=True))
    assert (result.exit_code, result.stderr) == (2, "not for you\n")


def test_programs_get_the_whole_reply(agent: Reloaded) -> None:
    result = run(agent, planned(), "--plan", "--json")
    said = json.loads(result.stdout)
    assert (result.exit_code, said["applied"]) == (0, False)
    by_name = {one["name"]: one for one in said["changes"]}
    assert by_name["db"]["verdict"] == "kept"
    password = {"key": "auth.password", "old": None, "new": None}
    assert password in by_name["web"]["keys"]


def test_a_refusal_is_json_as_well(agent: Reloaded) -> None:
    result = run(agent, ErrorReply(error="no"), "--json")
    assert (result.exit_code, json.loads(result.stdout)["error"]) == (1, "no")


def test_nobody_answers(agent: Reloaded) -> None:
    result = CliRunner().invoke(reload, ["--socket", str(agent.socket)])
    assert result.exit_code == 3
    assert str(agent.socket) in result.stderr
