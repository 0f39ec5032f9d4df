"""Other programs of our kind on this host, and the VRIDs in their configurations."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress

from vipd.doctor.facts import Daemon
from vipd.doctor.port import Host

_FILES = {
    "keepalived": "/etc/keepalived/keepalived.conf",
    "vrrpd": "/etc/frr/frr.conf",
    "ucarp": "",
    "uvrrpd": "",
    "carp": "",
}
"""The programs, and where they are configured when their command line does not say."""

_VRID = {
    "keepalived": re.compile(r"^\s*virtual_router_id\s+(\d+)", re.MULTILINE),
    "vrrpd": re.compile(r"^\s*vrrp\s+(\d+)\b", re.MULTILINE),
}
_VRID_OPTION = re.compile(r"(?:^|\0)(?:-v|--vhid)(?:=|\0)?(\d+)")
_FILE_OPTION = re.compile(r"(?:^|\0)(?:-f|--use-file)(?:=|\0)?([^\0]+)")


def daemons(host: Host) -> tuple[Daemon, ...]:
    """Those in our network namespace, each once, whatever its number of processes."""
    return tuple(dict.fromkeys(_found(host)))


def _found(host: Host) -> Iterator[Daemon]:
    ours = _namespace(host, "self")
    for path in host.names("/proc/[0-9]*/comm"):
        pid = path.split("/")[2]
        with suppress(OSError):
            name = host.read(path).strip()
            if name not in _FILES or _namespace(host, pid) not in ("", ours):
                continue
            # What has ended and is not buried yet has no command line any more.
            if command := host.read(f"/proc/{pid}/cmdline"):
                yield _daemon(host, name, command)


def _daemon(host: Host, name: str, command: str) -> Daemon:
    named = _FILE_OPTION.search(command)
    file = named[1] if named else _FILES[name]
    vrids = set(_VRID_OPTION.findall(command)) if name not in _VRID else set()
    if file and name in _VRID:
        with suppress(OSError):
            vrids |= set(_VRID[name].findall(host.read(file)))
    return Daemon(name=name, vrids=frozenset(map(int, vrids)), file=file)


def _namespace(host: Host, pid: str) -> str:
    """The network namespace of a process; empty when this user may not know."""
    with suppress(OSError):
        return host.link(f"/proc/{pid}/ns/net")
    return ""
