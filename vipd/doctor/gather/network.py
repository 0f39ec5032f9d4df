"""Who else manages the interfaces of this host, and where its addresses are written down."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress

from vipd.doctor.facts import Link, Managers, Mention, NetworkFile
from vipd.doctor.gather.limit import LINES_READ
from vipd.doctor.port import Host

_NETWORKD_LINK = "/run/systemd/netif/links/{index}"
_NETWORK_MANAGER = "/run/NetworkManager"

_WRITTEN = (
    "/etc/network/interfaces",
    "/etc/network/interfaces.d/*",
    "/etc/netplan/*.yaml",
    "/etc/systemd/network/*.network",
    "/etc/systemd/network/*.network.d/*.conf",
    "/etc/NetworkManager/system-connections/*",
    "/etc/sysconfig/network-scripts/ifcfg-*",
    "/etc/sysconfig/network/ifcfg-*",
    "/etc/conf.d/net",
)
"""Where distributions keep the addresses that a host has of its own."""


def managers(host: Host, links: Iterable[Link]) -> Managers:
    """Who manages which interface."""
    networkd = {
        link.name: found for link in links if (found := _networkd(host, link.index)) is not None
    }
    return Managers(networkd=networkd, network_manager=_network_manager(host))


def mentions(host: Host, addresses: Iterable[str]) -> tuple[Mention, ...]:
    """Every line of the host's own network configuration that has one of these addresses."""
    wanted = {one: re.compile(rf"(?<![\w.:]){re.escape(one)}(?![\w.:])") for one in addresses}
    paths = [path for pattern in _WRITTEN for path in host.names(pattern)] if wanted else []
    return tuple(
        Mention(path=path, line=number, address=address)
        for path in paths
        for number, line in _lines(host, path)
        for address, pattern in wanted.items()
        if pattern.search(line)
    )


def _lines(host: Host, path: str) -> Iterator[tuple[int, str]]:
    """The lines of a file that are no comments, with their numbers."""
    with suppress(OSError):
        for number, line in enumerate(host.read(path).splitlines()[:LINES_READ], 1):
            if not line.lstrip().startswith(("#", ";")):
                yield number, line


def _networkd(host: Host, index: int) -> NetworkFile | None:
    """What networkd says of an interface; None when it does not manage it."""
    with suppress(OSError):
        said = _assignments(host.read(_NETWORKD_LINK.format(index=index)))
        if (path := said.get("NETWORK_FILE", "")) and said.get("ADMIN_STATE") != "unmanaged":
            return NetworkFile(path=path, keeps=_keeps(host, path))
    return None


def _keeps(host: Host, path: str) -> str:
    """The last KeepConfiguration= of a file and its drop-ins, wherever those lie."""
    name = path.rpartition("/")[2]
    places = ("/usr/lib/systemd/network", "/run/systemd/network", "/etc/systemd/network")
    drop_ins = [found for place in places for found in host.names(f"{place}/{name}.d/*.conf")]
    keeps = ""
    for one in (path, *sorted(drop_ins, key=lambda found: found.rpartition("/")[2])):
        with suppress(OSError):
            keeps = _assignments(host.read(one)).get("KeepConfiguration", keeps)
    return keeps


def _assignments(text: str) -> Mapping[str, str]:
    """The last value of every key."""
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
    return {key.strip(): value.strip().strip('"') for key, _, value in pairs}


def _network_manager(host: Host) -> Mapping[str, str]:
    """The state of every interface, as NetworkManager calls it; nothing when it does not run."""
    if not host.names(_NETWORK_MANAGER):
        return {}
    said = host.run("nmcli", "--terse", "--fields", "DEVICE,STATE", "device")
    pairs = (re.split(r"(?<!\\):", line, maxsplit=1) for line in said.text.splitlines())
    return {pair[0].replace("\\", ""): pair[1] for pair in pairs if len(pair) == 2}
