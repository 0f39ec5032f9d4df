"""The kernel, its settings, and the machine that all runs on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress

from vipd.doctor.facts import Kernel
from vipd.doctor.port import Host

_BOARD = (
    "sys_vendor",
    "product_name",
    "product_version",
    "bios_vendor",
    "board_vendor",
    "chassis_asset_tag",
)
"""What anybody may read of the DMI table."""

_BY_INTERFACE = (
    "ipv4/conf/{}/rp_filter",
    "ipv4/conf/{}/arp_ignore",
    "ipv4/conf/{}/promote_secondaries",
    "ipv4/conf/{}/drop_gratuitous_arp",
    "ipv6/conf/{}/disable_ipv6",
    "ipv6/conf/{}/accept_dad",
    "ipv6/conf/{}/drop_unsolicited_na",
)
_OF_THE_HOST = ("ipv4/ip_nonlocal_bind", "ipv6/ip_nonlocal_bind")
"""Source: ip-sysctl.rst of the kernel."""


def settings(host: Host, interfaces: Iterable[str]) -> Mapping[str, int]:
    """The settings of these interfaces and of all; what a kernel does not have is missing."""
    names = [path.format(one) for one in ("all", *interfaces) for path in _BY_INTERFACE]
    found = {}
    for name in (*names, *_OF_THE_HOST):
        with suppress(OSError, ValueError):
            found[name] = int(host.read(f"/proc/sys/net/{name}"))
    return found


def board(host: Host) -> Mapping[str, str]:
    """What the machine says of itself."""
    found = {}
    for name in _BOARD:
        with suppress(OSError):
            found[name] = host.read(f"/sys/class/dmi/id/{name}").strip()
    return found


def kernel(host: Host) -> Kernel:
    """The running kernel."""
    release, runtime = "", None
    with suppress(OSError):
        release = host.read("/proc/sys/kernel/osrelease").strip()
    with suppress(OSError, ValueError):
        runtime = int(host.read("/proc/sys/kernel/sched_rt_runtime_us"))
    return Kernel(release=release, macvlan=_has_macvlan(host, release), rt_runtime_us=runtime)


def _has_macvlan(host: Host, release: str) -> bool | None:
    if host.names("/sys/module/macvlan"):
        return True
    known = None
    for name in ("modules.builtin", "modules.dep"):
        with suppress(OSError):
            known = known or "/macvlan.ko" in host.read(f"/lib/modules/{release}/{name}")
    return known
