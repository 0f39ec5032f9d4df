"""FRR's vrrpd as a peer, with zebra and the macvlan devices that its documentation asks for.

Theory of operation. Each address family of each virtual router has a macvlan device with the
virtual MAC address, which carries the virtual IPs; vrrpd has zebra hold the device down while it is
BACKUP. All sockets and files lie in the host's directory, and each daemon has a /var/tmp of its
own and a group file in which root may use the vty. The vty is asked directly, without vtysh.
"""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import closing
from functools import cached_property
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any, ClassVar

from interop_mode import INTERFACE, Mode, Role
from peer import END_TIMEOUT_S, kill_tree

from vipd.core.model import State
from vipd.core.units import Duration
from vipd.lab.lab import Host
from vipd.lab.pause import wait_until

DAEMONS = Path("/usr/lib/frr")
IN_ITS_OWN_ROOM = """
mount -t tmpfs none /var/tmp &&
sed 's/^frrvty:.*:$/&root/; t; s/^frrvty:.*/&,root/' /etc/group >/var/tmp/group &&
mount --bind /var/tmp/group /etc/group &&
exec "$@"
"""
START_TIMEOUT_S = 15.0
VTY_TIMEOUT_S = 5.0
REPLY_END = b"\0\0\0"
REFUSED = "Datagram invalid: "
FOR_ANOTHER = "does not match our instance"
STATES = {"Initialize": State.INIT, "Backup": State.BACKUP, "Master": State.MASTER}


class Frr:
    """The daemons on one host."""

    PROGRAMS: ClassVar[Mapping[str, str]] = {
        str(DAEMONS / "zebra"): "frr",
        str(DAEMONS / "vrrpd"): "frr",
    }
    refuses_other_addresses: ClassVar[bool] = False

    def __init__(self, host: Host, own: Mapping[int, str]) -> None:
        del own  # It speaks from the first address of the interface.
        self.host = host
        self._log = host.directory / "vrrpd.log"
        self._zebra: subprocess.Popen[bytes] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._modes: tuple[Mode, ...] = ()

    @cached_property
    def version(self) -> str:
        """The daemon's name and version."""
        command = [str(DAEMONS / "vrrpd"), "--version"]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return f"frr {said.split()[2]}"

    def cannot(self, mode: Mode) -> str | None:
        """Why it does not have this mode."""
        if mode.unicast:
            return "FRR has no unicast"
        if mode.password is not None:
            return "FRR has no authentication"
        if mode.message_checksum:
            return f"{self.version} has one form of the checksum"
        return None

    def asks_of_vipd(self, mode: Mode) -> Sequence[str]:
        """The lines that vipd's configuration needs: none."""
        del mode
        return ()

    def is_late_with(self, mode: Mode) -> Duration:
        """One interval over IPv6: at the takeover its device has no link-local address yet.

        It logs "Failed to find address to bind", and its first advert is never sent.
        """
        return mode.interval if mode.family == 6 else 0

    def configure(self, modes: Sequence[Mode], role: Role, vipd: Mapping[int, str]) -> None:
        """Write its configuration, and make the devices that it expects to find."""
        del vipd  # It speaks to everybody.
        self._modes = tuple(modes)
        lines = [line for mode in modes for line in _router(mode, role)]
        text = "\n".join(["debug vrrp packets", f"interface {INTERFACE}", *lines, ""])
        (self.host.directory / "vrrpd.conf").write_text(text)
        (self.host.directory / "zebra.conf").write_text("")
        for mode in modes:
            self._make_device(mode, role)

    def _make_device(self, mode: Mode, role: Role) -> None:
        """RFC: 9568 §7.3: the virtual MAC address."""
        device, family = _device(mode), {4: 1, 6: 2}[mode.family]
        self.host.run(["ip", "link", "del", "dev", device], check=False)
        # Not every kernel takes the mode of address generation when the device is made.
        self.host.ip(
            f"link add name {device} link {INTERFACE} type macvlan mode bridge",
            f"link set dev {device} addrgenmode random",
            f"link set dev {device} address 00:00:5e:00:{family:02x}:{mode.vrid:02x}",
            *(f"address add {vip} dev {device}" for vip in role.vips(mode)),
            f"link set dev {device} up",
        )

    def start(self) -> None:
        """Start it; zebra was started before, or is started and waited for."""
        if self._zebra is None:
            self._zebra = self._start("zebra")
            wait_until((self.host.directory / "zebra.vty").exists, START_TIMEOUT_S, "zebra starts")
        self._process = self._start("vrrpd")

    def _start(self, daemon: str) -> subprocess.Popen[bytes]:
        here = self.host.directory
        command = [str(DAEMONS / daemon), "--config_file", str(here / f"{daemon}.conf")]
        command += ["--socket", str(here / "zserv.api"), "--pid_file", str(here / f"{daemon}.pid")]
        command += ["--vty_socket", str(here), "--vty_port", "0"]
        command += ["--user", "root", "--group", "root", "--log", "stdout"]
        with (here / f"{daemon}.log").open("ab") as log:
            return self.host.popen(
                ["unshare", "--mount", "--", "sh", "-c", IN_ITS_OWN_ROOM, "sh", *command],
                stdout=log,
                stderr=log,
            )

    def stop(self) -> None:
        """End vrrpd as its administrator would, and wait for the end."""
        process, self._process = self._running, None
        process.terminate()
        process.wait(END_TIMEOUT_S)

    def kill(self) -> None:
        """End vrrpd, so that it says nothing more."""
        process, self._process = self._running, None
        kill_tree(process.pid)
        process.wait(END_TIMEOUT_S)

    def states(self) -> Mapping[str, State]:
        """What it is, by the name of the mode; empty when it does not run."""
        routers = {router["vrid"]: router for router in self._routers()}
        return {
            mode.name: STATES[routers[mode.vrid][f"v{mode.family}"]["status"]]
            for mode in self._modes
            if mode.vrid in routers
        }

    def addresses(self) -> frozenset[IPv4Address | IPv6Address]:
        """What its host would answer for: a device that is held down answers for nothing."""
        shown = json.loads(self.host.run(["ip", "-json", "address", "show", "up"]).stdout)
        links = [link for link in shown if "LOWER_UP" in link["flags"]]
        infos = [info for link in links for info in link["addr_info"]]
        return frozenset(ip_address(info["local"]) for info in infos)

    def said(self, mode: Mode) -> str:
        """The last that it said of the other side's adverts; may be empty."""
        lines = self._log.read_text(errors="replace").splitlines() if self._log.exists() else []
        about = [line for line in lines if f"[VRID {mode.vrid}]" in line and REFUSED in line]
        reasons = [line.split(REFUSED, 1)[1] for line in about if FOR_ANOTHER not in line]
        return reasons[-1] if reasons else ""

    def _routers(self) -> list[dict[str, Any]]:
        """What `show vrrp json` tells; nothing while vrrpd does not run."""
        if self._process is None or self._process.poll() is not None:
            return []
        try:
            said = _ask(self.host.directory / "vrrpd.vty", "enable", "show vrrp json")
        except OSError:
            return []
        routers: list[dict[str, Any]] = json.loads(said)
        return routers

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "vrrpd does not run"
        return self._process


def _device(mode: Mode) -> str:
    return f"vrrp{mode.family}-{mode.vrid}"


def _router(mode: Mode, role: Role) -> list[str]:
    one, kind = f"vrrp {mode.vrid}", {4: "ip", 6: "ipv6"}[mode.family]
    return [
        f" {one} version {mode.version}",
        f" {one} priority {role.priority}",
        f" {one} advertisement-interval {role.interval_ms(mode)}",
        f" {'' if role.preempt else 'no '}{one} preempt",
        *(f" {one} {kind} {vip.ip}" for vip in role.vips(mode)),
    ]


def _ask(vty: Path, *commands: str) -> str:
    """Give commands to a daemon as vtysh does; return what the last one printed.

    A command ends with a zero byte, a reply with three of them and the byte of its success.
    """
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as connection:
        connection.settimeout(VTY_TIMEOUT_S)
        connection.connect(str(vty))
        reply = b""
        for command in commands:
            connection.sendall(command.encode() + b"\0")
            reply = b""
            while reply[-4:-1] != REPLY_END:
                got = connection.recv(65536)
                if not got:
                    raise ConnectionResetError(f"{vty} said no more")
                reply += got
        return reply[:-4].decode()
