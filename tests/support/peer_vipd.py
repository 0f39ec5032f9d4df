"""vipd itself as a peer, standing in for routers that follow RFC 9568 in its checksum over IPv4.

Why: of the daemons that Debian 12 has, none can send that form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address
from typing import ClassVar

from interop_mode import INTERFACE, Mode, Role

from vipd.control.client import NoAgent
from vipd.core.model import State
from vipd.core.units import Duration
from vipd.lab.agent import Agent
from vipd.lab.lab import Host, Lab


class Rfc9568:
    """An agent whose checksum is pinned."""

    PROGRAMS: ClassVar[Mapping[str, str]] = {}
    refuses_other_addresses: ClassVar[bool] = False

    def __init__(self, lab: Lab, host: Host) -> None:
        self.host = host
        self._agent = Agent(lab, host, "")
        self._runs = False

    @property
    def version(self) -> str:
        """The daemon's name and version."""
        return "vipd, RFC 9568 checksum"

    def cannot(self, mode: Mode) -> str | None:
        """Why it does not have this mode."""
        return None if mode.message_checksum else "only there for its form of the checksum"

    def asks_of_vipd(self, mode: Mode) -> Sequence[str]:
        """The lines that vipd's configuration needs: none."""
        del mode
        return ()

    def is_late_with(self, mode: Mode) -> Duration:
        """It speaks at once."""
        del mode
        return 0

    def configure(self, modes: Sequence[Mode], role: Role, vipd: Mapping[int, str]) -> None:
        """Write its configuration."""
        del vipd  # It speaks to everybody.
        self._agent.configure("\n".join(_instance(mode, role) for mode in modes))

    def start(self) -> None:
        """Start it, without waiting for anything."""
        self._agent.start()
        self._runs = True

    def stop(self) -> None:
        """End it as systemd would."""
        self._runs = False
        self._agent.stop()

    def kill(self) -> None:
        """End it without a word."""
        self._runs = False
        self._agent.kill()

    def states(self) -> Mapping[str, State]:
        """What it is, by the name of the mode; empty when it does not run."""
        if not self._runs:
            return {}
        try:
            return {one.name: one.state for one in self._agent.status().instances}
        except NoAgent:
            return {}

    def addresses(self) -> frozenset[IPv4Address | IPv6Address]:
        """What its host would answer for."""
        return frozenset(one.ip for one in self.host.addresses())

    def said(self, mode: Mode) -> str:
        """What it has dropped."""
        try:
            return str(self._agent.instance(mode.name).counters.dropped)
        except NoAgent:
            return ""


def _instance(mode: Mode, role: Role) -> str:
    addresses = ", ".join(f'"{vip}"' for vip in role.vips(mode))
    return (
        f'[instance.{mode.name}]\ninterface = "{INTERFACE}"\nvrid = {mode.vrid}\n'
        f"addresses = [{addresses}]\npriority = {role.priority}\n"
        f'advert_interval = "{role.interval_ms(mode)}ms"\nchecksum = "rfc9568"\n'
        f"preempt = {str(role.preempt).lower()}\n"
    )
