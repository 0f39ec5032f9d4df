"""What the interop tests need of another VRRP daemon on a host of the lab."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import ClassVar, Protocol

from interop_mode import Mode, Role

from vipd.core.model import State
from vipd.core.units import Duration
from vipd.lab.lab import Host

END_TIMEOUT_S = 10.0


class Peer(Protocol):
    """One daemon, that is in several modes at once."""

    PROGRAMS: ClassVar[Mapping[str, str]]
    """What must be installed, and the Debian packages that have it."""

    refuses_other_addresses: ClassVar[bool]
    """Whether it drops adverts whose addresses are not its own."""

    host: Host

    @property
    def version(self) -> str:
        """The daemon's name and version."""

    def cannot(self, mode: Mode) -> str | None:
        """Why it does not have this mode; None when it does."""

    def asks_of_vipd(self, mode: Mode) -> Sequence[str]:
        """The lines that vipd's configuration needs so that the two hear each other."""

    def is_late_with(self, mode: Mode) -> Duration:
        """How long after it has taken over its first advert is seen on the wire."""

    def configure(self, modes: Sequence[Mode], role: Role, vipd: Mapping[int, str]) -> None:
        """Write its configuration; `vipd` is the other side's address by family."""

    def start(self) -> None:
        """Start it, without waiting for anything."""

    def stop(self) -> None:
        """End it as its administrator would, and wait for the end."""

    def kill(self) -> None:
        """End all of its processes at once, so that it says nothing more."""

    def states(self) -> Mapping[str, State]:
        """What it is, by the name of the mode; empty when it does not run."""

    def addresses(self) -> frozenset[IPv4Address | IPv6Address]:
        """What its host would answer for."""

    def said(self, mode: Mode) -> str:
        """The last that it said of the other side's adverts; may be empty."""


def kill_tree(pid: int) -> None:
    """Kill a process and its children, leaving none of them the time to say a last word.

    Order: the parent is held first, so that it neither replaces a child nor lets it resign.
    """
    os.kill(pid, signal.SIGSTOP)
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        with suppress(ProcessLookupError):
            os.kill(int(child), signal.SIGKILL)
    os.kill(pid, signal.SIGKILL)
