"""The live view without a terminal: what stands on the screen, what keys do, where news come from.

`VIPD_GOLDEN=write pytest tests/unit/cli/test_cli_watch.py` writes tests/golden/watch anew.
"""

from __future__ import annotations

import os
import re
import select
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import urwid
from made_agent import MadeAgent, transition
from past_agent import in_zone
from status_samples import FAULT, LONELY, SERVED, STANDBY, TABLES, changed, many, report
from urwid.testing import render_runs, render_text

from vipd.cli.watch_feed import (
    EVERY_S,
    LOOKS_AGAIN_S,
    Absence,
    Events,
    Feed,
    Mailbox,
    News,
    NoEvents,
)
from vipd.cli.watch_view import View
from vipd.control.report import AgentReport, EventReport
from vipd.core.model import State

GOLDEN = Path(__file__).parents[2] / "golden" / "watch"
LONG_S = 10.0


@pytest.fixture(autouse=True)
def utc() -> Iterator[None]:
    """A person whose clock shows UTC."""
    with in_zone("UTC"):
        yield


@dataclass
class Source:
    """Where no news come from."""

    paused: bool = False
    followed: int = 0

    def follow(self) -> None:
        self.followed += 1


@dataclass
class Seat:
    """A person before a screen."""

    name: str | None = None
    colour: bool = False
    size: tuple[int, int] = (80, 24)
    source: Source = field(default_factory=Source)

    def __post_init__(self) -> None:
        self.view = View(self.source, name=self.name, colour=self.colour, size=lambda: self.size)

    def see(self) -> list[str]:
        return render_text(self.view.widget, self.size, focus=True)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.see()
            for left in self.view.press([key], []):
                assert isinstance(left, str)
                self.view.widget.keypress(self.size, left)

    def tell(self, *news: News) -> Seat:
        for one in news:
            self.view.tell(one)
        return self

    @property
    def panel(self) -> str:
        """Whom the panel is about."""
        (rule,) = (line for line in self.see() if line.startswith("-- "))
        return rule.split()[1]


def happened(seq: int, name: str) -> EventReport:
    return EventReport(
        seq=seq,
        at=f"2026-01-02T03:{seq:02}:07.125Z",
        kind="transition",
        code="master_silent",
        text="no advert from 192.0.2.11 for 3.414 s",
        instance=name,
        old=State.BACKUP,
        new=State.MASTER,
    )


EVENTS = Events([happened(seq, "web" if seq % 2 else "internal") for seq in range(1, 41)])
WELL = TABLES["master-and-backup"]


# -- what stands there --------------------------------------------------------------------------


def compare(name: str, lines: list[str]) -> None:
    """Compare a screen with what it was, or write it anew if that is asked for."""
    text = "".join(f"{line.rstrip()}\n" for line in lines)
    file = GOLDEN / f"{name}.txt"
    if os.environ.get("VIPD_GOLDEN") == "write":
        file.write_text(text)
    assert text == file.read_text()


SCREENS: dict[str, Callable[[Seat], None]] = {
    "table": lambda seat: seat.press("j"),
    "detail": lambda seat: seat.press("enter"),
    "events": lambda seat: seat.press("e"),
    "events-of-one": lambda seat: seat.press("enter", "e", "g"),
    "help": lambda seat: seat.press("?"),
    "paused": lambda seat: seat.press(" "),
}


@pytest.mark.parametrize("name", SCREENS)
@pytest.mark.parametrize("size", [(80, 24), (120, 30)])
def test_a_screen_reads_as_written_down(name: str, size: tuple[int, int]) -> None:
    seat = Seat(size=size).tell(many() if name == "table" else WELL, EVENTS)
    SCREENS[name](seat)
    compare(f"{name}-{size[0]}", seat.see())


def test_every_screen_belongs_to_a_test() -> None:
    expected = {f"{name}-{columns}" for name in SCREENS for columns in (80, 120)}
    assert {path.stem for path in GOLDEN.iterdir()} == expected


def test_before_the_first_answer_it_says_that_it_asks() -> None:
    assert Seat().see()[0].rstrip() == "asks the agent ..."


def test_an_agent_that_is_away_is_said_first_and_what_it_was_then_below() -> None:
    why = "no vipd agent answers on /run/x: nobody listens.\nStart one."
    lines = [line.rstrip() for line in Seat().tell(WELL, Absence(why)).see()]
    assert re.fullmatch(
        r"NO ANSWER since \d\d:\d\d:\d\d, just now; asks again until there is one.", lines[0]
    )
    assert lines[1:4] == [*why.split("\n"), "This is what it was then:"]
    assert lines[4].startswith("All is well")
    assert any(line.startswith("  internal  BACKUP") for line in lines)


def test_one_that_was_never_there_is_said_to_be_away() -> None:
    lines = Seat().tell(Absence("nobody listens.")).see()
    assert lines[0].rstrip() == "nobody listens."
    assert "This is what" not in "".join(lines)


def test_one_that_comes_back_is_not_away() -> None:
    seat = Seat().tell(WELL, Absence("nobody listens."), WELL)
    assert seat.see()[0].startswith("All is well")


def test_the_colours_are_those_of_the_text_or_none() -> None:
    def styles(colour: bool) -> set[str]:
        runs = render_runs(Seat(colour=colour).tell(WELL).view.widget, (80, 24), focus=True)
        return {str(style) for row in runs for style, _ in row if style is not None}

    assert styles(colour=False) <= {"BACKUP", "MASTER", "wrong", "heading", "selected"}
    assert any("dark green" in style for style in styles(colour=True))


def test_no_terminal_obeys_what_others_have_written() -> None:
    wicked = changed(FAULT, cause="down\x1b[2J\x07")
    seat = Seat(name="web", colour=True).tell(report(wicked))
    assert any("down?[2J?" in line for line in seat.see())
    assert all(line.isprintable() for line in seat.see())


@pytest.mark.parametrize("size", [(1, 1), (10, 3), (20, 6), (300, 100)])
@pytest.mark.parametrize("screen", SCREENS)
def test_no_size_is_too_small(screen: str, size: tuple[int, int]) -> None:
    seat = Seat(size=size).tell(many(), EVENTS, Absence("nobody listens."))
    SCREENS[screen](seat)
    assert [len(line) for line in seat.see()] == [size[0]] * size[1]


def test_a_window_of_another_size_is_filled() -> None:
    seat = Seat().tell(WELL)
    seat.size = (120, 30)
    assert seat.view.press(["window resize"], []) == ["window resize"]
    assert any("PRIORITY" in line for line in seat.see())


def test_what_has_not_changed_is_not_drawn_again() -> None:
    seat = Seat(colour=True).tell(many())
    seat.see()
    before = seat.view.widget.render(seat.size, focus=True)
    seat.tell(many())
    assert seat.view.widget.render(seat.size, focus=True) is before


# -- keys -------------------------------------------------------------------------------------


def test_the_first_instance_is_selected_then_the_next() -> None:
    seat = Seat().tell(WELL)
    assert seat.panel == "web"
    seat.press("j")
    assert seat.panel == "internal"
    seat.press("k")
    assert seat.panel == "web"
    seat.press("G")
    assert seat.panel == "internal"
    seat.press("g")
    assert seat.panel == "web"


def test_who_is_selected_stays_so_wherever_the_row_goes() -> None:
    seat = Seat().tell(WELL)
    seat.press("down")
    ill = changed(STANDBY, warnings=("a firewall drops adverts",))
    seat.tell(report(SERVED, ill))
    assert seat.panel == "internal"
    seat.tell(report(changed(LONELY, name="api"), changed(FAULT, name="dns"), SERVED, STANDBY))
    assert seat.panel == "internal"


def test_who_is_gone_leaves_the_place_to_another() -> None:
    seat = Seat().tell(WELL)
    seat.press("down")
    assert seat.tell(report(SERVED)).panel == "web"
    assert "NAME" in "".join(seat.tell(report()).see())


def test_the_page_of_an_instance_stays_its_own() -> None:
    seat = Seat().tell(WELL)
    seat.press("down", "enter")
    assert "internal on eth1" in seat.see()[3]
    assert "internal is not configured." in seat.tell(report(SERVED)).see()[3]
    seat.press("esc")
    assert seat.panel == "web"


def test_it_may_begin_with_the_page_of_an_instance() -> None:
    seat = Seat(name="internal").tell(WELL)
    assert "internal on eth1" in seat.see()[3]
    seat.press("backspace", "esc", "esc")
    assert seat.panel == "internal"


def test_without_an_instance_there_is_no_page() -> None:
    seat = Seat().tell(report())
    seat.press("enter")
    assert "NAME" in "".join(seat.see())


def test_events_are_asked_for_and_the_last_one_is_in_sight() -> None:
    seat = Seat().tell(WELL, EVENTS)
    assert seat.source.followed == 0
    seat.press("e")
    assert seat.source.followed == 1
    assert "03:40:07.125" in "".join(seat.see()[-3:])
    seat.tell(Events([happened(41, "web")]))
    assert "03:41:07.125" in "".join(seat.see()[-3:])


def test_whoever_reads_an_old_event_goes_on_reading_it() -> None:
    seat = Seat().tell(WELL, EVENTS)
    seat.press("e", "g")
    before = seat.see()
    seat.tell(Events([happened(41, "web")]))
    assert seat.see() == before
    assert "03:01:07.125" in before[3]


def test_an_agent_that_tells_no_events_says_why() -> None:
    seat = Seat().tell(WELL, NoEvents("this agent does not do that"))
    seat.press("e")
    assert seat.see()[3].rstrip() == "this agent does not do that"


def test_space_holds_it_still_until_the_next() -> None:
    seat = Seat().tell(WELL)
    seat.press(" ")
    assert seat.source.paused
    before = seat.see()
    seat.tell(report(FAULT))
    assert seat.see() == before
    assert "PAUSED" in before[-1]
    seat.press(" ")
    assert seat.see()[0].startswith("CRITICAL")


@pytest.mark.parametrize("key", ["q", "Q"])
def test_q_quits(key: str) -> None:
    with pytest.raises(urwid.ExitMainLoop):
        Seat().view.press([key], [])


def test_a_mouse_does_nothing() -> None:
    click = ("mouse press", 1, 0, 0)
    assert Seat().view.press([click], []) == [click]


# -- how much it costs --------------------------------------------------------------------------


def test_255_instances_take_little_time() -> None:
    """Of the processor: 10 ms at ten looks in a second are a tenth of one."""
    numbers = range(1, 256)
    shown = [
        report(*(changed(SERVED, name=f"vip-{n:03}") for n in numbers), uptime_s=60.0 * look)
        for look in range(10)
    ]
    seat = Seat(colour=True).tell(shown[0])
    seat.see()
    began = time.process_time()
    for one in shown:
        seat.tell(one)
        seat.view.widget.render(seat.size, focus=True)
    assert (time.process_time() - began) / len(shown) < 0.060


# -- the feed ---------------------------------------------------------------------------------


@contextmanager
def feed_of(agent: MadeAgent) -> Iterator[tuple[Feed, Mailbox]]:
    mailbox = Mailbox()
    feed = Feed(agent.socket, mailbox)
    try:
        yield feed, mailbox
    finally:
        feed.stop()
        mailbox.close()


def joined() -> None:
    """Wait for the threads of feeds: they end when nobody answers any more."""
    for thread in threading.enumerate():
        if thread.name in ("status", "events"):
            thread.join(LONG_S)
            assert not thread.is_alive()


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[MadeAgent]:
    yield MadeAgent(tmp_path / "control.sock")
    joined()


def received(mailbox: Mailbox, count: int) -> list[News]:
    """Take out so many."""
    news: list[News] = []
    deadline = time.monotonic() + LONG_S
    while len(news) < count:
        assert select.select([mailbox], [], [], max(0, deadline - time.monotonic()))[0], news
        news += mailbox.take()
    return news


def test_it_asks_again_and_again(agent: MadeAgent) -> None:
    with agent.running(), feed_of(agent) as (feed, mailbox):
        feed.start()
        assert all(isinstance(one, AgentReport) for one in received(mailbox, 3))


def test_nothing_is_asked_until_the_answer_is_taken(agent: MadeAgent) -> None:
    with agent.running(), feed_of(agent) as (feed, mailbox):
        assert feed.look() >= EVERY_S
        assert feed.look() == EVERY_S
        assert agent.asked == 1
        (_,) = mailbox.take()
        feed.look()
        assert agent.asked == 2


def test_nothing_is_asked_while_it_is_held_still(agent: MadeAgent) -> None:
    with agent.running(), feed_of(agent) as (feed, _):
        feed.paused = True
        assert (feed.look(), agent.asked) == (EVERY_S, 0)
        feed.paused = False
        feed.look()
        assert agent.asked == 1


def test_who_is_away_is_asked_less_often(agent: MadeAgent) -> None:
    with feed_of(agent) as (feed, _):
        assert feed.look() == LOOKS_AGAIN_S


def test_news_for_nobody_are_dropped(agent: MadeAgent) -> None:
    with agent.running(), feed_of(agent) as (feed, mailbox):
        mailbox.close()
        feed.look()
        assert agent.asked == 1


def test_who_is_away_is_asked_until_it_is_back(agent: MadeAgent) -> None:
    with feed_of(agent) as (feed, mailbox):
        feed.start()
        (away,) = received(mailbox, 1)
        assert isinstance(away, Absence)
        assert "there is no such socket" in away.why
        with agent.running():
            last: News = away
            while isinstance(last, Absence):
                (*_, last) = received(mailbox, 1)
            assert isinstance(last, AgentReport)


def test_events_are_told_from_the_past_into_the_future(agent: MadeAgent) -> None:
    agent.events = [transition(seq, "web", State.BACKUP, State.MASTER, 9, "x") for seq in (1, 2)]
    with agent.running(), feed_of(agent) as (feed, mailbox):
        feed.follow()
        feed.follow()
        (past,) = received(mailbox, 1)
        assert isinstance(past, Events)
        assert [event.seq for event in past.events] == [1, 2]
        deadline = time.monotonic() + LONG_S
        while not agent.followers and time.monotonic() < deadline:
            select.select([], [], [], 0.01)
        agent.happen(transition(3, "web", State.MASTER, State.BACKUP, 0, "y"))
        (now,) = received(mailbox, 1)
        assert isinstance(now, Events)
        assert [event.seq for event in now.events] == [3]


def test_an_agent_that_tells_no_events_is_told(agent: MadeAgent) -> None:
    agent.tells_events = False
    with agent.running(), feed_of(agent) as (feed, mailbox):
        feed.follow()
        (none,) = received(mailbox, 1)
        assert none == NoEvents("this agent does not do that")
