"""What processes may do here: the agent, the one that systemd would start, or this one."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from vipd.doctor.facts import Rights
from vipd.doctor.port import Host

CAPABILITIES = {
    5: "CAP_KILL",
    6: "CAP_SETGID",
    7: "CAP_SETUID",
    12: "CAP_NET_ADMIN",
    13: "CAP_NET_RAW",
    14: "CAP_IPC_LOCK",
    23: "CAP_SYS_NICE",
}
"""Those that an agent may need. Source: linux/capability.h."""

_WHOLE_UID_MAP = ["0", "0", "4294967295"]
"""Outside of user namespaces. Source: user_namespaces(7)."""

_REAL_TIME = {"1", "2"}
"""SCHED_FIFO and SCHED_RR. Source: sched(7)."""

_POLICY_FIELD = 41 - 3
"""Where /proc/PID/stat has the policy, counted behind the name. Source: proc(5)."""


def rights(host: Host, pid: int, unit: Mapping[str, str] | None) -> Rights:
    """The rights that count: of the agent that runs, else of the installed unit, else our own."""
    if pid and (found := _of_process(host, pid)):
        return found
    if unit and unit.get("LoadState") == "loaded":
        return _of_unit(unit)
    return _of_this(host)


def _of_process(host: Host, pid: int) -> Rights | None:
    try:
        status = host.read(f"/proc/{pid}/status")
        behind_name = host.read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    except OSError:
        return None
    locked = _field(status, "VmLck").split()
    return Rights(
        whose="the agent",
        capabilities=_names(int(_field(status, "CapEff") or "0", 16)),
        real_time=behind_name[_POLICY_FIELD] in _REAL_TIME,
        memory=bool(locked) and locked[0] != "0",
        runs=True,
    )


def _of_unit(unit: Mapping[str, str]) -> Rights:
    """What systemd would give it: all that is bounded for root, for others what is ambient."""
    user = unit.get("User", "")
    granted = unit.get("CapabilityBoundingSet", "")
    if user not in ("", "root"):
        granted = unit.get("AmbientCapabilities", "")
    capabilities = frozenset(name.upper() for name in granted.split())
    return Rights(
        whose="the unit vipd.service",
        capabilities=capabilities,
        real_time=unit.get("CPUSchedulingPolicy") in _REAL_TIME
        or unit.get("LimitRTPRIO", "0") != "0"
        or "CAP_SYS_NICE" in capabilities,
        memory=unit.get("LimitMEMLOCK") == "infinity" or "CAP_IPC_LOCK" in capabilities,
    )


def _of_this(host: Host) -> Rights:
    """Our own. In a user namespace real time takes the limits, whatever the capabilities say."""
    capabilities = frozenset[str]()
    whole = True
    with suppress(OSError, ValueError):
        capabilities = _names(int(_field(host.read("/proc/self/status"), "CapEff"), 16))
        whole = host.read("/proc/self/uid_map").split() == _WHOLE_UID_MAP
    nice = whole and "CAP_SYS_NICE" in capabilities
    lock = whole and "CAP_IPC_LOCK" in capabilities
    return Rights(
        whose="this user",
        capabilities=capabilities,
        real_time=nice or host.limit("RLIMIT_RTPRIO") != 0,
        memory=lock or host.limit("RLIMIT_MEMLOCK") == -1,
    )


def _names(bits: int) -> frozenset[str]:
    return frozenset(name for number, name in CAPABILITIES.items() if bits >> number & 1)


def _field(status: str, name: str) -> str:
    found = (line for line in status.splitlines() if line.startswith(f"{name}:"))
    return next(found, ":").partition(":")[2].strip()
