"""The lab: hosts, each in a network namespace, on a switch that is in one as well.

Theory of operation. Every host has one interface, `eth0`, the end of a cable (a veth pair) whose
other end is a port of the switch (a bridge). The switch floods multicast as the dumbest one does:
snooping is off, ports forward at once. A cable is pulled at the switch, so that the host loses its
carrier as it would in a rack. Addresses of hosts are usable at once unless `dad` is asked for:
duplicate address detection holds back IPv6 for a second or two, which says nothing about failover.

Order: what is opened is closed in reverse; processes first, then namespaces, then the directory.
Children die with us: by the death signal that `setpriv` arms, and with their namespaces' holders.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, suppress
from ipaddress import ip_interface
from pathlib import Path
from types import TracebackType
from typing import IO, Literal, Self, TypeAlias

from vipd.core.model import Vip
from vipd.errors import VipdError
from vipd.lab.namespace import Namespace, Namespaces, environment
from vipd.lab.pause import Pause, wait_until

Direction: TypeAlias = Literal["both", "in", "out"]
"""What a switch port drops: all, what goes in to the switch, or what comes out to the host."""

COMMAND_TIMEOUT_S = 30.0
NAME_LONGEST = 10
"""A port is called `port-NAME`, and the kernel allows 15 characters."""

DIRECTORY_LONGEST = 60
"""The path of a Unix socket has 107 bytes; this leaves room for what stands in the directory."""

INTERFACE = "eth0"


class Host:
    """A computer in the lab."""

    def __init__(self, name: str, namespace: Namespace, mac: str, directory: Path) -> None:
        self.name = name
        self.mac = mac
        self.directory = directory
        self.namespace = namespace
        self._children: list[subprocess.Popen[bytes]] = []

    @property
    def port(self) -> str:
        """The interface of the switch that the host's cable is plugged into."""
        return f"port-{self.name}"

    def run(
        self,
        argv: Sequence[str],
        *,
        check: bool = True,
        stdin: str = "",
        timeout_s: float = COMMAND_TIMEOUT_S,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command on this host and wait for its end.

        Raises: VipdError when it takes too long, or when it fails and `check` is set.
        """
        command = f"{self.name}: `{' '.join(argv)}`"
        try:
            done = subprocess.run(  # noqa: S603 (running what is asked for is its purpose)
                [*self.namespace.enter, *argv],
                input=stdin,
                capture_output=True,
                text=True,
                timeout=timeout_s,
                env=environment(),
                start_new_session=True,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise VipdError(f"{command} did not end within {timeout_s:g} s") from error
        if check and done.returncode != 0:
            raise VipdError(f"{command} failed: {(done.stderr or done.stdout).strip()}")
        return done

    def popen(
        self, argv: Sequence[str], *, stdout: IO[bytes] | int, stderr: IO[bytes] | int
    ) -> subprocess.Popen[bytes]:
        """Start a command on this host that ends with the lab at the latest.

        Why: the kernel sends the death signal when the *thread* ends that called this.
        """
        die_with_us = ("setpriv", "--pdeathsig", "KILL", "--")
        child = subprocess.Popen(  # noqa: S603 (as above)
            [*self.namespace.enter, *die_with_us, *argv],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            env=environment(),
            start_new_session=True,
        )
        self._children.append(child)
        return child

    def ip(self, *lines: str) -> None:
        """Run lines of `ip` commands, in one batch. Raises: VipdError when one fails."""
        self.run(["ip", "-batch", "-"], stdin="".join(f"{line}\n" for line in lines))

    def addresses(self) -> tuple[Vip, ...]:
        """What the kernel has on the interface, link-local addresses included."""
        shown = json.loads(self.run(["ip", "-json", "address", "show", "dev", INTERFACE]).stdout)
        infos = [info for link in shown for info in link.get("addr_info", ())]
        return tuple(ip_interface(f"{info['local']}/{info['prefixlen']}") for info in infos)

    def has_carrier(self) -> bool:
        """Whether a live cable is plugged in."""
        shown = json.loads(self.run(["ip", "-json", "link", "show", "dev", INTERFACE]).stdout)
        return "LOWER_UP" in shown[0]["flags"]

    def kill_children(self) -> None:
        """End what `popen` started and what is still running, without mercy."""
        for child in self._children:
            child.kill()
            child.wait()
        self._children.clear()


class Lab:
    """A switch and the hosts on it, from `with` to the end of the block.

    `dad` leaves duplicate address detection on. `pause` is how the lab sleeps while it waits.
    """

    def __init__(self, *, dad: bool = False, pause: Pause = time.sleep) -> None:
        self._dad = dad
        self._pause = pause
        self._stack = ExitStack()
        self._hosts: dict[str, Host] = {}
        self._addresses: dict[str, tuple[str, ...]] = {}

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._namespaces = Namespaces(dad=self._dad)
            self.directory = Path(tempfile.mkdtemp(prefix="vipd-lab-", dir=_short_directory()))
            stack.callback(shutil.rmtree, self.directory, ignore_errors=True)
            namespace = self._namespaces.open_first("switch", self.directory)
            stack.callback(namespace.close)
            self.switch = Host("switch", namespace, "", self.directory)
            stack.callback(self._clear, self.switch)
            self.switch.ip(
                "link add name switch type bridge forward_delay 0 mcast_snooping 0",
                "link set dev switch up",
            )
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    @property
    def hosts(self) -> tuple[Host, ...]:
        """The hosts, in the order in which they came."""
        return tuple(self._hosts.values())

    def add_host(self, name: str, *, addresses: Iterable[str] = ()) -> Host:
        """Put a host on the switch. Its addresses are written with their prefix length."""
        assert len(name) <= NAME_LONGEST, f"the name {name!r} is too long"
        assert name not in self._hosts, f"there is a host {name!r} already"
        mac = f"02:00:00:00:00:{len(self._hosts) + 1:02x}"
        namespace = self._namespaces.open(name)
        self._stack.callback(namespace.close)
        host = Host(name, namespace, mac, self.directory / name)
        self._stack.callback(self._clear, host)
        host.directory.mkdir()
        self._addresses[name] = tuple(addresses)
        self.plug_in(host)
        self._hosts[name] = host
        return host

    def plug_in(self, host: Host) -> None:
        """Give a host its interface and its own addresses, and put the cable into the switch."""
        addresses = self._addresses[host.name]
        host.ip(
            f"link add name {INTERFACE} address {host.mac} "
            f"type veth peer name {host.port} netns {self.switch.namespace.pid}",
            *(f"address add {one} dev {INTERFACE}{self._at_once(one)}" for one in addresses),
            f"link set dev {INTERFACE} up",
        )
        self.switch.ip(f"link set dev {host.port} master switch up")

    def unplug(self, host: Host) -> None:
        """Take a host's interface away; `plug_in` makes it again."""
        host.ip(f"link del dev {INTERFACE}")

    def _at_once(self, address: str) -> str:
        return " nodad" if ":" in address and not self._dad else ""

    def cut(self, host: Host) -> None:
        """Pull the cable at the switch: the host loses its carrier."""
        self.switch.ip(f"link set dev {host.port} down")

    def join(self, host: Host) -> None:
        """Plug the cable in again."""
        self.switch.ip(f"link set dev {host.port} up")

    def block(self, host: Host, direction: Direction = "both") -> None:
        """Let the switch drop a host's packets though its cable is fine, one way or both.

        Why: a port that does not learn is reached by flooding only, so "out" is a port that is
        not flooded; a locked port takes nothing from a MAC address that it has not learned.
        """
        if direction in ("both", "out"):
            self._set_port(host, "flood off mcast_flood off bcast_flood off learning off")
        if direction in ("both", "in"):
            self._set_port(host, "learning off locked on")
        flush = ["bridge", "fdb", "flush", "dev", host.port, "master", "dynamic"]
        self.switch.run(flush)

    def unblock(self, host: Host) -> None:
        """Let everything through again."""
        everything = "flood on mcast_flood on bcast_flood on learning on locked off"
        self._set_port(host, everything)

    def _set_port(self, host: Host, flags: str) -> None:
        self.switch.run(["bridge", "link", "set", "dev", host.port, *flags.split()])

    def host_with_mac(self, mac: str) -> str:
        """The name of the host that has this MAC address."""
        return next((host.name for host in self.hosts if host.mac == mac), mac)

    def wait_until(self, condition: Callable[[], bool], timeout_s: float, what: str) -> None:
        """Look until the condition holds. Raises: VipdError when it does not hold in time."""
        wait_until(condition, timeout_s, what, self._pause)

    def pause(self, seconds: float) -> None:
        """Let time pass in the lab."""
        self._pause(seconds)

    def _clear(self, host: Host) -> None:
        """End whatever still runs on a host: our children and what those have left behind."""
        host.kill_children()
        for pid in _processes_in(host.namespace):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _short_directory() -> str | None:
    return "/tmp" if len(tempfile.gettempdir()) > DIRECTORY_LONGEST else None  # noqa: S108


def _processes_in(namespace: Namespace) -> list[int]:
    """Who is in a namespace, but for its holder."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == namespace.pid:
            continue
        with suppress(OSError):
            if (entry / "ns/net").stat().st_ino == namespace.inode:
                found.append(int(entry.name))
    return found
