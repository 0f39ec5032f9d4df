"""The unit files, judged by systemd itself and by what vipd promises."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from vipd.agent.realtime import KILLED_AFTER, PRIORITY, RUNAWAY_AFTER
from vipd.cli.main import cli
from vipd.core.units import SECOND

SYSTEMD = Path(__file__).parents[2] / "systemd"
UNIT = SYSTEMD / "vipd.service"
TEMPLATE = SYSTEMD / "vipd@.service"
DROP_INS = sorted((SYSTEMD / "dropins").iterdir())

MOST_EXPOSED = 2.0
"""What `systemd-analyze security` may give it, of 10."""

needs_systemd = pytest.mark.skipif(
    not shutil.which("systemd-analyze") and os.environ.get("CI") != "true",
    reason="systemd-analyze is missing: apt-get install systemd",
)


def placed(unit: Path, place: Path) -> Path:
    """A copy that starts a program that there is: systemd looks for it."""
    program = Path(sys.executable).with_name("vipd")
    place.mkdir(exist_ok=True)
    copy = place / unit.name
    copy.write_text(unit.read_text().replace("/usr/bin/vipd", str(program)))
    return copy


def verified(unit: Path) -> tuple[int, str]:
    """What systemd says. It may exit with 0 for an unknown key: that it is silent counts."""
    done = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], check=False, capture_output=True, text=True
    )
    return done.returncode, done.stdout + done.stderr


@needs_systemd
@pytest.mark.parametrize("unit", [UNIT, TEMPLATE], ids=lambda unit: unit.name)
def test_systemd_has_nothing_to_say_about_a_unit(unit: Path, tmp_path: Path) -> None:
    assert verified(placed(unit, tmp_path)) == (0, "")


@needs_systemd
@pytest.mark.parametrize("drop_in", DROP_INS, ids=lambda drop_in: drop_in.name)
def test_systemd_has_nothing_to_say_about_a_drop_in(drop_in: Path, tmp_path: Path) -> None:
    unit = placed(UNIT, tmp_path)
    folder = tmp_path / "vipd.service.d"
    folder.mkdir()
    shutil.copy(drop_in, folder)
    assert verified(unit) == (0, "")
    (folder / drop_in.name).write_text("[Service]\nNonsense=yes\n")
    assert "Nonsense" in verified(unit)[1], "the drop-in was not read"


@needs_systemd
@pytest.mark.parametrize("unit", [UNIT, TEMPLATE], ids=lambda unit: unit.name)
def test_the_sandbox_is_tight(
    unit: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    limit, copy = f"--threshold={MOST_EXPOSED * 10:.0f}", placed(unit, tmp_path)
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--no-pager", limit, str(copy)],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "SYSTEMD_COLORS": "0"},
    )
    (score,) = re.findall(r"Overall exposure level for .*: ([0-9.]+)", done.stdout)
    with capsys.disabled():
        sys.stdout.write(f"\n{unit.name}: exposed {score} of 10, at most {MOST_EXPOSED}\n")
    assert float(score) <= MOST_EXPOSED, done.stdout
    assert done.returncode == 0


@pytest.fixture
def service() -> configparser.SectionProxy:
    """What the unit says of its service."""
    return service_of(UNIT)


def service_of(unit: Path) -> configparser.SectionProxy:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(unit)
    return parser["Service"]


def directives(unit: Path) -> list[str]:
    """Its lines without the comments, in their order."""
    return [line for line in unit.read_text().splitlines() if line and line[0] != "#"]


def test_the_template_is_the_unit_in_a_network_namespace() -> None:
    """Two agents of one namespace would take each other's addresses for left behind."""
    expected = []
    for line in directives(UNIT):
        named = line.replace("/vipd.toml", "/%i.toml").replace(
            "Directory=vipd", "Directory=vipd-%i"
        )
        expected.append(named.replace("RestartSec=100ms", "RestartSec=1s"))
        if line == "[Service]":
            expected.append("NetworkNamespacePath=/run/netns/%i")
    mine = [line for line in directives(TEMPLATE) if not line.startswith("Description=")]
    assert mine == [line for line in expected if not line.startswith("Description=")]


def test_every_setting_of_a_drop_in_can_be_read_about() -> None:
    for drop_in in DROP_INS:
        assert drop_in.read_text().startswith("# "), f"{drop_in.name} does not say what it is for"
        assert "[Service]" in drop_in.read_text().splitlines()


def test_the_unit_is_supervised_and_restarted(service: configparser.SectionProxy) -> None:
    assert service["Type"] == "notify"
    assert service["Restart"] == "always"
    assert service["RestartSec"] == "100ms"
    assert "WatchdogSec" in service


def test_what_no_restart_mends_is_not_tried_again(service: configparser.SectionProxy) -> None:
    assert service["RestartPreventExitStatus"] == str(os.EX_CONFIG)


def test_a_restart_finds_what_the_last_life_has_written(
    service: configparser.SectionProxy,
) -> None:
    assert service["RuntimeDirectory"] == "vipd"
    assert service["RuntimeDirectoryPreserve"] == "yes"
    assert service["StateDirectory"] == "vipd"


@pytest.mark.parametrize("key", ["ExecStart", "ExecReload", "ExecStopPost"])
def test_the_commands_of_the_unit_are_commands_of_vipd(
    service: configparser.SectionProxy, key: str
) -> None:
    program, *arguments = service[key].lstrip("-").split()
    assert program == "/usr/bin/vipd"
    assert CliRunner().invoke(cli, [*arguments, "--help"]).exit_code == 0


def test_a_reload_that_is_refused_fails(service: configparser.SectionProxy) -> None:
    """A signal would not tell; nor would the agent hear of a file that the command cannot read."""
    assert service["ExecReload"] == "/usr/bin/vipd reload"


def test_what_is_left_is_removed_but_for_what_the_next_life_may_take_over(
    service: configparser.SectionProxy,
) -> None:
    """A cleanup that fails does not make a service fail that has ended well."""
    assert service["ExecStopPost"].startswith("-/usr/bin/vipd cleanup --keep-leased ")


def test_the_unit_grants_real_time_and_two_capabilities(
    service: configparser.SectionProxy,
) -> None:
    """For the loop alone: what it starts is ordinary."""
    assert service["CPUSchedulingPolicy"] == "rr"
    assert int(service["CPUSchedulingPriority"]) == PRIORITY
    assert service["CPUSchedulingResetOnFork"] == "yes"
    assert service["LimitMEMLOCK"] == "infinity"
    assert service["User"] == service["Group"] == "vipd"
    assert service["CapabilityBoundingSet"] == service["AmbientCapabilities"]
    assert service["AmbientCapabilities"].split() == ["CAP_NET_ADMIN", "CAP_NET_RAW"]


def test_the_settings_of_the_network_can_be_written(service: configparser.SectionProxy) -> None:
    """virtual_mac needs them; without this line its claims are refused."""
    assert service["ReadWritePaths"] == "/proc/sys/net"


def test_the_processes_of_others_can_be_seen(service: configparser.SectionProxy) -> None:
    """Trackers of programs need them, and so does every script that asks pidof(1)."""
    assert not {"ProtectProc", "ProcSubset", "PrivateUsers"} & set(service)


def test_a_loop_that_runs_away_is_ended_before_the_watchdog_does_it(
    service: configparser.SectionProxy,
) -> None:
    """The watchdog could not say where the loop was."""
    watchdog = int(service["WatchdogSec"].removesuffix("s")) * SECOND
    assert watchdog > RUNAWAY_AFTER + KILLED_AFTER
