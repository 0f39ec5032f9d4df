"""The supervisor: what systemd is told of the agent. Sources: sd_notify(3), systemd.service(5)."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping

from vipd.core.units import Duration

_MICROSECOND: Duration = 1_000


class Supervisor:
    """Speaks to the service manager that started this process; without one it is silent."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        self._watchdog = _watchdog(environment)

    @property
    def heartbeat(self) -> Duration | None:
        """How often `alive` is due: half of what the watchdog allows; None without a watchdog."""
        return self._watchdog // 2 if self._watchdog else None

    def ready(self) -> None:
        """The agent runs, or runs again after a reload."""
        self._tell("READY=1")

    def reloading(self) -> None:
        """A reload has begun. The time is what systemd tells two reloads apart by."""
        self._tell(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // _MICROSECOND}")

    def stopping(self) -> None:
        """The agent is on its way out."""
        self._tell("STOPPING=1")

    def alive(self) -> None:
        """The loop that sends adverts still turns."""
        self._tell("WATCHDOG=1")

    def describe(self, text: str) -> None:
        """What `systemctl status` shows beside the unit."""
        self._tell(f"STATUS={text}")

    def _tell(self, message: str) -> None:
        if not self._address:
            return
        # A leading @ stands for the null byte of an abstract address.
        address = self._address.replace("@", "\0", 1) if self._address[0] == "@" else self._address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender:
            try:
                sender.sendto(message.encode(), address)
            except OSError:
                # A service manager that does not listen must not cost anyone their address.
                return


def _watchdog(environment: Mapping[str, str]) -> Duration | None:
    """The time within which systemd expects a sign of life, if it is ours to give."""
    usec = environment.get("WATCHDOG_USEC", "")
    pid = environment.get("WATCHDOG_PID", str(os.getpid()))
    if not usec.isdecimal() or pid != str(os.getpid()):
        return None
    return int(usec) * _MICROSECOND
