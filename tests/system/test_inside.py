"""Runs tests/inside in a host of the lab: the doors to the kernel, in a namespace of their own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from vipd.lab.lab import Lab

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[2]
PLUGINS_TO_DO_WITHOUT = ("cacheprovider", "xdist", "cov", "hypothesispytest")
"""To load them takes longer than most of these tests."""

TIMEOUT_S = 120.0
MODULES = sorted((ROOT / "tests/inside").glob("test_*.py"))


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.stem)
def test_inside_a_namespace(lab: Lab, module: Path) -> None:
    host = lab.add_host("inside", addresses=("192.0.2.11/24", "2001:db8::11/64"))
    without = [word for name in PLUGINS_TO_DO_WITHOUT for word in ("-p", f"no:{name}")]
    pytest_here = [sys.executable, "-m", "pytest", "-q", *without, str(module)]
    done = host.run(
        ["env", "VIPD_INSIDE=1", f"--chdir={ROOT}", *pytest_here],
        check=False,
        timeout_s=TIMEOUT_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
