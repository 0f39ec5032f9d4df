"""The FIFO: nobody has to read it, and nothing else is ever written to."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from fake_world import World

from vipd.agent.hook_fifo import Fifo
from vipd.agent.throttle import Throttle

LINE = 'INSTANCE "web" MASTER 150\n'


@pytest.fixture
def world() -> World:
    return World()


def open_fifo(path: Path, world: World) -> Fifo:
    return Fifo(str(path), Throttle(world.log, world.clock))  # type: ignore[arg-type]


def read_from(path: Path) -> str:
    """What a reader that comes now gets."""
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        return os.read(reader, 1 << 20).decode()
    except BlockingIOError:
        return ""
    finally:
        os.close(reader)


def test_a_fifo_is_made_and_its_lines_wait_for_a_reader(tmp_path: Path, world: World) -> None:
    path = tmp_path / "fifo"
    fifo = open_fifo(path, world)
    mode = path.stat().st_mode
    assert stat.S_ISFIFO(mode)
    assert stat.S_IMODE(mode) == 0o600
    fifo.write(LINE)
    fifo.write(LINE)
    assert read_from(path) == 2 * LINE
    fifo.close()
    fifo.close()
    assert path.exists()
    assert world.log.lines == []


def test_a_fifo_that_is_there_is_used_as_it_is(tmp_path: Path, world: World) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path, 0o620)
    path.chmod(0o620)
    fifo = open_fifo(path, world)
    fifo.write(LINE)
    assert read_from(path) == LINE
    assert stat.S_IMODE(path.stat().st_mode) == 0o620
    fifo.close()


def test_a_reader_that_does_not_read_costs_lines_and_nothing_else(
    tmp_path: Path, world: World
) -> None:
    path = tmp_path / "fifo"
    fifo = open_fifo(path, world)
    for _ in range(5_000):
        fifo.write(LINE)
    text = read_from(path)
    kept = text.count("\n")
    assert text == kept * LINE, "no line is cut"
    assert kept > 1_000
    assert fifo.dropped == 5_000 - kept
    assert len(world.log.lines) == 1
    fifo.write(LINE)
    assert read_from(path) == LINE
    fifo.close()


def test_a_fifo_that_was_removed_is_made_again(tmp_path: Path, world: World) -> None:
    path = tmp_path / "fifo"
    fifo = open_fifo(path, world)
    path.unlink()
    fifo.write(LINE)
    assert read_from(path) == LINE
    fifo.close()


@pytest.mark.parametrize("kind", ["file", "link to a file", "link to a fifo"])
def test_what_is_no_fifo_is_left_alone(kind: str, tmp_path: Path, world: World) -> None:
    path, other = tmp_path / "fifo", tmp_path / "other"
    if kind == "file":
        path.write_text("precious")
    else:
        path.symlink_to(other)
    if kind == "link to a fifo":
        os.mkfifo(other)
    elif kind == "link to a file":
        other.write_text("precious")
    fifo = open_fifo(path, world)
    fifo.write(LINE)
    assert fifo.dropped == 1
    assert world.log.lines == [
        ("cannot write to the FIFO", {"fifo": str(path), "error": "it is no FIFO"})
    ]
    if other.is_fifo():
        assert read_from(other) == ""
    else:
        assert path.read_text() == "precious"
    fifo.close()


def test_a_directory_that_is_missing_costs_lines_until_it_is_there(
    tmp_path: Path, world: World
) -> None:
    path = tmp_path / "later" / "fifo"
    fifo = open_fifo(path, world)
    fifo.write(LINE)
    assert fifo.dropped == 1
    path.parent.mkdir()
    fifo.write(LINE)
    assert read_from(path) == LINE
    fifo.close()
