"""The registry: each kind is there, and is loaded only when it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest
from tracked import tracker_config

from vipd.config.track_schema import TRACKERS
from vipd.track.registry import KINDS, make

OPTIONS: dict[str, dict[str, object]] = {
    "script": {"argv": ("/bin/true",)},
    "process": {"executable": "/usr/sbin/nginx"},
    "file": {"path": "/run/drain", "present": "down", "number": False},
    "load": {"cpu_some_avg10_max": 50.0},
    "disk": {"path": "/"},
    "interface": {"interface": "eth1"},
    "route": {"destination": "::/0"},
}


@pytest.mark.parametrize("kind", OPTIONS)
def test_a_tracker_that_was_never_started_can_be_stopped(kind: str) -> None:
    tracker = make(tracker_config(kind, **OPTIONS[kind]))  # type: ignore[arg-type]
    tracker.stop()
    tracker.stop()


def test_the_kinds_that_stand_in_the_configuration() -> None:
    assert set(KINDS) == set(TRACKERS)


def test_what_is_not_used_is_not_loaded() -> None:
    script = "import sys, vipd.track.registry; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    loaded = {name for name in done.stdout.split() if name.startswith("vipd.track.")}
    assert loaded == {"vipd.track.registry", "vipd.track.outcome"}
    assert "ssl" not in done.stdout.split()
