"""keepalived as a peer: one daemon with one `vrrp_instance` for each mode.

Theory of operation. All of its files lie in the host's directory, and /run is empty for it. It
says on its log what it has become, and why it did not believe an advert; that is read.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from ipaddress import IPv4Address, IPv6Address
from typing import ClassVar

from interop_mode import INTERFACE, Mode, Role, address
from peer import END_TIMEOUT_S, kill_tree

from vipd.core.model import State
from vipd.core.units import Duration
from vipd.lab.lab import Host

IN_ITS_OWN_RUN = 'mount -t tmpfs none /run && exec "$@"'
ENTERING = re.compile(r"\((\S+)\) Entering (\w+) STATE")
NOT_A_REASON = re.compile(
    r"Entering|removing VIPs|setting VIPs|gratuitous|Neighbour|sent 0|Receive advertisement"
    r"|Backup received priority 0|should be link local|master set to"
)
AS_V2 = "v3_checksum_as_v2"


class Keepalived:
    """The daemon on one host."""

    PROGRAMS: ClassVar[Mapping[str, str]] = {"keepalived": "keepalived"}
    refuses_other_addresses: ClassVar[bool] = True

    def __init__(self, host: Host, own: Mapping[int, str]) -> None:
        self.host = host
        self._own = own
        self._config = host.directory / "keepalived.conf"
        self._log = host.directory / "keepalived.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._modes: tuple[Mode, ...] = ()

    @cached_property
    def version(self) -> str:
        """The daemon's name and version."""
        said = subprocess.run(
            ["keepalived", "--version"], capture_output=True, text=True, check=True
        )
        first = (said.stderr or said.stdout).splitlines()[0]
        return " ".join(first.replace(" v", " ").lower().split()[:2])

    def cannot(self, mode: Mode) -> str | None:
        """Why it does not have this mode: old ones have no choice of the checksum's form."""
        if mode.message_checksum and not self._knows_as_v2:
            return f"{self.version} does not know {AS_V2}"
        return None

    def asks_of_vipd(self, mode: Mode) -> Sequence[str]:
        """Its IPv6 unicast leaves with the kernel's hop limit, not with 255."""
        return ("min_ttl = 64",) if mode.unicast and mode.family == 6 else ()

    def is_late_with(self, mode: Mode) -> Duration:
        """It speaks at once."""
        del mode
        return 0

    @cached_property
    def _knows_as_v2(self) -> bool:
        self._config.write_text(f"global_defs {{\n {AS_V2}\n}}\n" + _instance_to_check())
        checked = self.host.run(["keepalived", "-t", "-f", str(self._config)], check=False)
        return f"Unknown keyword '{AS_V2}'" not in checked.stdout + checked.stderr

    def configure(self, modes: Sequence[Mode], role: Role, vipd: Mapping[int, str]) -> None:
        """Write its configuration; `vipd` is the other side's address by family."""
        self._modes = tuple(modes)
        blocks = (_block(mode, role, self._own, vipd) for mode in modes)
        self._config.write_text("\n".join(blocks))

    def start(self) -> None:
        """Start it, without waiting for anything."""
        files = {name: str(self.host.directory / name) for name in ("p.pid", "r.pid", "c.pid")}
        command = ["keepalived", "--use-file", str(self._config), "--vrrp", "--dont-fork"]
        command += ["-p", files["p.pid"], "-r", files["r.pid"], "-c", files["c.pid"]]
        command += ["--log-console", "--log-detail", "--no-syslog"]
        with self._log.open("wb") as log:
            self._process = self.host.popen(
                ["unshare", "--mount", "--", "sh", "-c", IN_ITS_OWN_RUN, "sh", *command],
                stdout=log,
                stderr=log,
            )

    def stop(self) -> None:
        """End it as its administrator would, and wait for the end."""
        process, self._process = self._running, None
        process.terminate()
        process.wait(END_TIMEOUT_S)

    def kill(self) -> None:
        """End all of its processes at once, so that it says nothing more."""
        process, self._process = self._running, None
        kill_tree(process.pid)
        process.wait(END_TIMEOUT_S)
        for mode in self._modes:
            for vip in (mode.vip, mode.other_vip):
                command = ["ip", "address", "del", str(vip), "dev", INTERFACE]
                self.host.run(command, check=False)

    def states(self) -> Mapping[str, State]:
        """What it is, by the name of the mode; empty when it does not run."""
        if self._process is None or self._process.poll() is not None:
            return {}
        found = ENTERING.findall("\n".join(self._lines()))
        return {name: State[state] for name, state in found}

    def addresses(self) -> frozenset[IPv4Address | IPv6Address]:
        """What its host would answer for."""
        return frozenset(one.ip for one in self.host.addresses())

    def said(self, mode: Mode) -> str:
        """The last that it said of the other side's adverts; may be empty."""
        about = [line for line in self._lines() if f"({mode.name})" in line]
        reasons = [line for line in about if not NOT_A_REASON.search(line)]
        return reasons[-1] if reasons else ""

    def _lines(self) -> Iterator[str]:
        """Its log, without the times."""
        for line in self._log.read_text(errors="replace").splitlines():
            yield line.split(": ", 1)[-1]

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "keepalived does not run"
        return self._process


def _block(mode: Mode, role: Role, own: Mapping[int, str], vipd: Mapping[int, str]) -> str:
    lines = [
        "state BACKUP",
        f"interface {INTERFACE}",
        f"virtual_router_id {mode.vrid}",
        f"version {mode.version}",
        f"priority {role.priority}",
        f"advert_int {role.interval_ms(mode) / 1000:g}",
        *_block_of("virtual_ipaddress", [str(vip) for vip in role.vips(mode)]),
    ]
    if not role.preempt:
        lines.append("nopreempt")
    if mode.password is not None:
        lines += _block_of("authentication", ["auth_type PASS", f"auth_pass {mode.password}"])
    if mode.unicast:
        lines.append(f"unicast_src_ip {own[mode.family]}")
        lines += _block_of("unicast_peer", [vipd[mode.family]])
    if mode.message_checksum:
        lines.append(AS_V2)
    return "\n".join(_block_of(f"vrrp_instance {mode.name}", lines))


def _block_of(name: str, lines: Sequence[str]) -> list[str]:
    return [f"{name} {{", *lines, "}"]


def _instance_to_check() -> str:
    """The least that its check of a configuration does not stumble over."""
    mode = Mode(name="probe", vrid=1, version=3)
    own = {4: str(address(4, 1).ip)}
    return _block(mode, Role(priority=100), own, own)
