"""An event as a person reads it: one line, however long, so that it can be searched."""

from __future__ import annotations

from typing import Final

from vipd.cli.page import Page, local
from vipd.control.report import EventReport

GAP: Final = "  "
NOBODY: Final = "-"
WHAT_WIDTH: Final = len("BACKUP -> MASTER")

UNEXPECTED: Final = "incident"
"""The kind that a person looks for."""


class EventLines:
    """Writes events below each other; the column of the names grows when a longer one comes."""

    def __init__(self, *, names: int, colour: bool) -> None:
        self._page = Page(width=0, colour=colour)
        self._names = names

    def render(self, event: EventReport) -> str:
        """Write one."""
        name = name_of(event)
        self._names = max(self._names, len(name))
        at = local(event.at)
        when = f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03}"
        return GAP.join((when, name.ljust(self._names), self._what(event), event.text))

    def _what(self, event: EventReport) -> str:
        if event.new is None:
            kind = event.kind.ljust(WHAT_WIDTH)
            return self._page.alarm(kind) if event.kind == UNEXPECTED else kind
        passage = f"{event.old.value if event.old else '?'} -> "
        new = event.new.value.ljust(WHAT_WIDTH - len(passage))
        return passage + self._page.state(new, event.new)


def name_of(event: EventReport) -> str:
    """Whose event it is."""
    return event.instance or NOBODY
