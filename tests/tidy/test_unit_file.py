"""The unit file, judged by systemd itself and by what vipd promises."""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from vipd.agent.realtime import KILLED_AFTER, PRIORITY, RUNAWAY_AFTER
from vipd.cli.main import cli
from vipd.core.units import SECOND

UNIT = Path(__file__).parents[2] / "systemd/vipd.service"


@pytest.mark.skipif(
    not shutil.which("systemd-analyze") and os.environ.get("CI") != "true",
    reason="systemd-analyze is missing: apt-get install systemd",
)
def test_systemd_has_nothing_to_say_about_the_unit(tmp_path: Path) -> None:
    """It may exit with 0 for an unknown key: what counts is that it prints nothing."""
    program = Path(sys.executable).with_name("vipd")
    unit = tmp_path / "vipd.service"
    unit.write_text(UNIT.read_text().replace("/usr/bin/vipd", str(program)))
    said = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], check=False, capture_output=True, text=True
    )
    assert (said.returncode, said.stdout + said.stderr) == (0, "")


@pytest.fixture
def service() -> configparser.SectionProxy:
    """What the unit says of its service."""
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(UNIT)
    return parser["Service"]


def test_the_unit_is_supervised_and_restarted(service: configparser.SectionProxy) -> None:
    assert service["Type"] == "notify"
    assert service["Restart"] == "always"
    assert service["RestartSec"] == "100ms"
    assert "WatchdogSec" in service


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


def test_the_unit_permits_real_time_and_no_more(service: configparser.SectionProxy) -> None:
    assert int(service["LimitRTPRIO"]) == PRIORITY
    assert service["LimitMEMLOCK"] == "infinity"
    assert service["CapabilityBoundingSet"].split() == [
        "CAP_NET_ADMIN",
        "CAP_NET_RAW",
        "CAP_SETUID",
        "CAP_SETGID",
        "CAP_KILL",
    ]
    assert "RestrictRealtime" not in service


def test_a_loop_that_runs_away_is_ended_before_the_watchdog_does_it(
    service: configparser.SectionProxy,
) -> None:
    """The watchdog could not say where the loop was."""
    watchdog = int(service["WatchdogSec"].removesuffix("s")) * SECOND
    assert watchdog > RUNAWAY_AFTER + KILLED_AFTER
