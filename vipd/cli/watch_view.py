"""The live view: what stands on the screen, and what the keys do.

Theory of operation. There are four scenes: the table, one instance, events, and the help. Each is
a list between a header and a line of keys; what stands in it is the text of `vipd status` and
`vipd events`. With each news the texts are made anew, and a line is touched only if it says
something else: the library draws those lines, each in its place, and nothing else. So nothing
flickers, and a slow connection carries little.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from enum import Enum, auto
from typing import Final, Protocol, TypeAlias, assert_never

import urwid

from vipd.cli.assessment import Assessment, assess
from vipd.cli.page import Page, ago
from vipd.cli.render_detail import detail
from vipd.cli.render_event import EventLines, name_of
from vipd.cli.render_text import headline, safe
from vipd.cli.watch_feed import EVENTS_KEPT, Absence, Events, News, NoEvents
from vipd.cli.watch_table import TableBody
from vipd.cli.watch_text import Lines, Text
from vipd.control.report import AgentReport, EventReport
from vipd.core.model import State

PALETTE: Final = [
    (State.MASTER.value, "dark green,bold", "default", "bold"),
    (State.BACKUP.value, "dark blue,bold", "default", "bold"),
    (State.FAULT.value, "dark red,bold", "default", "bold"),
    (State.INIT.value, "default,bold", "default", "bold"),
    ("wrong", "dark red,bold", "default", "bold"),
    ("heading", "default,bold", "default", "bold"),
    ("selected", "default,standout", "default", "standout"),
]
"""The colours of `vipd.cli.page`, as the library has them."""

KEYS: Final = " q quit   j/k select   enter detail   e events   space pause   ? help"
KEYS_BELOW: Final = " q quit   j/k scroll   esc back   e events   space pause   ? help"
KEYS_PAUSED: Final = " PAUSED: space goes on   q quit"

HELP: Final = """
 up, down, j, k          select an instance; scroll
 page up, page down      the same by pages
 home, end, g, G         the first, the last
 enter, right            everything that is known of the instance
 e                       what happens; from the page of an instance, to it alone
 esc, backspace, left    back
 space                   hold it still, to be read; once more goes on
 ?, h                    this page
 q, Ctrl-C               quit

 ! stands before an instance that is not well; these come first."""

MOVES: Final = {"j": "down", "k": "up", "g": "home", "G": "end"}
"""Keys that mean another, as in vi and less."""

Key: TypeAlias = str | tuple[str, int, int, int]
"""A key by its name, or what a mouse did."""


Screen: TypeAlias = urwid.Frame[TableBody | Lines, Text, Text]


class Scene(Enum):
    """What is shown between the header and the keys."""

    TABLE = auto()
    DETAIL = auto()
    EVENTS = auto()
    HELP = auto()


class Source(Protocol):
    """Where news come from."""

    paused: bool

    def follow(self) -> None:
        """Tell of events, too."""


class View:
    """The screen. `size` tells how many columns and rows it has."""

    def __init__(
        self,
        source: Source,
        *,
        name: str | None,
        colour: bool,
        size: Callable[[], tuple[int, int]],
    ) -> None:
        self._source, self._colour, self._size = source, colour, size
        self._scenes = [Scene.TABLE, *([Scene.DETAIL] if name else [])]
        self._about = name
        self._assessment: Assessment | None = None
        self._absence: Absence | None = None
        self._answered_at: datetime | None = None
        self._events: deque[EventReport] = deque(maxlen=EVENTS_KEPT)
        self._no_events = "No event is known yet."
        self._table = TableBody(name)
        self._lines = {Scene.DETAIL: Lines(), Scene.EVENTS: Lines("space"), Scene.HELP: Lines()}
        self._header, self._keys = Text(), Text()
        self.widget: Screen
        self.widget = urwid.Frame(self._table, header=self._header, footer=self._keys)
        self.refresh()

    # -- news -------------------------------------------------------------------------------

    def tell(self, news: News) -> None:
        """Take in something new, and show it, unless the view is held still."""
        match news:
            case AgentReport():
                self._assessment, self._absence = assess(news), None
                self._answered_at = _now()
            case Absence():
                self._absence = news
            case Events():
                self._events.extend(news.events)
            case NoEvents():
                self._no_events = news.why
            case _:
                assert_never(news)
        if not self._source.paused:
            self.refresh()

    # -- keys -------------------------------------------------------------------------------

    def press(self, keys: list[Key], _: list[int]) -> list[Key]:
        """Do what keys mean. Those that are left move in the list that is shown."""
        left = [key for key in keys if not (isinstance(key, str) and self._does(key))]
        return [MOVES.get(key, key) if isinstance(key, str) else key for key in left]

    def _does(self, key: str) -> bool:
        """Whether it is a key with a meaning of its own."""
        match key:
            case "q" | "Q":
                raise urwid.ExitMainLoop
            case "enter" | "right" if self._scene is Scene.TABLE and self._table.chosen:
                self._about = self._table.chosen
                self._go_to(Scene.DETAIL)
            case "esc" | "backspace" | "left":
                del self._scenes[max(1, len(self._scenes) - 1) :]
            case "e":
                self._source.follow()
                self._go_to(Scene.EVENTS)
            case "?" | "h":
                self._go_to(Scene.HELP)
            case " ":
                self._source.paused = not self._source.paused
            case _:
                # A window that has another size is one of these: the library does the rest.
                self.refresh()
                return False
        self.refresh()
        return True

    @property
    def _scene(self) -> Scene:
        return self._scenes[-1]

    def _go_to(self, scene: Scene) -> None:
        if scene not in self._scenes:
            self._scenes.append(scene)
            self._lines[scene].show(())

    # -- what is shown ------------------------------------------------------------------------

    def refresh(self) -> None:
        """Show what is known, where it says something else than before."""
        columns, rows = self._size()
        page = Page(width=columns, colour=self._colour)
        self._header.show(safe("\n".join(self._heading(page))))
        scene = self._scene
        usual = KEYS if scene is Scene.TABLE else KEYS_BELOW
        self._keys.show(page.strong(KEYS_PAUSED if self._source.paused else usual))
        if scene is not Scene.TABLE:
            self._lines[scene].show(self._texts(scene, page), keeps_end=scene is Scene.EVENTS)
        elif self._assessment:
            self._table.show(self._assessment, page, rows)
        body = self._table if scene is Scene.TABLE else self._lines[scene]
        if self.widget.body is not body:
            self.widget.body = body

    def _heading(self, page: Page) -> Iterator[str]:
        """Whether all is well, or that nobody says so."""
        if self._absence:
            for line in self._absence_lines(self._absence):
                yield from map(page.alarm, page.wrap(line, "", "  "))
        if self._assessment:
            yield from headline(self._assessment, page)
        elif not self._absence:
            yield "asks the agent ..."
        yield ""

    def _absence_lines(self, absence: Absence) -> Iterator[str]:
        why = absence.why.split("\n")
        if self._answered_at:
            since = f"{self._answered_at:%H:%M:%S}, {ago(self._answered_at, _now())}"
            yield f"NO ANSWER since {since}; asks again until there is one."
        yield from why
        if self._assessment:
            yield "This is what it was then:"

    def _texts(self, scene: Scene, page: Page) -> Sequence[str]:
        match scene:
            case Scene.DETAIL:
                return safe(self._detail(page)).split("\n")
            case Scene.EVENTS:
                return self._told(page)
            case _:
                return HELP.split("\n")

    def _detail(self, page: Page) -> str:
        if self._assessment is None:
            return ""
        for judged in self._assessment.judged:
            if judged.instance.name == self._about:
                return detail(judged, self._assessment, page)
        return f"{self._about} is not configured."

    def _told(self, page: Page) -> Sequence[str]:
        """The events, or those of the instance whose page one comes from."""
        name = self._about if Scene.DETAIL in self._scenes else None
        events = [event for event in self._events if name in (None, event.instance)]
        names = max((len(name_of(event)) for event in events), default=0)
        lines = EventLines(names=names, colour=page.colour)
        return [safe(lines.render(event)) for event in events] or [self._no_events]


def _now() -> datetime:
    return datetime.now(UTC).astimezone()
