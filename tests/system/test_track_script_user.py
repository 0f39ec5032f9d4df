"""Scripts as another user, and what root does not run."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from tracked import run_of, tracker_config, tracking

from vipd.core.units import MILLISECOND, SECOND
from vipd.track.outcome import Outcome
from vipd.track.registry import make

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


def looked(*argv: str, timeout: int = 5 * SECOND, **options: str) -> Outcome:
    async def play() -> Outcome:
        config = tracker_config("script", timeout=timeout, argv=argv, **options)  # type: ignore[arg-type]
        async with tracking(make(config)) as reports:
            return await reports.next()

    return asyncio.run(play())


def test_another_user_with_its_groups_and_its_home() -> None:
    outcome = looked(*run_of("echo $(id -un):$(id -gn):$(id -Gn):$HOME:$USER"), user="daemon")
    assert outcome.text.endswith(": daemon:daemon:daemon:/usr/sbin:daemon")


def test_another_group() -> None:
    outcome = looked(*run_of("echo $(id -un):$(id -gn)"), user="daemon", group="mail")
    assert outcome.text.endswith(": daemon:mail")
    outcome = looked(*run_of("echo $(id -un):$(id -gn):$(id -Gn)"), group="mail")
    assert outcome.text.endswith(": root:mail:mail")


def test_rights_are_not_gained_again() -> None:
    outcome = looked(
        *run_of("grep -E 'NoNewPrivs|CapEff' /proc/self/status | xargs"), user="daemon"
    )
    assert outcome.text.endswith(": CapEff: 0000000000000000 NoNewPrivs: 1")


def test_what_cannot_be_run_as_a_user(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    path = closed / "check"
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    outcome = looked(str(path), user="daemon")
    assert not outcome.ok
    assert outcome.text.endswith("Permission denied")
    assert not looked("/bin/true", user="daemon", group="no-such-group").ok


def test_a_script_of_another_user_is_ended_on_a_timeout() -> None:
    outcome = looked(*run_of("echo on it; sleep 60"), user="daemon", timeout=200 * MILLISECOND)
    assert outcome.text == "no end within 200 ms: on it"


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory that every user can get at."""
    with TemporaryDirectory(prefix="vipd-t-", dir="/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.parametrize("fault", ["mode", "owner", "group", "directory", "none", "user"])
def test_root_runs_only_what_is_roots(directory: Path, fault: str) -> None:
    path = directory / "check"
    path.write_text("#!/bin/sh\necho ran\n")
    path.chmod(0o757 if fault == "mode" else 0o775)
    os.chown(path, 1 if fault == "owner" else 0, 1 if fault == "group" else 0)
    if fault == "directory":
        directory.chmod(0o777)
    if fault == "user":
        path.chmod(0o777)
        outcome = looked(str(path), user="daemon")
    else:
        outcome = looked(str(path))
    if fault in ("none", "user"):
        assert outcome.ok, outcome.text
    else:
        reason = {
            "mode": "but can be written by everybody",
            "owner": "but can be written by its owner, user 1",
            "group": "but can be written by group 1",
            "directory": f"but {directory} can be written by everybody",
        }[fault]
        assert (outcome.ok, outcome.text) == (False, f"{path} is run as root, {reason}")


def test_to_name_root_as_the_user_changes_nothing_about_that(tmp_path: Path) -> None:
    path = tmp_path / "check"
    path.write_text("#!/bin/sh\n")
    path.chmod(0o777)
    outcome = looked(str(path), user="root")
    assert not outcome.ok
    assert outcome.text == f"{path} is run as root, but can be written by everybody"
