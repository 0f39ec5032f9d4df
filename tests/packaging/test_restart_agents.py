"""`debian/restart_agents.py`: how an upgrade of the package restarts what runs."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest
from status_samples import WEB

from vipd.control.report import AgentReport, InstanceReport
from vipd.core.model import State

PROGRAM = Path(__file__).parents[2] / "debian/restart_agents.py"


@pytest.fixture(scope="module")
def agents() -> ModuleType:
    """The program as a module."""
    spec = spec_from_file_location("restart_agents", PROGRAM)
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


# -- what is decided ------------------------------------------------------------------------


def said(*instances: InstanceReport) -> dict[str, Any]:
    """What `vipd status --json` prints of these instances."""
    report = AgentReport(
        node="h1", version="0.1.0", generated_at="", uptime_s=1.0, instances=instances
    )
    told = json.loads(msgspec.json.encode(report))
    assert isinstance(told, dict)
    return told


def leased(left_s: float | None, **changes: object) -> InstanceReport:
    """A MASTER whose addresses stay in the kernel for this long."""
    addresses = tuple(
        msgspec.structs.replace(one, lease_left_s=left_s, in_kernel=True) for one in WEB.addresses
    )
    return msgspec.structs.replace(WEB, addresses=addresses, **changes)


@pytest.mark.parametrize(
    ("instances", "stays"),
    [
        pytest.param((leased(2.4),), True, id="a MASTER with the usual interval"),
        pytest.param((leased(2.4, state=State.BACKUP),), False, id="it serves nothing"),
        pytest.param((leased(2.4, advert_interval_s=0.99),), False, id="it speaks too often"),
        pytest.param((leased(1.4),), False, id="the address would go before it is back"),
        pytest.param((leased(None),), False, id="the address would be removed after its end"),
        pytest.param((leased(2.4, leaving="stopped"),), False, id="it is handing over already"),
        pytest.param((leased(2.4), leased(None)), False, id="one of two could not carry on"),
        pytest.param(
            (leased(2.4), leased(None, state=State.FAULT)), True, id="the other serves nothing"
        ),
        pytest.param((), False, id="no instance"),
    ],
)
def test_an_agent_is_ended_at_once_only_where_the_next_life_can_carry_on(
    agents: ModuleType, instances: tuple[InstanceReport, ...], *, stays: bool
) -> None:
    assert agents.carries_on(said(*instances)) is stays


def test_an_agent_that_does_not_answer_is_ended_in_order(agents: ModuleType) -> None:
    assert agents.carries_on(None) is False


@pytest.mark.parametrize(
    ("command", "config"),
    [
        (("python3", "/usr/bin/vipd", "run", "--config", "/etc/vipd/blue.toml"), "blue"),
        (("python3", "/usr/bin/vipd", "run", "--config=/etc/vipd/blue.toml"), "blue"),
        (("python3", "/usr/bin/vipd", "run"), "vipd"),
        (("python3", "/usr/bin/vipd", "run", "--config"), "vipd"),
        ((), "vipd"),
    ],
)
def test_the_configuration_is_that_which_the_agent_was_started_with(
    agents: ModuleType, command: tuple[str, ...], config: str
) -> None:
    assert agents.config_of(command) == f"/etc/vipd/{config}.toml"


def test_only_the_directories_are_taken_from_the_environment_of_an_agent(
    agents: ModuleType,
) -> None:
    words = ("PATH=/tmp", "RUNTIME_DIRECTORY=/run/vipd-blue", "NOTIFY_SOCKET=/x=y", "odd")
    assert agents.place_of(words) == {"RUNTIME_DIRECTORY": "/run/vipd-blue"}


def test_a_process_that_has_ended_says_nothing(agents: ModuleType) -> None:
    assert agents.words_of("/proc/0/cmdline") == ()


# -- what is done ---------------------------------------------------------------------------

SYSTEMCTL = """#!/bin/sh
echo "systemctl $*" >>{log}
case "$*" in
  list-units*) printf 'vipd.service loaded active running vipd\\n' ;;
  *MainPID*) echo {pid} ;;
esac
"""
VIPD = """#!/bin/sh
echo "vipd $* $RUNTIME_DIRECTORY" >>{log}
case "$1" in
  check) echo 'instance.web: unknown key'; exit {code} ;;
  status) cat {status} ;;
esac
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A host of which all programs are ours, and an agent that is none."""

    place: Path
    agent: int

    @property
    def done(self) -> list[str]:
        """Every command that was run."""
        log = self.place / "log"
        return log.read_text().splitlines() if log.exists() else []

    @property
    def names(self) -> dict[str, str]:
        """Where the programs are."""
        return {name: str(self.place / name) for name in ("systemctl", "vipd", "policy")}

    def provide(self, name: str, text: str, **values: object) -> None:
        """Put a program there."""
        file = self.place / name
        file.write_text(text.format(log=self.place / "log", **values))
        file.chmod(0o755)

    def runs(self, report: Mapping[str, Any], *, valid: bool = True) -> None:
        """Have an agent run that says this, with a configuration that is valid now, or is not."""
        status = self.place / "status.json"
        status.write_text(json.dumps(report))
        self.provide("systemctl", SYSTEMCTL, pid=self.agent)
        self.provide("vipd", VIPD, code=0 if valid else 1, status=status)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """Its agent is a process with the command line and the environment of one."""
    waits = [sys.executable, "-c", "import sys; sys.stdin.read()", "--config", "/etc/x.toml"]
    environment = {"RUNTIME_DIRECTORY": "/run/vipd-x"}
    with subprocess.Popen(waits, env=environment, stdin=subprocess.PIPE) as agent:
        yield Scene(place=tmp_path, agent=agent.pid)
        assert agent.stdin
        agent.stdin.close()


CHECKED = "vipd check --elsewhere /etc/x.toml /run/vipd-x"
ASKED = "vipd status --json --config /etc/x.toml /run/vipd-x"
KILLED = "systemctl kill --kill-who=main --signal=SIGKILL vipd.service"
RESTARTED = "systemctl restart vipd.service"


def orders(scene: Scene) -> list[str]:
    """The commands but for those that only look at systemd."""
    looks = ("systemctl show", "systemctl list-units")
    return [line for line in scene.done if not line.startswith(looks)]


def test_a_master_is_killed_and_started_again(
    agents: ModuleType, scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.runs(said(leased(2.4)))
    agents.main(agents.Host(**scene.names))
    assert orders(scene) == [CHECKED, ASKED, KILLED, RESTARTED]
    assert capsys.readouterr().out == "vipd.service: restarted; its addresses have stayed here\n"


def test_a_backup_is_restarted_in_order(
    agents: ModuleType, scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.runs(said(leased(None, state=State.BACKUP)))
    agents.main(agents.Host(**scene.names))
    assert orders(scene) == [CHECKED, ASKED, RESTARTED]
    assert capsys.readouterr().out == "vipd.service: restarted\n"


def test_what_the_new_version_refuses_is_left_running(
    agents: ModuleType, scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.runs(said(leased(2.4)), valid=False)
    agents.main(agents.Host(**scene.names))
    assert orders(scene) == [CHECKED]
    told = capsys.readouterr().out
    assert "the new version refuses /etc/x.toml, so the old one runs on" in told
    assert "instance.web: unknown key" in told
    assert agents.ITSELF in told


def test_a_policy_that_forbids_it_is_heeded(
    agents: ModuleType, scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.runs(said(leased(2.4)))
    scene.provide("policy", '#!/bin/sh\necho "policy $*" >>{log}\nexit 101\n')
    agents.main(agents.Host(**scene.names))
    assert orders(scene) == ["policy vipd.service restart"]
    assert "forbids to restart it" in capsys.readouterr().out


def test_an_agent_that_does_not_start_again_is_told_of(
    agents: ModuleType, scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.runs(said(leased(2.4)))
    failing = SYSTEMCTL + '[ "$1" != restart ]\n'
    scene.provide("systemctl", failing, pid=scene.agent)
    agents.main(agents.Host(**scene.names))
    assert "vipd.service: does not start again: see `systemctl st" in capsys.readouterr().out


def test_a_host_without_an_agent_is_left_alone(
    agents: ModuleType, scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    agents.main(agents.Host(**scene.names))
    assert scene.done == []
    assert "No agent of vipd runs, and none is started" in capsys.readouterr().out
