"""The order book: what survives a restart, what ends by itself, what a damaged file means."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fake_world import FakeLog

from vipd.agent.order import Order, OrderBook
from vipd.control.report import timestamp
from vipd.core.orders import NONE, Orders
from vipd.core.units import SECOND

NOON = 1_767_323_045_000_000_000


class Wall:
    """A wall clock that a test turns."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> int:
        return self.now


def book_in(directory: Path, wall: Wall, log: FakeLog | None = None) -> OrderBook:
    return OrderBook(directory / "lib" / "maintenance.json", wall, log or FakeLog())  # type: ignore[arg-type]


def test_nothing_is_ordered_at_first(tmp_path: Path) -> None:
    book = book_in(tmp_path, Wall())
    book.recall()
    assert book.orders_for("web") == NONE


def test_a_maintenance_survives_the_agent_and_says_why(tmp_path: Path) -> None:
    book_in(tmp_path, Wall()).begin_maintenance("a new kernel", None)
    later = book_in(tmp_path, Wall())
    later.recall()
    assert later.maintenance == Order(since=NOON, reason="a new kernel")
    assert later.orders_for("web") == Orders(maintenance="maintenance: a new kernel")


def test_one_that_is_ended_does_not(tmp_path: Path) -> None:
    book = book_in(tmp_path, Wall())
    book.begin_maintenance(None, None)
    assert book.orders_for("web") == Orders(maintenance="maintenance")
    book.end_maintenance()
    later = book_in(tmp_path, Wall())
    later.recall()
    assert (book.maintenance, later.maintenance) == (None, None)


def test_a_maintenance_for_a_time_ends_by_itself_also_across_a_restart(tmp_path: Path) -> None:
    wall = Wall()
    book_in(tmp_path, wall).begin_maintenance(None, 60 * SECOND)
    wall.now += 59 * SECOND
    book = book_in(tmp_path, wall)
    book.recall()
    assert book.maintenance is not None
    assert not book.expire()
    wall.now += SECOND
    assert book.expire()
    assert book.orders_for("web") == NONE
    assert not book.expire()
    later = book_in(tmp_path, wall)
    later.recall()
    assert later.maintenance is None


def test_one_that_ended_while_no_agent_ran_is_over(tmp_path: Path) -> None:
    wall = Wall()
    book_in(tmp_path, wall).begin_maintenance(None, 60 * SECOND)
    wall.now += 61 * SECOND
    later = book_in(tmp_path, wall)
    later.recall()
    assert later.maintenance is None


@pytest.mark.parametrize(
    "contents",
    [
        *("", "{", "[]", "7"),
        json.dumps({"format": 2, "since": 1, "until": None, "reason": None}),
        json.dumps({"format": 1, "since": "x", "until": None, "reason": None}),
    ],
)
def test_a_file_that_cannot_be_understood_is_a_maintenance_and_says_so(
    tmp_path: Path, contents: str
) -> None:
    file = tmp_path / "lib" / "maintenance.json"
    file.parent.mkdir()
    file.write_text(contents)
    log = FakeLog()
    book = book_in(tmp_path, Wall(), log)
    book.recall()
    assert book.maintenance is not None
    assert book.maintenance.reason == f"{file} cannot be read; `vipd maintenance off` ends it"
    assert len(log.lines) == 1
    book.end_maintenance()
    assert not file.exists()


def test_a_maintenance_that_cannot_be_kept_does_not_begin(tmp_path: Path) -> None:
    (tmp_path / "lib").write_text("in the way")
    book = book_in(tmp_path, Wall())
    with pytest.raises(OSError, match="lib"):
        book.begin_maintenance(None, None)
    assert book.maintenance is None


def test_a_priority_ends_with_its_time_and_with_a_reload(tmp_path: Path) -> None:
    wall = Wall()
    book = book_in(tmp_path, wall)
    book.set_priority(["web", "db"], 30, 10 * SECOND)
    book.set_priority(["dns"], 40, None)
    assert [book.orders_for(name).priority for name in ("web", "db", "dns", "x")] == [
        *(30, 30, 40, None)
    ]
    book.set_priority(["db"], None, None)
    assert book.orders_for("db") == NONE
    wall.now += 10 * SECOND
    assert book.expire()
    assert book.orders_for("web") == NONE
    assert book.orders_for("dns").priority == 40
    book.forget_priorities()
    assert book.orders_for("dns") == NONE


@pytest.mark.parametrize(
    "contents",
    [
        "[" * 4000,
        json.dumps({"format": 1, "since": 10**30, "until": None, "reason": None}),
        json.dumps({"format": 1, "since": 1, "until": 10**30, "reason": None}),
        json.dumps({"format": 1, "since": -(10**30), "until": None, "reason": None}),
    ],
)
def test_a_file_that_no_agent_wrote_ends_no_agent(tmp_path: Path, contents: str) -> None:
    file = tmp_path / "lib" / "maintenance.json"
    file.parent.mkdir()
    file.write_text(contents)
    book = book_in(tmp_path, Wall())
    book.recall()
    assert book.maintenance is not None
    assert timestamp(book.maintenance.since).startswith("2026-")
