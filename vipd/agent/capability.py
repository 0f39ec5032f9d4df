"""Capabilities: what the kernel permits this process. Sources: capabilities(7)."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from pathlib import Path
from typing import Final

from vipd.errors import VipdError

_ALL_USERS: Final = ["0", "0", "4294967295"]
"""The uid_map of who is in no user namespace. Source: user_namespaces(7)."""


class Capability(IntEnum):
    """What vipd may need, by the kernel's numbers. Source: linux/capability.h."""

    CAP_NET_ADMIN = 12
    CAP_NET_RAW = 13
    CAP_IPC_LOCK = 14
    CAP_SYS_NICE = 23

    @property
    def held(self) -> bool:
        """Whether this process has it, at least in its user namespace."""
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        effective = next(line for line in status.splitlines() if line.startswith("CapEff:"))
        return bool(int(effective.split()[1], 16) >> self & 1)

    @property
    def held_on_the_host(self) -> bool:
        """Whether this process has it, and where it counts for more than a user namespace."""
        users = Path("/proc/self/uid_map").read_text(encoding="ascii").split()
        return users == _ALL_USERS and self.held


def require(needed: Iterable[Capability], purpose: str, way_out: str) -> None:
    """Say before anything else what this process may not do. Raises: VipdError."""
    missing = [one.name for one in needed if not one.held]
    if missing:
        raise VipdError(f"vipd needs {' and '.join(missing)} to {purpose}: {way_out}")
