"""Pressure against its limits, and kernels that tell none."""

from __future__ import annotations

from pathlib import Path

import pytest
from tracked import tracker_config

from vipd.track.load import NO_PRESSURE, LoadCheck
from vipd.track.outcome import Outcome

CPU = "some avg10=12.50 avg60=1.00 avg300=0.00 total=1\nfull avg10=0.00 avg60=0.00 total=0\n"
MEMORY = "some avg10=0.00 avg60=90.00 avg300=0.00 total=1\nfull avg10=77.00 avg60=0.00 total=0\n"


@pytest.fixture
def pressure(tmp_path: Path) -> Path:
    (tmp_path / "cpu").write_text(CPU)
    (tmp_path / "memory").write_text(MEMORY)
    (tmp_path / "io").write_text("")
    return tmp_path


def look(directory: Path, **limits: float) -> Outcome:
    seen: list[Outcome] = []
    options = {f"{name}_some_avg10_max": limit for name, limit in limits.items()}
    config = tracker_config("load", **options)  # type: ignore[arg-type]
    LoadCheck(config, directory).check(seen.append)()
    (outcome,) = seen
    return outcome


def test_within_the_limits(pressure: Path) -> None:
    outcome = look(pressure, cpu=12.5, memory=0)
    assert outcome == Outcome(ok=True, text="pressure: cpu 12.5 %, memory 0 %")


def test_above_a_limit(pressure: Path) -> None:
    outcome = look(pressure, cpu=12.4, memory=50)
    assert outcome == Outcome(ok=False, text="cpu pressure 12.5 % is above 12.4 %")


def test_only_what_has_a_limit_is_read(pressure: Path) -> None:
    assert look(pressure, memory=1).text == "pressure: memory 0 %"


@pytest.mark.parametrize("there", ["nothing", "an empty file", "rubbish"])
def test_a_kernel_that_tells_no_pressure(pressure: Path, there: str) -> None:
    if there == "nothing":
        (pressure / "io").unlink()
    elif there == "rubbish":
        (pressure / "io").write_text("some avg10=much\n")
    assert look(pressure, io=1) == Outcome(ok=False, text=NO_PRESSURE)
