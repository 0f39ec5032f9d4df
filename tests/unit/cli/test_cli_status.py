"""`vipd status`: what a person reads, what a program reads, and what the exit code says."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import pty
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner, Result
from past_agent import in_zone
from status_samples import FAULT, INTERNAL, LEAVING, TABLES, WARNED, report

from vipd.cli.main import cli
from vipd.cli.render_text import render_text
from vipd.config.model import DEFAULT_PATH
from vipd.control.access import Caller
from vipd.control.handler import Respond
from vipd.control.messages import ErrorReply, Request, StatusRequest, answer_status
from vipd.control.report import AgentReport
from vipd.control.server import ControlServer

GOLDEN = Path(__file__).parents[2] / "golden" / "status"

LONG = 10.0
"""Units: seconds. What a test waits before it counts as failed; never what it takes."""


@pytest.fixture(autouse=True)
def utc() -> Iterator[None]:
    """A person whose clock shows UTC."""
    with in_zone("UTC"):
        yield


def golden(name: str) -> str:
    return (GOLDEN / f"{name}.txt").read_text()


@dataclass
class Agent:
    """An agent as far as `vipd status` can tell: a real control server in another thread."""

    socket: Path
    report: AgentReport
    asked: list[StatusRequest] = field(default_factory=list)

    def answer(self, request: Request, _: Caller, respond: Respond) -> None:
        assert isinstance(request, StatusRequest)
        self.asked.append(request)
        respond(answer_status(request, self.report))

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


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    agent = Agent(tmp_path / "control.sock", TABLES["master-and-backup"])
    with agent.running():
        yield agent


def run(*arguments: str | Path, **environ: str) -> Result:
    env = {"NO_COLOR": None, "COLUMNS": "80", "VIPD_SOCKET": None} | environ
    return CliRunner(env=env).invoke(cli, ["status", *map(str, arguments)])


def test_the_table_is_printed(agent: Agent) -> None:
    result = run("--socket", agent.socket)
    assert (result.exit_code, result.stdout) == (0, golden("master-and-backup-80"))


def test_with_a_name_the_detail_is_printed(agent: Agent) -> None:
    result = run("--socket", agent.socket, "internal")
    assert (result.exit_code, result.stdout) == (0, golden("detail-backup-80"))
    assert agent.asked == [StatusRequest(name="internal")]


def test_json_is_the_report_indented(agent: Agent) -> None:
    result = run("--socket", agent.socket, "--json")
    assert result.exit_code == 0
    assert result.stdout.startswith('{\n  "node": "alpha",\n  "version": "0.1.0",\n')
    assert json.loads(result.stdout) == json.loads(msgspec.json.encode(agent.report))


def test_json_has_the_warnings_and_why_a_master_leaves(agent: Agent) -> None:
    agent.report = report(LEAVING, WARNED)
    leaving, warned = json.loads(run("--socket", agent.socket, "--json").stdout)["instances"]
    assert (leaving["leaving"], leaving["warnings"]) == ("stopped", [])
    assert (warned["leaving"], warned["warnings"]) == (None, list(WARNED.warnings))


def test_neither_a_warning_nor_a_handover_is_a_fault(agent: Agent) -> None:
    agent.report = report(LEAVING, WARNED)
    assert run("--socket", agent.socket).exit_code == 0


def test_json_with_a_name_has_that_instance_only(agent: Agent) -> None:
    result = run("--socket", agent.socket, "--json", "internal")
    names = [each["name"] for each in json.loads(result.stdout)["instances"]]
    assert (result.exit_code, names) == (0, ["internal"])


@pytest.mark.parametrize("options", [[], ["--json"], ["web"]])
def test_a_fault_is_exit_code_1(agent: Agent, options: list[str]) -> None:
    agent.report = report(FAULT, INTERNAL)
    assert run("--socket", agent.socket, *options).exit_code == 1


def test_a_fault_elsewhere_does_not_concern_the_instance_that_was_named(agent: Agent) -> None:
    agent.report = report(FAULT, INTERNAL)
    assert run("--socket", agent.socket, "internal").exit_code == 0


def test_an_unknown_name_is_exit_code_2_and_the_way_out(agent: Agent) -> None:
    result = run("--socket", agent.socket, "wbe")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "there is no instance 'wbe' here; did you mean 'web'?\n"


def test_a_name_of_any_bytes_is_only_unknown(agent: Agent) -> None:
    result = run("--socket", agent.socket, "w\udcffb")
    assert (result.exit_code, result.stdout) == (2, "")


def test_what_the_agent_refuses_is_exit_code_2(tmp_path: Path) -> None:
    class Crowded(Agent):
        def answer(self, request: Request, _: Caller, respond: Respond) -> None:  # noqa: ARG002
            respond(ErrorReply(error="64 connections are open already; try again"))

    crowded = Crowded(tmp_path / "control.sock", report())
    with crowded.running():
        result = run("--socket", crowded.socket)
    assert (result.exit_code, result.stderr) == (2, "64 connections are open already; try again\n")


def test_without_an_agent_it_is_exit_code_3_and_how_to_start_one(tmp_path: Path) -> None:
    result = run("--socket", tmp_path / "control.sock")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "systemctl start vipd" in result.stderr
    assert "vipd run" in result.stderr


def test_the_socket_may_come_from_the_environment(agent: Agent) -> None:
    assert run(VIPD_SOCKET=str(agent.socket)).exit_code == 0


def test_the_socket_may_come_from_a_configuration(agent: Agent, tmp_path: Path) -> None:
    config = tmp_path / "vipd.toml"
    config.write_text(
        f'[agent]\ncontrol_socket = "{agent.socket}"\n'
        '[instance.web]\ninterface = "eth0"\nvrid = 51\naddresses = ["192.0.2.100/24"]\n'
    )
    assert run("--config", config).exit_code == 0


def test_the_socket_that_is_named_comes_first(agent: Agent, tmp_path: Path) -> None:
    missing = str(tmp_path / "missing.sock")
    assert run("--socket", agent.socket, VIPD_SOCKET=missing).exit_code == 0


def test_a_configuration_that_was_asked_for_and_is_broken_is_exit_code_2(tmp_path: Path) -> None:
    result = run("--config", tmp_path / "missing.toml")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "does not exist" in result.stderr


def test_a_configuration_on_the_command_line_goes_before_the_environment(
    agent: Agent, tmp_path: Path
) -> None:
    result = run("--config", tmp_path / "missing.toml", VIPD_SOCKET=str(agent.socket))
    assert result.exit_code == 2


@pytest.mark.skipif(DEFAULT_PATH.exists(), reason=f"this machine has a {DEFAULT_PATH}")
def test_without_any_configuration_the_default_socket_is_asked(agent: Agent) -> None:
    assert run(RUNTIME_DIRECTORY=str(agent.socket.parent)).exit_code == 0
    assert run(RUNTIME_DIRECTORY=str(agent.socket.parent / "other")).exit_code == 3


PROGRAM = "from vipd.cli.main import main; main()"


def on_a_terminal(*arguments: str | Path, **environ: str) -> str:
    """Run the command with a terminal of 60 columns for its output."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 60))
    inherited = {k: v for k, v in os.environ.items() if k not in {"NO_COLOR", "COLUMNS"}}
    subprocess.run(
        [sys.executable, "-c", PROGRAM, "status", *map(str, arguments)],
        stdout=theirs,
        env=inherited | environ,
        timeout=LONG,
        check=True,
    )
    os.close(theirs)
    with contextlib.closing(os.fdopen(ours, "rb", buffering=0)) as terminal:
        return b"".join(_until_hung_up(terminal)).decode().replace("\r\n", "\n")


def _until_hung_up(terminal: io.FileIO) -> Iterator[bytes]:
    """What is left on a terminal whose other end is closed: Linux ends it with EIO."""
    with contextlib.suppress(OSError):
        while chunk := terminal.read(65536):
            yield chunk


def test_a_terminal_gets_colours_and_its_own_width(agent: Agent) -> None:
    shown = on_a_terminal("--socket", agent.socket)
    assert shown == render_text(agent.report, width=60, colour=True) + "\n"


def test_no_color_is_honoured_on_a_terminal(agent: Agent) -> None:
    shown = on_a_terminal("--socket", agent.socket, NO_COLOR="1")
    assert shown == render_text(agent.report, width=60, colour=False) + "\n"


def test_only_the_live_view_loads_the_library_for_it(agent: Agent) -> None:
    """Why: it takes longer to import than all the rest."""
    script = "import sys\nfrom vipd.cli.main import cli\ncli(sys.argv[1:], standalone_mode=False)\n"
    told = "import atexit, sys; atexit.register(lambda: print('urwid' in sys.modules))\n"
    done = subprocess.run(
        [sys.executable, "-c", told + script, "status", "--socket", str(agent.socket)],
        capture_output=True,
        text=True,
        timeout=LONG,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "False"


def completions(agent_socket: Path, incomplete: str) -> list[str]:
    shell = ShellComplete(cli, {}, "vipd", "_VIPD_COMPLETE")
    arguments = ["status", "--socket", str(agent_socket)]
    return [item.value for item in shell.get_completions(arguments, incomplete)]


def test_the_shell_completes_the_names_that_the_agent_knows(agent: Agent) -> None:
    assert completions(agent.socket, "") == ["web", "internal"]
    assert completions(agent.socket, "in") == ["internal"]


def test_the_shell_completes_nothing_without_an_agent(tmp_path: Path) -> None:
    assert completions(tmp_path / "control.sock", "") == []
