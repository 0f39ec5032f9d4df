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
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import click
import msgspec
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner, Result

from vipd.cli.main import cli
from vipd.cli.render_text import render_detail, render_text
from vipd.config.model import DEFAULT_PATH
from vipd.control.access import Caller
from vipd.control.handler import Respond
from vipd.control.messages import ErrorReply, Request, StatusRequest, answer_status
from vipd.control.report import (
    AddressReport,
    AgentReport,
    Counters,
    EffectReport,
    HookReport,
    InstanceReport,
    MasterReport,
    TrackerReport,
)
from vipd.control.server import ControlServer
from vipd.core.model import State

GOLDEN = Path(__file__).parents[2] / "golden" / "status"

LONG = 10.0
"""Units: seconds. What a test waits before it counts as failed; never what it takes."""


def addresses(
    *cidrs: str, held: bool, in_kernel: bool | None = None, interface: str = "eth0"
) -> tuple[AddressReport, ...]:
    present = held if in_kernel is None else in_kernel
    return tuple(
        AddressReport(address=cidr, interface=interface, held=held, in_kernel=present)
        for cidr in cidrs
    )


WEB = InstanceReport(
    name="web",
    interface="eth0",
    vrid=51,
    version=3,
    state=State.MASTER,
    since="2026-01-02T01:02:03.456Z",
    cause="no advert from 192.0.2.11 (last priority 100) for 3.414 s",
    priority=150,
    effective_priority=150,
    master=MasterReport(address="192.0.2.10", priority=150, age_s=0.312),
    advert_interval_s=1.0,
    master_down_interval_s=3.4140625,
    addresses=addresses("192.0.2.100/24", "2001:db8:51::100/64", held=True),
    counters=Counters(
        adverts_sent=14_649,
        adverts_received=12,
        transitions=2,
        dropped={"ttl": 1, "checksum": 21, "vrid": 0},
    ),
)

INTERNAL = InstanceReport(
    name="internal",
    interface="eth1",
    vrid=52,
    version=3,
    state=State.BACKUP,
    since="2026-01-01T22:59:30.000Z",
    cause="started",
    priority=100,
    effective_priority=100,
    master=MasterReport(address="198.51.100.11", priority=150, age_s=0.0052),
    advert_interval_s=0.01,
    master_down_interval_s=0.036094,
    addresses=addresses("198.51.100.1/24", held=False, interface="eth1"),
    counters=Counters(adverts_received=1_465_512, transitions=1),
)


def changed(instance: InstanceReport, **changes: object) -> InstanceReport:
    return msgspec.structs.replace(instance, **changes)


FAULT = changed(
    WEB,
    state=State.FAULT,
    since="2026-01-02T03:03:25.678Z",
    cause="eth0 has no carrier",
    master=MasterReport(address="192.0.2.11", priority=100, age_s=44.25),
    addresses=addresses("192.0.2.100/24", held=False, in_kernel=True),
    counters=Counters(),
)

LEAVING = changed(
    WEB,
    leaving="stopped",
    master=MasterReport(address="192.0.2.11", priority=100, age_s=0.004),
)

WARNED = changed(
    INTERNAL,
    warnings=(
        "198.51.100.1 is alive at 02:00:00:00:00:12, but no adverts: is IP protocol 112 blocked?",
        "adverts from 198.51.100.11 reach eth1, but a firewall of this host drops them",
    ),
)

INIT = changed(
    INTERNAL,
    state=State.INIT,
    since="2026-01-02T03:04:05.678Z",
    cause="not started",
    master=None,
    counters=Counters(),
)


GROUPED = changed(
    WEB,
    effective_priority=130,
    group="edge",
    track=(
        EffectReport(tracker="nginx"),
        EffectReport(tracker="uplink", weight=-20, adds=-20),
        EffectReport(tracker="spare", weight=10),
    ),
    hooks=(
        HookReport(
            moment="before_master",
            program="/etc/vipd/hooks/promote",
            ok=True,
            text="exit 0: OK",
            took_s=0.02,
            at="2026-01-02T01:02:03.400Z",
        ),
        HookReport(
            moment="on_any",
            group="edge",
            program="/etc/vipd/hooks/tell",
            ok=False,
            text="did not end within 10 s",
            took_s=10.0,
            at="2026-01-02T01:02:13.500Z",
        ),
    ),
)

UNHEALTHY = changed(
    FAULT,
    cause="nginx: 3 failures in a row: connection refused",
    addresses=addresses("192.0.2.100/24", held=False),
    track=(EffectReport(tracker="nginx"),),
)

HELD_DOWN = "held down: changed more than 5 times in 1 min; now HTTP 200"
TRACKERS = {
    "good": TrackerReport(
        name="nginx",
        kind="http",
        up=True,
        since="2026-01-02T01:02:00.000Z",
        text="HTTP 200",
        took_s=0.0012,
        next_look_s=0.35,
    ),
    "bad": TrackerReport(
        name="nginx",
        kind="http",
        up=False,
        since="2026-01-02T03:03:25.600Z",
        text="3 failures in a row: connection refused",
        took_s=0.0002,
        next_look_s=0.6604,
    ),
    "uplink": TrackerReport(
        name="uplink", kind="interface", up=False, since="2026-01-02T03:00:00.000Z", text=HELD_DOWN
    ),
    "spare": TrackerReport(
        name="spare",
        kind="file",
        up=False,
        since="2026-01-01T03:04:05.678Z",
        text="/run/spare does not exist",
    ),
}


def tracked(instance: InstanceReport, *names: str) -> AgentReport:
    trackers = tuple(TRACKERS[name] for name in names)
    return msgspec.structs.replace(report(instance), trackers=trackers)


def report(*instances: InstanceReport) -> AgentReport:
    return AgentReport(
        node="alpha",
        version="0.1.0",
        generated_at="2026-01-02T03:04:05.678Z",
        uptime_s=14_675.7,
        instances=instances,
    )


# -- what a person reads ----------------------------------------------------------------------

TABLES: Mapping[str, AgentReport] = {
    "master-and-backup": report(WEB, INTERNAL),
    "fault": report(FAULT, INTERNAL),
    "init": report(INIT),
    "empty": report(),
    "disagreement": report(
        changed(WEB, addresses=addresses("192.0.2.100/24", held=True, in_kernel=False)),
        changed(
            INTERNAL,
            addresses=addresses("198.51.100.1/24", held=False, in_kernel=True, interface="eth1"),
        ),
    ),
    "stalled": report(
        changed(WEB, master=MasterReport(address="192.0.2.10", priority=150, age_s=7.5)),
        changed(INTERNAL, master=MasterReport(address="198.51.100.11", priority=150, age_s=95)),
    ),
    "handing-over": report(
        LEAVING,
        changed(LEAVING, leaving="192.0.2.11 advertises priority 200, ours is 150"),
    ),
    "warnings": report(
        WARNED,
        changed(WEB, warnings=("192.0.2.100 is claimed by 02:00:00:00:00:12 as well",)),
    ),
    "grouped": tracked(GROUPED, "good", "uplink", "spare"),
    "unhealthy": tracked(UNHEALTHY, "bad"),
    "nobody-heard": report(
        changed(WEB, master=None),
        changed(INTERNAL, master=None, effective_priority=50),
        changed(FAULT, master=None),
        changed(FAULT, master=MasterReport(address="fe80::5054:ff:fe12:3456", priority=1, age_s=0)),
    ),
}

DETAILS: Mapping[str, AgentReport] = {
    "detail-master": report(WEB),
    "detail-backup": report(INTERNAL),
    "detail-fault": report(FAULT),
    "detail-init": report(INIT),
    "detail-handing-over": report(LEAVING),
    "detail-warnings": report(WARNED),
    "detail-grouped": tracked(GROUPED, "good", "uplink", "spare"),
    "detail-unhealthy": tracked(UNHEALTHY, "bad"),
}


def golden(name: str) -> str:
    return (GOLDEN / f"{name}.txt").read_text().removesuffix("\n")


@pytest.mark.parametrize("name", TABLES)
def test_the_table_reads_as_written_down(name: str) -> None:
    assert render_text(TABLES[name], width=80, colour=False) == golden(name)


@pytest.mark.parametrize("name", DETAILS)
def test_the_detail_reads_as_written_down(name: str) -> None:
    assert render_detail(DETAILS[name], width=80, colour=False) == golden(name)


def test_every_transcript_belongs_to_a_test() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == {*TABLES, *DETAILS}


@pytest.mark.parametrize("name", [*TABLES, *DETAILS])
def test_ordinary_content_fits_a_terminal(name: str) -> None:
    assert max(map(len, golden(name).splitlines())) <= 80


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("width", [1, 40, 80, 200])
def test_colours_change_no_letter(name: str, width: int) -> None:
    plain = render_text(TABLES[name], width=width, colour=False)
    assert click.unstyle(render_text(TABLES[name], width=width, colour=True)) == plain
    assert "\x1b" not in plain


@pytest.mark.parametrize(
    ("instance", "colour"), [(WEB, "green"), (INTERNAL, "blue"), (FAULT, "red"), (INIT, None)]
)
def test_each_state_has_its_colour(instance: InstanceReport, colour: str | None) -> None:
    cell = click.style(instance.state.value.ljust(6), fg=colour, bold=True)
    assert cell in render_text(report(instance, WEB), width=80, colour=True)
    word = click.style(instance.state.value, fg=colour, bold=True)
    assert word in render_detail(report(instance), width=80, colour=True)


def test_what_is_wrong_is_red() -> None:
    text = render_text(TABLES["disagreement"], width=200, colour=True)
    sentence = "  192.0.2.100/24 should be on eth0 but the kernel does not have it"
    assert click.style(sentence, fg="red") in text


def test_a_tracker_that_is_down_is_red_and_one_that_is_up_is_not_in_the_table() -> None:
    text = render_text(TABLES["unhealthy"], width=200, colour=True)
    (line,) = (line for line in text.splitlines() if "down is FAULT" in line)
    assert line.startswith("\x1b[31m"), line
    assert "HTTP 200" not in render_text(tracked(WEB, "good"), width=200, colour=False)


@pytest.mark.parametrize("render", [render_text, render_detail])
def test_a_warning_is_red(render: Callable[..., str]) -> None:
    text = render(report(WARNED), width=200, colour=True)
    for warning in WARNED.warnings:
        (line,) = (line for line in text.splitlines() if warning in line)
        assert "\x1b[31m" in line, line


@pytest.mark.parametrize(
    ("uptime_s", "text"),
    [
        (0, "up 0s,"),
        (59.9, "up 59s,"),
        (60, "up 1m 0s,"),
        (3599, "up 59m 59s,"),
        (3600, "up 1h 0m,"),
        (86399, "up 23h 59m,"),
        (86400, "up 1d 0h,"),
        (100 * 86400 + 7200, "up 100d 2h,"),
    ],
)
def test_a_length_of_time_has_two_units(uptime_s: float, text: str) -> None:
    old = msgspec.structs.replace(report(WEB), uptime_s=uptime_s)
    assert text in render_text(old, width=80, colour=False).splitlines()[0]


# -- the command ------------------------------------------------------------------------------


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
    agent = Agent(tmp_path / "control.sock", report(WEB, INTERNAL))
    with agent.running():
        yield agent


def run(*arguments: str | Path, **environ: str) -> Result:
    env = {"NO_COLOR": None, "COLUMNS": "80", "VIPD_SOCKET": None} | environ
    return CliRunner(env=env).invoke(cli, ["status", *map(str, arguments)])


def test_the_table_is_printed(agent: Agent) -> None:
    result = run("--socket", agent.socket)
    assert (result.exit_code, result.stdout) == (0, golden("master-and-backup") + "\n")


def test_with_a_name_the_detail_is_printed(agent: Agent) -> None:
    result = run("--socket", agent.socket, "internal")
    assert (result.exit_code, result.stdout) == (0, golden("detail-backup") + "\n")
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


def completions(agent_socket: Path, incomplete: str) -> list[str]:
    shell = ShellComplete(cli, {}, "vipd", "_VIPD_COMPLETE")
    arguments = ["status", "--socket", str(agent_socket)]
    return [item.value for item in shell.get_completions(arguments, incomplete)]


def test_the_shell_completes_the_names_that_the_agent_knows(agent: Agent) -> None:
    assert completions(agent.socket, "") == ["web", "internal"]
    assert completions(agent.socket, "in") == ["internal"]


def test_the_shell_completes_nothing_without_an_agent(tmp_path: Path) -> None:
    assert completions(tmp_path / "control.sock", "") == []
