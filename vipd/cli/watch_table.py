"""The table of the live view: instances to choose from, and what there is to say of the chosen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import urwid

from vipd.cli.assessment import Assessment, Judged, Level
from vipd.cli.page import Page
from vipd.cli.render_text import remarks, safe
from vipd.cli.table import GAP, Row, Table
from vipd.cli.watch_text import Text
from vipd.core.model import State

ATTRIBUTES: Final = (*(state.value for state in State), "wrong", "heading", None)
"""What the parts of a row are painted with, unless it is selected."""

MARK: Final = "! "
NO_MARK: Final = "  "

PANEL_ROWS: Final = 8
ROWS_FOR_PANEL: Final = 18
"""What a screen must have for the panel to be worth its place."""


class TableBody(urwid.Pile):
    """The table, and below it a panel about the instance that is selected."""

    def __init__(self, name: str | None) -> None:
        self._heading, self._panel = Text(), Text()
        self._list = _InstanceList(name)
        self._assessment: Assessment | None = None
        self._judged: dict[str, Judged] = {}
        self._page, self._panel_rows = Page(width=0, colour=False), 0
        super().__init__(
            [("pack", self._heading), self._list, ("pack", self._panel)], focus_item=self._list
        )
        self._list.call_when_moved(self._say_more)

    @property
    def chosen(self) -> str | None:
        """The name of the instance that is selected."""
        return self._list.chosen

    def show(self, assessment: Assessment, page: Page, rows: int) -> None:
        """Show these instances on a screen that has so many rows."""
        self._assessment, self._page = assessment, page
        self._panel_rows = PANEL_ROWS if rows >= ROWS_FOR_PANEL else 0
        self._judged = {each.instance.name: each for each in assessment.judged}
        width = page.width - len(NO_MARK)
        table = Table(assessment.worst_first(), assessment.report, width=width, lists=False)
        self._heading.show(page.strong(NO_MARK + table.heading))
        self._list.show(table.rows)
        self._say_more()

    def _say_more(self) -> None:
        """Fill the panel. Why: it is always as high, so that nothing jumps."""
        lines: list[str] = []
        if self._assessment and (judged := self._judged.get(self.chosen or "")):
            rule = f"-- {judged.instance.name} ".ljust(self._page.width, "-")
            lines = [rule, *remarks(judged, self._assessment.report, self._page)]
        lines += [""] * PANEL_ROWS
        self._panel.show(safe("\n".join(lines[: self._panel_rows])))


@dataclass(frozen=True, slots=True)
class _Shown:
    """A row as it is drawn."""

    name: str
    markup: tuple[tuple[str | None, str], ...]


class _Line(urwid.Text):
    """A row that can be selected."""

    _selectable = True

    def __init__(self, shown: _Shown) -> None:
        super().__init__([*shown.markup], wrap="clip")
        self.shown = shown

    def show(self, shown: _Shown) -> None:
        """Say this from now on."""
        if shown != self.shown:
            self.shown = shown
            self.set_text([*shown.markup])

    def keypress(self, size: tuple[()] | tuple[int] | tuple[int, int], key: str) -> str | None:  # noqa: ARG002
        """Leave all keys to the list."""
        return key


class _InstanceList(urwid.ListBox[int]):
    """The rows, one of which is selected: it stays so wherever it goes."""

    def __init__(self, name: str | None) -> None:
        self._rows: urwid.SimpleFocusListWalker[urwid.AttrMap[_Line]]
        self._rows = urwid.SimpleFocusListWalker([])
        self._first = name
        super().__init__(self._rows)

    def call_when_moved(self, moved: Callable[[], None]) -> None:
        """Call this when another row may be selected."""
        urwid.connect_signal(self._rows, "modified", moved)

    @property
    def chosen(self) -> str | None:
        """The name of the selected row; at first, of the one that is to be it."""
        place = self._rows.focus
        return self._first if place is None else self._rows[place].original_widget.shown.name

    def show(self, rows: Iterable[Row]) -> None:
        """Show these rows."""
        chosen = self.chosen
        shown = [_shown(row) for row in rows]
        if len(shown) < len(self._rows):
            del self._rows[len(shown) :]
        for row, new in zip(self._rows, shown, strict=False):
            row.original_widget.show(new)
        if len(shown) > len(self._rows):
            self._rows.extend(_selectable(new) for new in shown[len(self._rows) :])
        self._choose(chosen, [one.name for one in shown])

    def _choose(self, name: str | None, names: Sequence[str]) -> None:
        """Why: one that is gone has left its place to another; at first there is no place."""
        place = names.index(name) if name in names else None if name else 0
        if names and place is not None and place != self._rows.focus:
            self._rows.set_focus(place)


def _shown(row: Row) -> _Shown:
    state = row.judged.instance.state.value
    mark = NO_MARK if row.judged.level is Level.OK else MARK
    return _Shown(
        row.judged.instance.name,
        (
            ("wrong", mark),
            ("heading", row.name + GAP),
            (state, row.state + GAP),
            (None, safe(row.rest)),
        ),
    )


def _selectable(shown: _Shown) -> urwid.AttrMap[_Line]:
    return urwid.AttrMap(_Line(shown), None, dict.fromkeys(ATTRIBUTES, "selected"))
