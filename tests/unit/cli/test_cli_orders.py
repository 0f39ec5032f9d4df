"""Orders at the command line: what is sent, what a person reads, and what the exit code says."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from vipd.cli.main import cli
from vipd.control.access import Caller
from vipd.control.handler import Respond
from vipd.control.messages import (
    LONGEST_REASON,
    AnnounceRequest,
    ErrorReply,
    FailoverRequest,
    MaintenanceRequest,
    OrderReply,
    OutcomeReport,
    PriorityRequest,
    Reply,
    Request,
)
from vipd.control.server import ControlServer

LONG = 10.0
"""Units: seconds. What a test waits before it counts as failed; never what it takes."""

MOVED = OutcomeReport(
    instance="web", done=True, text="192.0.2.12 (priority 100) serves, after 71 ms"
)
STAYED = OutcomeReport(
    instance="mail", done=False, text="nobody took over within 200 ms: this host serves on"
)


@dataclass
class Orderly:
    """An agent that takes every order, and answers what it is told to."""

    socket: Path
    reply: Reply = field(default_factory=lambda: OrderReply(text="as ordered"))
    orders: list[Request] = field(default_factory=list)

    def answer(self, request: Request, _: Caller, respond: Respond) -> None:
        self.orders.append(request)
        respond(self.reply)

    @contextmanager
    def running(self) -> Iterator[None]:
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        server = ControlServer(self.socket, self.answer)
        try:
            asyncio.run_coroutine_threadsafe(server.start(), loop).result(LONG)
            yield
        finally:
            asyncio.run_coroutine_threadsafe(server.close(), loop).result(LONG)
            loop.call_soon_threadsafe(loop.stop)
            thread.join(LONG)
            loop.close()

    def run(self, *words: str) -> Result:
        return CliRunner().invoke(cli, [*words, "--socket", str(self.socket)])


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Orderly]:
    agent = Orderly(tmp_path / "control.sock")
    with agent.running():
        yield agent


@pytest.mark.parametrize(
    ("words", "order"),
    [
        (["failover", "web"], FailoverRequest(name="web")),
        (["failover", "--all"], FailoverRequest()),
        (["failover", "web", "--no-wait"], FailoverRequest(name="web", wait=False)),
        (["maintenance", "on"], MaintenanceRequest(on=True)),
        (["maintenance", "on", "--force"], MaintenanceRequest(on=True, force=True)),
        (
            ["maintenance", "on", "--for", "30m", "--reason", "a new kernel"],
            MaintenanceRequest(on=True, for_s=1800, reason="a new kernel"),
        ),
        (["maintenance", "off"], MaintenanceRequest(on=False)),
        (["priority", "web", "50"], PriorityRequest(name="web", priority=50)),
        (
            ["priority", "web", "50", "--for", "1h30m"],
            PriorityRequest(name="web", priority=50, for_s=5400),
        ),
        (["priority", "web", "--reset"], PriorityRequest(name="web")),
        (["announce", "web"], AnnounceRequest(name="web")),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, list) else "",
)
def test_what_is_typed_is_what_is_ordered(agent: Orderly, words: list[str], order: Request) -> None:
    result = agent.run(*words)
    assert (result.exit_code, result.output) == (0, "as ordered\n")
    assert agent.orders == [order]


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("1s", 1),
        ("2.5s", 2.5),
        ("45m", 2700),
        ("45min", 2700),
        ("1h", 3600),
        ("1d", 86400),
        ("1d12h", 129600),
    ],
)
def test_a_length_of_time_is_written_as_people_say_it(
    agent: Orderly, written: str, seconds: float
) -> None:
    agent.run("maintenance", "on", "--for", written)
    assert agent.orders == [MaintenanceRequest(on=True, for_s=seconds)]


@pytest.mark.parametrize("written", ["", "30", "0s", "-1h", "1 h", "1w", "h", "s1", "1h30"])
def test_what_is_no_length_of_time_is_told_with_a_way_out(agent: Orderly, written: str) -> None:
    result = agent.run("maintenance", "on", "--for", written)
    assert result.exit_code == 2
    assert "is no length of time: write 30s, 45m, 2h or 1d" in " ".join(result.output.split())
    assert agent.orders == []


def test_too_long_a_time_is_refused_before_anything_happens(agent: Orderly) -> None:
    result = agent.run("maintenance", "on", "--for", "400d")
    assert result.exit_code == 2
    assert "'400d' is too long: 366d at most, or no end at all" in " ".join(result.output.split())
    assert agent.orders == []


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["failover"], "name one instance or group, or say --all"),
        (["failover", "web", "--all"], "name one instance or group, or say --all"),
        (["priority", "web"], "say which priority, or --reset"),
        (["priority", "web", "50", "--reset"], "say which priority, or --reset"),
        (["priority", "web", "0"], "is not in the range 1<=x<=254"),
        (["priority", "web", "255"], "is not in the range 1<=x<=254"),
        (["priority"], "Missing argument"),
        (["announce"], "Missing argument"),
        (["maintenance"], "off"),
        (
            ["maintenance", "on", "--reason", (LONGEST_REASON + 1) * "x"],
            f"--reason has at most {LONGEST_REASON} characters",
        ),
    ],
    ids=lambda one: " ".join(one)[:40] if isinstance(one, list) else "",
)
def test_a_wrong_question_is_told_and_nothing_is_ordered(
    agent: Orderly, words: list[str], why: str
) -> None:
    result = agent.run(*words) if words != ["maintenance"] else CliRunner().invoke(cli, words)
    assert result.exit_code == 2
    assert why in " ".join(result.output.split())
    assert agent.orders == []


def test_one_outcome_is_one_line(agent: Orderly) -> None:
    agent.reply = OrderReply(text="1 of 1 handed over", outcomes=(MOVED,))
    result = agent.run("failover", "web")
    assert result.exit_code == 0
    assert result.output == "web: 192.0.2.12 (priority 100) serves, after 71 ms\n"


def test_of_several_each_is_told_then_the_sum_and_one_that_stays_is_a_1(agent: Orderly) -> None:
    agent.reply = OrderReply(text="1 of 2 handed over", outcomes=(MOVED, STAYED))
    result = agent.run("failover", "--all")
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        "web: 192.0.2.12 (priority 100) serves, after 71 ms",
        "mail: nobody took over within 200 ms: this host serves on",
        "1 of 2 handed over",
    ]


@pytest.mark.parametrize(("denied", "code"), [(False, 1), (True, 2)])
def test_a_refusal_stands_on_standard_error(agent: Orderly, denied: bool, code: int) -> None:
    agent.reply = ErrorReply(error="no: because", denied=denied)
    for words in (["failover", "web"], ["maintenance", "on"], ["priority", "web", "9"]):
        result = agent.run(*words)
        assert (result.exit_code, result.stdout) == (code, "")
        assert result.stderr == "no: because\n"


def test_json_is_one_object_whatever_comes_of_it(agent: Orderly) -> None:
    agent.reply = OrderReply(text="1 of 2 handed over", outcomes=(MOVED, STAYED))
    result = agent.run("failover", "--all", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {
        "ok": True,
        "text": "1 of 2 handed over",
        "outcomes": [
            {"instance": "web", "done": True, "text": MOVED.text},
            {"instance": "mail", "done": False, "text": STAYED.text},
        ],
    }
    agent.reply = ErrorReply(error="no", denied=True)
    result = agent.run("maintenance", "off", "--json")
    assert result.exit_code == 2
    assert json.loads(result.stdout) == {"ok": False, "error": "no", "denied": True}


@pytest.mark.parametrize(
    "words",
    [
        ["failover", "web"],
        ["maintenance", "on"],
        ["maintenance", "off"],
        ["priority", "web", "50"],
        ["announce", "web"],
    ],
    ids=" ".join,
)
def test_without_an_agent_it_is_a_3_and_told_how_to_start_one(
    tmp_path: Path, words: list[str]
) -> None:
    socket = tmp_path / "none.sock"
    result = CliRunner().invoke(cli, [*words, "--socket", str(socket)])
    assert (result.exit_code, result.stdout) == (3, "")
    assert f"no vipd agent answers on {socket}" in result.stderr
    assert "systemctl start vipd" in result.stderr


@pytest.mark.parametrize(
    "words",
    [["failover"], ["maintenance"], ["maintenance", "on"], ["priority"], ["announce"]],
    ids=" ".join,
)
def test_help_teaches_by_exit_codes_or_examples(words: list[str]) -> None:
    text = CliRunner().invoke(cli, [*words, "--help"]).output
    assert "exit code" in text or "Examples:" in text
