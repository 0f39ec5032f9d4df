"""Whether a program can be run, and may be trusted to root: judged over what was seen."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from vipd.program import ROOT, Stats, fault_of, stats_of, trusted_users

DIRECTORY = stat.S_IFDIR
FILE = stat.S_IFREG
FIFO = stat.S_IFIFO


def seen(mode: int, uid: int = 0, gid: int = 0) -> os.stat_result:
    return os.stat_result((mode, 1, 1, 1, uid, gid, 0, 0, 0, 0))


GOOD: Stats = {
    "/": seen(DIRECTORY | 0o755),
    "/etc": seen(DIRECTORY | 0o755),
    "/etc/a": seen(FILE | 0o755),
}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({}, None),
        ({"/etc/a": seen(FILE | 0o100)}, None),
        ({"/etc/a": seen(FILE | 0o775)}, None),
        ({"/etc/a": seen(FILE | 0o644)}, "is not executable"),
        ({"/etc/a": seen(DIRECTORY | 0o755)}, "is a directory"),
        ({"/etc/a": seen(FIFO | 0o755)}, "is not a file"),
        (
            {"/etc/a": seen(FILE | 0o757)},
            "is run as root, but can be written by everybody",
        ),
        (
            {"/etc/a": seen(FILE | 0o775, gid=100)},
            "is run as root, but can be written by group 100",
        ),
        (
            {"/etc/a": seen(FILE | 0o755, uid=1000)},
            "is run as root, but can be written by its owner, user 1000",
        ),
        # An owner who may not write may permit it to himself.
        (
            {"/etc/a": seen(FILE | 0o555, uid=1000)},
            "is run as root, but can be written by its owner, user 1000",
        ),
        (
            {"/etc": seen(DIRECTORY | 0o777)},
            "is run as root, but /etc can be written by everybody",
        ),
        ({"/etc": seen(DIRECTORY | 0o1777)}, None),
        (
            {"/etc": seen(DIRECTORY | 0o1777, uid=1000)},
            "is run as root, but /etc can be written by its owner, user 1000",
        ),
    ],
)
def test_what_root_runs_must_be_roots(change: Stats, fault: str | None) -> None:
    assert fault_of("/etc/a", {**GOOD, **change}, as_root=True) == fault


def test_what_another_user_runs_is_his_own_affair() -> None:
    stats = {**GOOD, "/etc/a": seen(FILE | 0o777, uid=1000)}
    assert fault_of("/etc/a", stats, as_root=False) is None
    assert fault_of("/etc/b", stats, as_root=False) == "does not exist"


def test_a_path_may_be_written_in_several_ways() -> None:
    assert fault_of("/etc//./a", GOOD, as_root=True) is None


def test_who_is_trusted_may_own_it() -> None:
    stats = {**GOOD, "/etc/a": seen(FILE | 0o755, uid=65534)}
    assert fault_of("/etc/a", stats, as_root=True, trusted={0, 65534}) is None


def test_what_is_missing_is_told_from_its_directory() -> None:
    assert fault_of("/etc/b", GOOD, as_root=True) == "does not exist"
    fault = fault_of("/nope/x/b", GOOD, as_root=True)
    assert fault == "cannot be reached: /nope does not exist"


def test_every_directory_on_the_way_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a").touch()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "real" / "a")
    places = stats_of(str(link))
    wanted = {"/", str(tmp_path), str(link), str(tmp_path / "real"), str(tmp_path / "real" / "a")}
    assert wanted <= set(places)


def test_what_does_not_exist_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert str(tmp_path / "none") not in stats_of(str(tmp_path / "none"))
    assert str(tmp_path / "file" / "x") not in stats_of(str(tmp_path / "file" / "x"))


def test_root_is_always_trusted() -> None:
    assert trusted_users() >= ROOT
