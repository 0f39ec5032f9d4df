"""What `vagrant/failover` makes of what the client saw: outages, owners, verdicts."""

from __future__ import annotations

import subprocess
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest

FAILOVER = Path(__file__).parents[3] / "vagrant/failover"


@pytest.fixture(scope="module")
def failover() -> ModuleType:
    """The script as a module."""
    loader = SourceFileLoader("vagrant_failover", str(FAILOVER))
    spec = spec_from_loader(loader.name, loader)
    assert spec
    module = module_from_spec(spec)
    sys.modules[loader.name] = module
    loader.exec_module(module)
    return module


def test_a_line_of_the_probe_is_read(failover: ModuleType) -> None:
    assert failover.Sight.read('{"sent": 12.5, "owner": "h1"}') == failover.Sight(12.5, "h1")
    assert failover.Sight.read('{"sent": 12.5, "owner": null}') == failover.Sight(12.5, "")


@pytest.mark.parametrize(
    ("seen", "outage_ms"),
    [
        (["h1", "h1", "h2"], 0),
        (["h1", "", "", "h2"], 3000),
        (["h1", "", "h1", "", "", "", "h2", "h2"], 4000),
        (["h1", "", ""], None),
        (["", "h2"], None),
        (["", ""], None),
        ([], None),
    ],
)
def test_an_outage_is_from_answer_to_answer_where_something_was_lost(
    failover: ModuleType, seen: list[str], outage_ms: float | None
) -> None:
    sights = [failover.Sight(float(second), owner) for second, owner in enumerate(seen)]
    assert failover.outage_ms(sights) == outage_ms


def test_owners_are_told_one_after_the_other(failover: ModuleType) -> None:
    sights = [failover.Sight(0.0, owner) for owner in ("h1", "h1", "", "h1", "h2", "h1")]
    assert failover.owners(sights) == ["h1", "h2", "h1"]


@pytest.mark.parametrize(
    ("seen", "settled"),
    [
        (["h1", "h1", "h2", "h2", "h2"], True),
        (["h1", "h1", "h1", "h2", "h2"], False),
        (["h2", "h2", "h2", "", "h2"], False),
        (["h2", "h2"], False),
        ([], False),
    ],
)
def test_a_step_is_over_when_one_host_alone_has_answered_for_two_seconds(
    failover: ModuleType, seen: list[str], settled: bool
) -> None:
    sights = [failover.Sight(float(second), owner) for second, owner in enumerate(seen)]
    assert failover.settled(sights, "h2") is settled


@pytest.mark.parametrize(
    ("path", "outage_ms", "ok"),
    [
        (["h1", "h2"], 0, True),
        (["h1", "h2"], 4109, True),
        (["h1", "h2"], 4110, False),
        (["h1", "h2"], None, False),
        (["h1", "h2", "h1", "h2"], 0, False),
        (["h1"], 0, False),
        ([], None, False),
    ],
)
def test_a_step_is_good_if_it_was_fast_enough_and_the_right_host_serves(
    failover: ModuleType, path: list[str], outage_ms: float | None, ok: bool
) -> None:
    bound = failover.Bound(3.609, "master_down_interval of h2")
    verdict = failover.Verdict(path, outage_ms, bound, "h2", 500)
    assert verdict.ok is ok


def test_a_verdict_is_one_line(failover: ModuleType) -> None:
    bound = failover.Bound(3.609, "master_down_interval of h2")
    verdict = failover.Verdict(["h1", "h2"], 3507.2, bound, "h2", 500)
    assert str(verdict) == (
        "✓ h1 → h2       outage 3507 ms  allowed 3609 + 500 ms: master_down_interval of h2"
    )


def test_without_machines_it_says_how_to_make_them(tmp_path: Path) -> None:
    said = subprocess.run(
        [FAILOVER],
        check=False,
        capture_output=True,
        text=True,
        env={"VAGRANT_DOTFILE_PATH": str(tmp_path), "PATH": str(Path(sys.executable).parent)},
    )
    assert said.returncode == 2
    assert "vagrant up" in said.stderr


def test_the_machines_of_a_provider_are_found(
    failover: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAGRANT_DOTFILE_PATH", str(tmp_path))
    for name in ("h1", "h2", "client"):
        file = tmp_path / "machines" / name / "libvirt" / "id"
        file.parent.mkdir(parents=True)
        file.write_text(f"id of {name}")
    ids = {"h1": "id of h1", "h2": "id of h2", "client": "id of client"}
    assert failover.running_machines() == ("libvirt", ids)


def test_help_tells_what_is_done_and_the_exit_codes() -> None:
    said = subprocess.run([FAILOVER, "--help"], check=True, capture_output=True, text=True).stdout
    assert "--allowance" in said
    assert "exit code" in said
