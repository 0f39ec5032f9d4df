"""The unit file, judged by systemd itself and by what vipd promises."""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

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


def test_the_unit_is_supervised_and_restarted() -> None:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.read(UNIT)
    service = parser["Service"]
    assert service["Type"] == "notify"
    assert service["Restart"] == "always"
    assert "WatchdogSec" in service
    assert "RuntimeDirectory" in service
