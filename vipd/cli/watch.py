"""`vipd status --watch`: the status on the whole screen, live, with keys."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import closing
from pathlib import Path
from types import FrameType
from typing import Final

import urwid

from vipd.cli.reach import Verdict, fail
from vipd.cli.watch_feed import Feed, Mailbox
from vipd.cli.watch_view import PALETTE, View
from vipd.control.client import NoAgent, ask
from vipd.control.messages import ErrorReply, StatusRequest

SIGNAL_EXIT: Final = 128
"""What shells add to the number of the signal that ended a program."""


def watch(place: Path, name: str | None, *, colour: bool) -> None:
    """Show the agent that answers there until q is pressed; at first an instance, if one is named.

    An agent that is away is waited for.
    """
    if problem := _terminal_problem():
        way_out = "Without --watch, `vipd status` needs none, nor does `vipd events --follow`."
        fail(f"--watch needs a terminal, but {problem}.\n{way_out}", Verdict.REFUSED)
    if name is not None:
        _require(place, name)
    screen = urwid.display.raw.Screen(bracketed_paste_mode=False, focus_reporting=False)
    screen.set_terminal_properties(16 if colour else 1)
    signal.signal(signal.SIGTERM, _end)
    with closing(Mailbox()) as mailbox:
        feed = Feed(place, mailbox)
        view = View(feed, name=name, colour=colour, size=screen.get_cols_rows)
        _show(view, screen, feed, mailbox)


def _terminal_problem() -> str | None:
    """Why a live view cannot be shown here, if so."""
    if not (os.isatty(0) and os.isatty(1)):
        return "standard input and output are not a terminal"
    if os.environ.get("TERM", "dumb") == "dumb":
        return 'the terminal can place nothing on its screen (TERM is "dumb", or not set)'
    return None


def _require(place: Path, name: str) -> None:
    """Refuse a name that the agent does not know; one that is away cannot be asked."""
    try:
        reply = ask(place, StatusRequest(name=name))
    except NoAgent:
        return
    if isinstance(reply, ErrorReply):
        fail(reply.error, Verdict.REFUSED)


def _show(view: View, screen: urwid.display.raw.Screen, feed: Feed, mailbox: Mailbox) -> None:
    loop = urwid.MainLoop(
        view.widget, PALETTE, screen=screen, handle_mouse=False, input_filter=view.press
    )

    def read() -> None:
        for news in mailbox.take():
            view.tell(news)

    loop.watch_file(mailbox.fileno(), read)
    feed.start()
    try:
        loop.run()
    finally:
        feed.stop()


def _end(number: int, _: FrameType | None) -> None:
    """End as if by a signal, but with the terminal as it was."""
    sys.exit(SIGNAL_EXIT + number)
