"""`vipd events`: the lines, from where they begin, how they go on, and what was missed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import IO

import click
import pytest
from click.testing import CliRunner, Result
from past_agent import LONG, PastAgent, in_zone

from vipd.agent.journal_file import journal_beside
from vipd.cli.events import KINDS, USUALLY_SHOWN, events
from vipd.cli.render_event import EventLines
from vipd.cli.since import AfterEvent, FromMoment, Since, read_since
from vipd.config.text import RefusedText
from vipd.control.messages import decode_event, encode
from vipd.control.report import AgentReport, EventReport
from vipd.core.model import State

GOLDEN = Path(__file__).parents[2] / "golden" / "events"
FIRST = 1_767_323_647_000
"""The number of the first event: the journal begins at 2026-01-02T03:14:07Z."""


@pytest.fixture(autouse=True)
def utc() -> Iterator[None]:
    """A person whose clock shows UTC."""
    with in_zone("UTC"):
        yield


@pytest.fixture
def agent(tmp_path: Path) -> PastAgent:
    report = AgentReport(node="alpha", version="0.1.0", generated_at="", uptime_s=1.0, instances=())
    return PastAgent(tmp_path, report)


def happen(agent: PastAgent) -> list[EventReport]:
    """One event of each kind, a minute apart."""
    told: list[EventReport] = []

    def at(minute: int, kind: str, code: str, text: str, **more: object) -> None:
        agent.now = f"2026-01-02T03:{minute:02}:07.250Z"
        told.append(agent.note(kind, code, text, **more))

    at(14, "agent", "started", "vipd 0.1.0 started")
    started = {"instance": "web", "old": State.INIT, "new": State.BACKUP}
    at(15, "transition", "started", "started", **started)
    at(16, "peer", "heard", "beta (192.0.2.12) is ready", instance="web")
    silent = "no advert from 192.0.2.12 (last priority 150) for 3.414 s: 3 adverts missed"
    passage = {"old": State.BACKUP, "new": State.MASTER, "evidence": ("probe unanswered",)}
    at(17, "transition", "master_silent", silent, instance="web", **passage)
    claimed = "192.0.2.100 is claimed by 02:00:00:00:00:12 as well"
    at(18, "incident", "address_conflict", claimed, instance="web")
    at(19, "tracker", "down", "nginx: 3 failures in a row: connection refused")
    faulty = {"old": State.MASTER, "new": State.FAULT}
    at(20, "transition", "tracker", "nginx: connection refused", instance="internal", **faulty)
    at(21, "hook", "failed", "on_fault: /etc/vipd/tell: exit 1", instance="internal")
    at(22, "order", "maintenance", "maintenance on, for 30 min: new memory")
    at(23, "reload", "applied", "reloaded: web is changed")
    return told


def run(agent: PastAgent, *arguments: str | int, **environ: str) -> Result:
    env = {"NO_COLOR": None, "COLUMNS": "80", "VIPD_SOCKET": str(agent.socket)} | environ
    return CliRunner(env=env).invoke(events, [*map(str, arguments)])


def numbers(result: Result) -> list[int]:
    """Which events of the journal a command has printed, from 0 on."""
    return [json.loads(line)["seq"] - FIRST for line in result.stdout.splitlines()]


def golden(name: str) -> str:
    return (GOLDEN / f"{name}.txt").read_text()


# -- what a person reads ----------------------------------------------------------------------


@pytest.mark.parametrize("columns", ["80", "120"])
def test_each_event_is_one_line_however_wide_the_terminal_is(
    agent: PastAgent, columns: str
) -> None:
    with agent.running():
        happen(agent)
        result = run(agent, COLUMNS=columns)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == golden(f"all-{columns}")


def test_every_transcript_belongs_to_a_test() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == {"all-80", "all-120"}


def test_every_kind_can_be_asked_for(agent: PastAgent) -> None:
    with agent.running():
        assert {event.kind for event in happen(agent)} == set(KINDS)


def test_colours_change_no_letter(agent: PastAgent) -> None:
    plain, painted = EventLines(names=3, colour=False), EventLines(names=3, colour=True)
    with agent.running():
        for event in happen(agent):
            line = painted.render(event)
            assert click.unstyle(line) == plain.render(event)
            assert ("\x1b[31m" in line) is (event.kind == "incident" or event.new is State.FAULT)


# -- which ones -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], [*range(10)]),
        (["web"], [1, 2, 3, 4]),
        (["--kind", "transition"], [1, 3, 6]),
        (["--kind", "tracker", "--kind", "hook"], [5, 7]),
        (["internal", "--kind", "hook"], [7]),
        (["-n", "3"], [7, 8, 9]),
        (["-n", "0"], []),
        (["web", "-n", "1"], [4]),
        (["--since", FIRST + 6], [7, 8, 9]),
        (["--since", FIRST + 6, "-n", "1"], [9]),
        (["--since", FIRST + 9], []),
        (["--since", 0], [*range(10)]),
        (["--since", "2026-01-02T03:21:07.250Z"], [7, 8, 9]),
        (["--since", "2026-01-02T05:21+02:00"], [7, 8, 9]),
        (["--since", "2026-01-02 03:23"], [9]),
        (["--since", "1s"], []),
    ],
)
def test_those_are_shown_that_are_asked_for(
    agent: PastAgent, arguments: list[str | int], expected: list[int]
) -> None:
    with agent.running():
        happen(agent)
        result = run(agent, "--json", *arguments)
    assert (result.exit_code, numbers(result), result.stderr) == (0, expected, "")


def test_a_line_of_json_is_the_event(agent: PastAgent) -> None:
    with agent.running():
        told = happen(agent)
        result = run(agent, "--json")
    assert [decode_event(line.encode()) for line in result.stdout.splitlines()] == told


def test_usually_the_last_ones_are_shown_and_with_since_all(agent: PastAgent) -> None:
    with agent.running():
        for number in range(1500):
            agent.note("agent", "happened", str(number))
        assert numbers(run(agent, "--json")) == [*range(1500)][-USUALLY_SHOWN:]
        assert numbers(run(agent, "--json", "--since", FIRST - 1)) == [*range(1500)]


def test_what_was_forgotten_is_told_and_is_exit_code_1(agent: PastAgent) -> None:
    with agent.running():
        for number in range(2005):
            agent.note("agent", "happened", str(number))
        known, forgotten = FIRST + 4, FIRST + 3
        result = run(agent, "--json", "--since", known, "-n", 1)
        assert (result.exit_code, numbers(result), result.stderr) == (0, [2004], "")
        result = run(agent, "--json", "--since", forgotten)
        assert (result.exit_code, numbers(result)) == (1, [*range(5, 2005)])
        assert result.stderr == "one event was missed: the agent has forgotten them\n"
        result = run(agent, "--since", 7, "-n", 0)
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr == "at least 6 events were missed: the agent has forgotten them\n"


def test_a_script_goes_on_over_restarts_and_learns_of_a_reboot(agent: PastAgent) -> None:
    with agent.running():
        last = happen(agent)[-1].seq
    with agent.running():
        agent.note("agent", "started", "again")
        result = run(agent, "--json", "--since", last)
        assert (result.exit_code, numbers(result)) == (0, [10])
    journal_beside(agent.socket).unlink()
    with agent.running():
        agent.note("agent", "started", "after a reboot")
        result = run(agent, "--json", "--since", last + 1)
    assert result.exit_code == 1
    assert "after a reboot" in result.stdout
    assert "missed" in result.stderr


def test_an_unknown_name_is_exit_code_2(agent: PastAgent) -> None:
    with agent.running():
        happen(agent)
        result = run(agent, "wbe")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "there is no instance 'wbe' here" in result.stderr


def test_without_an_agent_its_journal_is_read(agent: PastAgent) -> None:
    with agent.running():
        happen(agent)
    result = run(agent)
    assert (result.exit_code, result.stdout) == (0, golden("all-80"))
    assert "no vipd agent answers" in result.stderr
    assert numbers(run(agent, "--json", "web", "--since", FIRST + 2)) == [3, 4]


@pytest.mark.parametrize("options", [[], ["--follow"]])
def test_without_both_it_is_exit_code_3(agent: PastAgent, options: list[str]) -> None:
    result = run(agent, *options)
    assert (result.exit_code, result.stdout) == (3, "")
    assert "systemctl start vipd" in result.stderr


def test_only_an_agent_can_be_followed(agent: PastAgent) -> None:
    with agent.running():
        happen(agent)
    result = run(agent, "--follow")
    assert (result.exit_code, result.stdout) == (3, "")


# -- since ------------------------------------------------------------------------------------

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=timezone(timedelta(hours=2)))


@pytest.mark.parametrize(
    ("text", "since"),
    [
        ("118", AfterEvent(118)),
        ("1.5s", FromMoment(NOON - timedelta(seconds=1.5))),
        ("90m", FromMoment(NOON - timedelta(minutes=90))),
        ("36h", FromMoment(NOON - timedelta(hours=36))),
        ("3:14", FromMoment(datetime(2026, 1, 2, 1, 14, tzinfo=UTC))),
        ("12:00:01", FromMoment(datetime(2026, 1, 1, 10, 0, 1, tzinfo=UTC))),
        ("23:59", FromMoment(datetime(2026, 1, 1, 21, 59, tzinfo=UTC))),
        ("2026-01-01", FromMoment(datetime(2025, 12, 31, 22, 0, tzinfo=UTC))),
        ("2026-01-01T03:14:07Z", FromMoment(datetime(2026, 1, 1, 3, 14, 7, tzinfo=UTC))),
    ],
)
def test_since_is_a_number_a_length_or_a_moment(text: str, since: Since) -> None:
    assert read_since(text, NOON) == since


@pytest.mark.parametrize("text", ["", "yesterday", "-1", "5 minutes", "25:00", "10d", "9999999h"])
def test_anything_else_is_refused_with_what_it_can_be(text: str) -> None:
    with pytest.raises(RefusedText, match=r"must be"):
        read_since(text, NOON)


def test_a_refused_since_is_exit_code_2(agent: PastAgent) -> None:
    result = run(agent, "--since", "yesterday")
    assert result.exit_code == 2
    assert '"10m", "03:14", or "2026-01-02T03:14"' in result.stderr


# -- going on ---------------------------------------------------------------------------------

PROGRAM = "from vipd.cli.events import events; events(prog_name='vipd events')"


@contextmanager
def following(agent: PastAgent, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A command of its own that follows; it is ended, if it has not ended by then."""
    command = [sys.executable, "-c", PROGRAM, "--socket", str(agent.socket), *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        too_late = threading.Timer(LONG, process.kill)
        too_late.start()
        try:
            yield process
        finally:
            too_late.cancel()
            process.kill()


def read_lines(stream: IO[str] | None, count: int) -> list[str]:
    assert stream is not None
    return [stream.readline().rstrip("\n") for _ in range(count)]


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """How it ended, and what else it has said."""
    _, stderr = process.communicate(timeout=LONG)
    return process.returncode, stderr


def interrupted(process: subprocess.Popen[str]) -> tuple[int, str]:
    process.send_signal(signal.SIGINT)
    return ended(process)


def test_it_goes_on_until_ctrl_c(agent: PastAgent) -> None:
    with agent.running():
        agent.note("agent", "happened", "before")
        with following(agent, "--follow") as process:
            (before,) = read_lines(process.stdout, 1)
            agent.note("agent", "happened", "after")
            (after,) = read_lines(process.stdout, 1)
            assert (before[-6:], after[-5:]) == ("before", "after")
            assert interrupted(process) == (130, "")


def test_only_what_is_wanted_goes_on(agent: PastAgent) -> None:
    with agent.running():
        agent.note("incident", "stalled", "first", instance="web")
        with following(agent, "web", "--kind", "incident", "-f", "--json") as process:
            lines = read_lines(process.stdout, 1)
            agent.note("incident", "stalled", "of another", instance="dns")
            agent.note("peer", "heard", "of another kind", instance="web")
            agent.note("incident", "stalled", "second", instance="web")
            lines += read_lines(process.stdout, 1)
            assert [json.loads(line)["text"] for line in lines] == ["first", "second"]
            assert interrupted(process) == (130, "")


def test_the_column_of_the_names_grows_with_what_comes(agent: PastAgent) -> None:
    lines = EventLines(names=3, colour=False)
    with agent.running():
        told = [agent.note("peer", "heard", "x", instance=name) for name in ("web", "longer", "a")]
    ends = [lines.render(event).partition(".000  ")[2] for event in told]
    peer = "peer              x"
    assert ends == [f"web  {peer}", f"longer  {peer}", f"a       {peer}"]


LOST_AND_FOUND = ["lost the agent; waits until one answers", "found the agent again"]


@contextmanager
def followed_over_a_restart(
    agent: PastAgent, between: Callable[[], None]
) -> Iterator[subprocess.Popen[str]]:
    """Who follows sees the first life, and another one that begins with an event."""
    with ExitStack() as stack:
        with agent.running():
            agent.note("agent", "happened", "first")
            process = stack.enter_context(following(agent, "--json", "-f"))
            read_lines(process.stdout, 1)
            agent.note("agent", "happened", "second")
            read_lines(process.stdout, 1)
        between()
        with agent.running():
            agent.note("agent", "happened", "third")
            yield process


def test_it_comes_back_when_the_agent_does_and_misses_nothing(agent: PastAgent) -> None:
    with followed_over_a_restart(agent, lambda: None) as process:
        agent.note("agent", "happened", "fourth")
        lines = read_lines(process.stdout, 2)
        assert [json.loads(line)["text"] for line in lines] == ["third", "fourth"]
        assert read_lines(process.stderr, 2) == LOST_AND_FOUND
        assert interrupted(process) == (130, "")


def test_it_tells_what_was_missed_when_the_journal_was_lost(agent: PastAgent) -> None:
    def lose() -> None:
        journal_beside(agent.socket).unlink()
        agent.now = "2026-01-02T04:00:00.000Z"

    with followed_over_a_restart(agent, lose) as process:
        (line,) = read_lines(process.stdout, 1)
        assert json.loads(line)["text"] == "third"
        missed = f"events after {FIRST + 1} were missed: the agent has forgotten them"
        assert read_lines(process.stderr, 3) == [*LOST_AND_FOUND, missed]
        assert interrupted(process) == (130, "")


def test_what_follows_on_a_journal_without_events_is_not_called_missed(agent: PastAgent) -> None:
    with agent.running(), following(agent, "--json", "-f", "--since", "7") as process:
        assert read_lines(process.stderr, 1)[0].startswith("one event was missed")
        agent.note("agent", "happened", "first")
        read_lines(process.stdout, 1)
        assert interrupted(process) == (130, "")


@pytest.mark.parametrize("options", [[], ["--follow"]])
def test_a_reader_that_has_seen_enough_ends_it_without_a_word(
    agent: PastAgent, options: list[str]
) -> None:
    with agent.running():
        for number in range(100):
            agent.note("agent", "happened", str(number))
        with following(agent, "-n", "100", *options) as process:
            assert process.stdout is not None
            process.stdout.close()
            process.stdout = None
            assert ended(process) == (141, "")


def test_what_an_older_journal_says_is_passed_on_as_it_is(agent: PastAgent) -> None:
    """The lines of the file and those of the command are the same."""
    with agent.running():
        told = happen(agent)
    lines = journal_beside(agent.socket).read_bytes().splitlines(keepends=True)[1:]
    assert lines == [encode(event) for event in told]
    assert run(agent, "--json").stdout.encode() == b"".join(lines)
