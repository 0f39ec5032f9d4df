"""The two daemons as they are measured, and virtual routers for them: up to 255 on one link."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

from chaos.daemon import ChaosKeepalived, Daemon, Vipd
from interop_mode import Mode
from peer_keepalived import IN_ITS_OWN_RUN

from bench.figure import KEEPALIVED, VIPD
from vipd.core.model import Vip
from vipd.lab.namespace import SEARCH_PATH

SUPPORT = Path(__file__).parents[1]
COMMAND_LONGEST = 15
"""What the kernel keeps of a command's name. Source: proc(5), /proc/PID/comm."""

FIRST_VIP = IPv4Address("198.51.100.0")
NETWORK_SIZE = 254


@dataclass(frozen=True, slots=True, kw_only=True)
class Router(Mode):
    """A virtual router of the bench, told from the others by its VRID; its address is a /32."""

    @property
    def vip(self) -> Vip:
        """The one address that it has."""
        return IPv4Interface(f"{vip(self.vrid)}/32")


def vip(vrid: int) -> IPv4Address:
    """The address of a virtual router; what the first network has no room for is in a second."""
    if vrid > NETWORK_SIZE:
        return IPv4Address("203.0.113.0") + vrid - NETWORK_SIZE
    return FIRST_VIP + vrid


def routers(count: int, interval_ms: int) -> tuple[Router, ...]:
    """So many virtual routers, their VRIDs from 1."""
    return tuple(
        Router(name=f"vr{vrid}", vrid=vrid, version=3, interval_ms=interval_ms)
        for vrid in range(1, count + 1)
    )


class TerseKeepalived(ChaosKeepalived):
    """keepalived without --log-detail.

    Why: that has it write a line for every announcement, in the midst of a takeover.
    """

    def start(self) -> None:
        """Start it; its log begins anew, so what it has been is noted before."""
        self._transitions = self.transitions()
        own = self.host.directory
        command = ["keepalived", "--use-file", str(self._config), "--vrrp", "--dont-fork"]
        command += ["-p", str(own / "p.pid"), "-r", str(own / "r.pid"), "-c", str(own / "c.pid")]
        command += ["--log-console", "--no-syslog"]
        with self._log.open("wb") as log:
            self._process = self.host.popen(
                ["unshare", "--mount", "--", "sh", "-c", IN_ITS_OWN_RUN, "sh", *command],
                stdout=log,
                stderr=log,
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """One of the two; `command` is what the kernel calls its first process."""

    name: str
    kind: type[Daemon]
    command: str

    @property
    def is_ours(self) -> bool:
        """Whether it is vipd."""
        return self.name == VIPD

    def missing(self) -> str | None:
        """Why it cannot be measured here; None when it can."""
        for program, package in self.kind.PROGRAMS.items():
            if shutil.which(program, path=SEARCH_PATH) is None:
                return f"{program} is not installed: apt-get install {package}"
        if self.kind.PROGRAMS and os.geteuid() != 0:
            return f"{self.name} needs root, not only a user namespace"
        return None


CONTENDERS: Sequence[Contender] = (
    Contender(name=KEEPALIVED, kind=TerseKeepalived, command="keepalived"),
    Contender(name=VIPD, kind=Vipd, command=Path(sys.executable).name[:COMMAND_LONGEST]),
)


def module(name: str, *arguments: str) -> list[str]:
    """The command that runs a module of this package, wherever it is run from."""
    return ["env", f"PYTHONPATH={SUPPORT}", sys.executable, "-m", f"bench.{name}", *arguments]
