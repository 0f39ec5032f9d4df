"""Who else manages the interfaces, and takes away what it did not put there."""

from __future__ import annotations

from collections.abc import Iterator

from vipd.doctor.facts import Facts, NetworkFile
from vipd.doctor.finding import Finding, note, ok, warning

_KEEPS = {"yes", "true", "1", "on", "static"}
"""What of KeepConfiguration= leaves addresses alone that networkd did not put there.
Source: systemd.network(5)."""

_LET_GO = "/etc/NetworkManager/conf.d/vipd.conf"
_UNMANAGED = ("unmanaged", "unavailable", "disconnected")


def judge(facts: Facts) -> Iterator[Finding]:
    """Every interface; what manages none of them is not told of."""
    for name in facts.interfaces:
        found = []
        if (file := facts.managers.networkd.get(name)) is not None:
            found.append(_of_networkd(name, file))
        state = facts.managers.network_manager.get(name, "unmanaged")
        if not state.startswith(_UNMANAGED):
            found.append(_of_network_manager(name, state))
        if not found:
            found.append(ok(code="managers-none", about=name, what=_NOBODY.format(name)))
        yield from found


_NOBODY = "neither networkd nor NetworkManager manages {}"


def _of_networkd(name: str, file: NetworkFile) -> Finding:
    if file.keeps.lower() in _KEEPS:
        return ok(
            code="networkd-keeps-addresses",
            about=name,
            what=f"networkd leaves the addresses of {name} alone (KeepConfiguration={file.keeps})",
        )
    directory = f"/etc/systemd/network/{file.path.rpartition('/')[2]}.d"
    netplan = "netplan-" in file.path
    return warning(
        code="networkd-removes-addresses",
        about=name,
        what=f"networkd removes addresses of others from {name} ({file.path})",
        why="a restart of networkd takes the virtual addresses away; vipd puts them back, and is "
        "in FAULT when that happens more than 5 times in 30 s",
        hint="in netplan the same is `critical: true`" if netplan else "",
        commands=(
            f"mkdir -p {directory}",
            f"printf '[Network]\\nKeepConfiguration=yes\\n' > {directory}/vipd.conf",
            "networkctl reload",
        ),
    )


def _of_network_manager(name: str, state: str) -> Finding:
    return note(
        code="network-manager-manages",
        about=name,
        what=f"NetworkManager manages {name} ({state})",
        why="`nmcli device reapply` and a connection that is brought up again take the virtual "
        "addresses away; vipd puts them back within milliseconds",
        hint=f"if other things configure {name}, NetworkManager can let go of it; it then does "
        "not configure its own address either",
        commands=(
            f"printf '[keyfile]\\nunmanaged-devices=interface-name:{name}\\n' > {_LET_GO}",
            "nmcli general reload",
        ),
    )
