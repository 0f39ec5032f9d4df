"""`vipd status --watch` in a terminal: what is drawn, how little of it, and how it ends."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from made_agent import MadeAgent, ago, internal, report, web
from terminal import Terminal, terminal

from vipd.cli.main import cli

pytestmark = pytest.mark.slow

WELL = "All is well: alpha serves 1 of 2 instances"


@pytest.fixture
def agent(tmp_path: Path) -> MadeAgent:
    return MadeAgent(tmp_path / "control.sock", report=report(web(track=()), internal()))


@pytest.fixture
def watched(agent: MadeAgent) -> Iterator[Terminal]:
    with agent.running(), terminal(*command(agent)) as shown:
        shown.until(WELL)
        yield shown


def command(agent: MadeAgent, *arguments: str) -> list[str]:
    return ["status", "--watch", "--socket", str(agent.socket), *arguments]


def test_keys_lead_through_all_of_it_and_q_leaves_the_terminal_as_it_was(
    watched: Terminal,
) -> None:
    watched.press("j")
    watched.until("-- internal ---")
    watched.press("\r")
    watched.until("internal on eth1, VRID 52")
    watched.press("?")
    watched.until("hold it still")
    watched.press("\x1b")
    watched.until("internal on eth1, VRID 52")
    watched.press(" ")
    watched.until("PAUSED")
    watched.press("q")
    assert (watched.ended(), watched.restored) == (0, True)


def test_ctrl_c_ends_it_without_a_word(watched: Terminal) -> None:
    watched.press("\x03")
    assert (watched.ended(), watched.restored) == (130, True)
    assert "Traceback" not in watched.text()


def test_a_signal_ends_it_with_the_terminal_as_it_was(watched: Terminal) -> None:
    watched.process.send_signal(signal.SIGTERM)
    assert (watched.ended(), watched.restored) == (128 + signal.SIGTERM, True)


def test_a_window_of_another_size_is_filled(watched: Terminal) -> None:
    watched.resize(132, 40)
    watched.until("PRIORITY")
    watched.resize(20, 5)
    watched.until("All is well: alpha")
    watched.resize(80, 24)
    watched.until(WELL)


def test_an_agent_that_goes_is_missed_and_one_that_comes_is_found(agent: MadeAgent) -> None:
    with terminal(*command(agent)) as shown:
        shown.until("there is no such socket")
        with agent.running():
            shown.until(WELL)
        shown.until("NO ANSWER since")
        with agent.running():
            shown.until(WELL)
        shown.press("q")
        assert shown.ended() == 0


def test_where_nothing_changes_nearly_nothing_is_written(agent: MadeAgent) -> None:
    """What changes is the clock, once in a second; to draw the screen anew would take 2 KB."""
    agent.report = report(
        *(internal(name=f"vip-{number:03}", since=ago(5400)) for number in range(255))
    )
    with agent.running(), terminal(*command(agent)) as shown:
        shown.until("-- vip-000 ---")
        asked, written = agent.asked, len(shown.output)
        shown.wait(lambda: agent.asked >= asked + 15)
        assert len(shown.output) - written < 15 * 200
        assert "\x1b[2J" not in shown.output.decode()


def test_an_instance_may_be_named(agent: MadeAgent) -> None:
    with agent.running(), terminal(*command(agent, "internal"), NO_COLOR="1") as shown:
        shown.until("internal on eth1, VRID 52")
        shown.press("q")
        assert shown.ended() == 0
        assert b"\x1b[0;3" not in shown.output.replace(b"\x1b[0;39;49m", b"")


def test_an_instance_that_is_not_there_is_refused(agent: MadeAgent) -> None:
    with agent.running(), terminal(*command(agent, "wbe")) as shown:
        assert shown.ended() == 2
        assert "did you mean 'web'?" in shown.text()
        assert b"\x1b[?1049h" not in shown.output


def test_a_terminal_that_can_place_nothing_is_refused(agent: MadeAgent) -> None:
    with terminal(*command(agent), TERM="dumb") as shown:
        assert shown.ended() == 2
        assert 'TERM is "dumb"' in shown.text()


def test_without_a_terminal_it_is_refused_with_what_needs_none(agent: MadeAgent) -> None:
    result = CliRunner().invoke(cli, command(agent))
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--watch needs a terminal" in result.stderr
    assert "vipd events --follow" in result.stderr
