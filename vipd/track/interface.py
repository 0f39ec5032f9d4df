"""The interface tracker: whether another interface is there, is up and has a carrier.

Theory of operation. The kernel is asked for the interface once, and tells of every change from then
on; each time it tells all that counts, so it need not be asked again. Only the name is ours: the
interface that bears it may be renamed, deleted and made anew. What a bridge tells of its ports
looks alike and is left out: there "deleted" means to leave the bridge.
"""

from __future__ import annotations

import asyncio
import errno
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from vipd.core.config import TrackerConfig
from vipd.core.units import SECOND, Duration
from vipd.track.outcome import Outcome, Report, Tracker
from vipd.track.rtnetlink import (
    DEL_LINK,
    ERROR,
    GET_LINK,
    LINKS,
    NEW_LINK,
    Message,
    Rtnetlink,
    attribute,
    attributes,
    error_code,
    messages,
    number,
)

RETRY: Duration = SECOND
"""How soon the kernel is asked again that could not be asked."""

_LINK: Final = struct.Struct("=BxHiII")
"""struct ifinfomsg: family, hardware, index, flags, and which of them have changed."""

_NAME, _OPERATIONAL_STATE = 3, 16
_UP, _RUNNING, _LOWER_UP = 0x1, 0x40, 0x1_0000
_STATES: Mapping[int, str] = {
    1: "not present",
    2: "down",
    3: "down, because the interface below it is",
    4: "testing",
    5: "dormant",
}
"""RFC: 2863 §3.1.14 (ifOperStatus), in the numbers of <linux/if.h>."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What the kernel says of an interface."""

    index: int
    name: str
    flags: int
    state: int


def make(config: TrackerConfig) -> Tracker:
    """A tracker of the interface that bears a name."""
    return InterfaceTracker(config.options["interface"])


class InterfaceTracker:
    """Listens to what the kernel tells of links."""

    __slots__ = ("_alarm", "_index", "_kernel", "_name", "_report", "_told")

    def __init__(self, name: str) -> None:
        self._name = name
        self._index: int | None = None
        self._report: Report | None = None
        self._told: Outcome | None = None
        self._kernel: Rtnetlink | None = None
        self._alarm: asyncio.TimerHandle | None = None

    def start(self, report: Report) -> None:
        """Listen, and ask what there is now."""
        self.stop()
        self._report = report
        self._alarm = asyncio.get_running_loop().call_later(0, self._begin)

    def stop(self) -> None:
        """Listen no more."""
        self._report = self._told = self._index = None
        if self._alarm:
            self._alarm.cancel()
        if self._kernel:
            self._kernel.close()
        self._alarm = self._kernel = None

    def _begin(self, _lost: OSError | None = None) -> None:
        """Order: listen, then ask. Also when something that was told is lost."""
        try:
            self._kernel = Rtnetlink(self._heard, self._begin, (LINKS,))
            name = attribute(_NAME, os.fsencode(self._name) + b"\0")
            self._kernel.ask(GET_LINK, bytes(_LINK.size) + name)
        except OSError as error:
            self._cannot_ask(error)

    def _cannot_ask(self, error: OSError) -> None:
        if self._kernel:
            self._kernel.close()
        self._alarm = asyncio.get_running_loop().call_later(RETRY / SECOND, self._begin)
        self._tell(Outcome(ok=False, text=f"the kernel cannot be asked: {error.strerror}"))

    def _heard(self, data: bytes) -> None:
        for message in messages(data):
            if self._report:  # Who is told may stop us.
                self._take(message)

    def _take(self, message: Message) -> None:
        if message.kind == ERROR:
            code = error_code(message.body)
            if code == errno.ENODEV:
                self._see(None)
            elif code:
                self._cannot_ask(OSError(code, os.strerror(code)))
        elif link := link_of(message):
            if link.name == self._name and message.kind == NEW_LINK:
                self._see(link)
            elif link.index == self._index:  # It is deleted, or bears another name.
                self._see(None)

    def _see(self, link: Link | None) -> None:
        self._index = link.index if link else None
        self._tell(judge(self._name, link))

    def _tell(self, outcome: Outcome) -> None:
        if self._report and outcome != self._told:
            self._told = outcome
            self._report(outcome)


def link_of(message: Message) -> Link | None:
    """The link that a message is about, if it is about one."""
    if message.kind not in (NEW_LINK, DEL_LINK) or len(message.body) < _LINK.size:
        return None
    family, _, index, flags, _ = _LINK.unpack_from(message.body)
    if family != 0:
        return None
    said = attributes(message.body[_LINK.size :])
    name = os.fsdecode(said.get(_NAME, b"").rstrip(b"\0"))
    return Link(index=index, name=name, flags=flags, state=number(said.get(_OPERATIONAL_STATE)))


def judge(name: str, link: Link | None) -> Outcome:
    """Whether an interface can be used, and what is amiss.

    Why twice: a carrier is not enough where somebody above it must agree (802.1X, LACP), and most
    virtual interfaces say nothing of an operational state.
    """
    if link is None:
        return Outcome(ok=False, text=f"{name} does not exist")
    if not link.flags & _UP:
        return Outcome(ok=False, text=f"{name} is down")
    if not link.flags & _LOWER_UP:
        return Outcome(ok=False, text=f"{name} has no carrier")
    if not link.flags & _RUNNING:
        state = _STATES.get(link.state, f"state {link.state}")
        return Outcome(ok=False, text=f"{name} has a carrier, but is {state}")
    return Outcome(ok=True, text=f"{name} is up")
