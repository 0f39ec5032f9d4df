"""Text in the live view, as `vipd status` writes it.

Why: the library draws a line anew when its widget says that it has changed. One that is to say the
same as before is therefore left alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import urwid

Wrap: TypeAlias = Literal["clip", "space"]


class Text(urwid.ANSIText):
    """A text with the colours of `vipd.cli.page`."""

    def __init__(self, text: str = "", wrap: Wrap = "clip") -> None:
        super().__init__(text, wrap=wrap)
        self._shown = text

    def show(self, text: str) -> None:
        """Say this from now on."""
        if text != self._shown:
            self._shown = text
            self.set_ansi_text(text)


class Lines(urwid.ListBox[int]):
    """Lines to scroll through; those that are too long are cut, or wrapped."""

    def __init__(self, wrap: Wrap = "clip") -> None:
        self._wrap: Wrap = wrap
        self._lines: urwid.SimpleFocusListWalker[Text] = urwid.SimpleFocusListWalker([])
        super().__init__(self._lines)

    def show(self, texts: Sequence[str], *, keeps_end: bool = False) -> None:
        """Show these lines; with `keeps_end`, whoever has looked at the last one still does."""
        at_end = keeps_end and self._lines.focus in (None, len(self._lines) - 1)
        if len(texts) < len(self._lines):
            del self._lines[len(texts) :]
        for line, text in zip(self._lines, texts, strict=False):
            line.show(text)
        if len(texts) > len(self._lines):
            self._lines.extend(Text(text, self._wrap) for text in texts[len(self._lines) :])
        if at_end and texts:
            self._lines.set_focus(len(texts) - 1)
