"""A host: a Debian with a systemd of its own, and vipd as its service."""

from __future__ import annotations

import json
import shlex
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from hosts.keeper import Keeper
from vipd.control.client import ask
from vipd.control.messages import ErrorReply, StatusRequest
from vipd.control.report import AgentReport, InstanceReport
from vipd.core.model import State
from vipd.errors import VipdError
from vipd.lab.lab import Lab
from vipd.lab.namespace import environment

UNIT: Final = "vipd.service"
NETWORK_FILE: Final = "/etc/systemd/network/20-eth0.network"
CONFIG_FILE: Final = "/etc/vipd/vipd.toml"
CONTROL_SOCKET: Final = "/run/vipd/control.sock"
ANSWER_TIMEOUT_S = 1.0
BOOT_TIMEOUT_S = 30.0
COMMAND_TIMEOUT_S = 60.0

DISK = """
disk=$1/$2
mkdir -p "$disk/above" "$disk/work" "$disk/root"
mount -t overlay overlay -o "lowerdir=$3,upperdir=$disk/above,workdir=$disk/work" "$disk/root"
"""

BOOT = """
mkdir -p "/sys/fs/cgroup/$1/$2"
echo $$ >"/sys/fs/cgroup/$1/$2/cgroup.procs"
exec systemd-nspawn --quiet --boot --register=no --keep-unit --machine="$2" --directory="$3" \
  --console=pipe --link-journal=no --resolv-conf=off --timezone=off --notify-ready=no \
  --capability=CAP_SYS_RESOURCE --network-veth-extra="port-$2:eth0" systemd.show_status=0
"""
"""How a host is started: $1 is the cgroup, $2 its name, $3 its disk.

CAP_SYS_RESOURCE, which a real host has, is what lets systemd raise the limits of a unit."""

ENVIRONMENT = (
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME=/root",
    "LANG=C.UTF-8",
    "TERM=dumb",
    "SYSTEMD_PAGER=",
    "SYSTEMD_COLORS=0",
)
"""What a command on a host inherits, as if somebody had logged in."""


class Machine:
    """One host. It has a disk from the beginning, and runs from `boot` on."""

    def __init__(self, lab: Lab, keeper: Keeper, root: Path, name: str, address: str) -> None:
        self.name = name
        self.mac = ""
        self._lab = lab
        self._keeper = keeper
        self._disk = keeper.directory / name / "root"
        self._console = lab.directory / f"{name}.console"
        self._process: subprocess.Popen[bytes] | None = None
        keeper.run(DISK, str(keeper.directory), name, str(root))
        self.network = f"[Match]\nName=eth0\n[Network]\nIPv6AcceptRA=no\nAddress={address}\n"
        self.write("/etc/hostname", f"{name}\n")
        self.write(NETWORK_FILE, self.network)

    # -- power and cable ------------------------------------------------------------------

    def boot(self) -> None:
        """Turn it on and wait until systemd has started everything. Raises: VipdError."""
        arguments = (self._keeper.cgroup, self.name, str(self._disk))
        with self._console.open("ab") as console:
            self._process = subprocess.Popen(
                [*self._keeper.enter, "/bin/sh", "-euc", BOOT, "boot", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                env=environment(),
                start_new_session=True,
            )
        self._lab.wait_until(self._has_port, BOOT_TIMEOUT_S, f"{self.name} is turned on")
        self.join()
        self._lab.wait_until(self._is_up, BOOT_TIMEOUT_S, f"{self.name} boots")
        self.mac = self.run("cat", "/sys/class/net/eth0/address").strip()

    def crash(self) -> None:
        """Pull its power: everything on it ends at once, and its cable is dead."""
        leader = self.leader()
        self.cut()
        self._keeper.run('kill -KILL "$1"', str(leader))
        self.wait_off()

    def reboot(self) -> None:
        """Start it anew in the orderly way."""
        self.run("systemctl", "reboot")
        self.wait_off()
        self.boot()

    def wait_off(self) -> None:
        """Wait until it is turned off."""
        assert self._process is not None
        self._process.wait(BOOT_TIMEOUT_S)
        self._process = None

    def cut(self) -> None:
        """Pull its cable at the switch."""
        self._lab.switch.ip(f"link set dev {self.port} down")

    def join(self) -> None:
        """Plug its cable into the switch."""
        self._lab.switch.ip(f"link set dev {self.port} master switch up")

    @property
    def port(self) -> str:
        """The interface of the switch that its cable is plugged into."""
        return f"port-{self.name}"

    @property
    def running(self) -> bool:
        """Whether it is turned on."""
        return self._process is not None

    def leader(self) -> int:
        """Process 1 of the host, as this machine sees it. Raises: VipdError when there is none."""
        assert self._process is not None, f"{self.name} is turned off"
        nspawn = self._process.pid
        if self._process.poll() is not None:
            raise VipdError(f"{self.name} is off: {self._console.read_text(errors='replace')}")
        with suppress(OSError):
            children = Path(f"/proc/{nspawn}/task/{nspawn}/children").read_text().split()
            for child in children:
                status = Path(f"/proc/{child}/status").read_text().splitlines()
                if any(line.startswith("NSpid:") and line.endswith("\t1") for line in status):
                    return int(child)
        raise VipdError(f"{self.name} has no process 1")

    def _has_port(self) -> bool:
        shown = self._lab.switch.run(["ip", "link", "show", "dev", self.port], check=False)
        return shown.returncode == 0

    def _is_up(self) -> bool:
        with suppress(VipdError):
            return self.attempt("systemctl", "is-system-running").stdout.strip() == "running"
        return False

    # -- files and commands ---------------------------------------------------------------

    def file(self, path: str) -> Path:
        """How a file on its disk is reached from here.

        Why: not below /run or /tmp, which lie in its memory; and a link that leads to an absolute
        path leads astray.
        """
        return self._keeper.path(self._disk) / path.removeprefix("/")

    def write(self, path: str, text: str) -> None:
        """Write a file on its disk."""
        self.file(path).parent.mkdir(parents=True, exist_ok=True)
        self.file(path).write_text(text)

    def run(self, *argv: str, timeout_s: float = COMMAND_TIMEOUT_S) -> str:
        """Run a command and return what it says. Raises: VipdError when it fails."""
        done = self.attempt(*argv, timeout_s=timeout_s)
        if done.returncode != 0:
            said = (done.stderr + done.stdout).strip()
            raise VipdError(f"{self.name}: `{shlex.join(argv)}` failed: {said}")
        return done.stdout

    def attempt(
        self, *argv: str, timeout_s: float = COMMAND_TIMEOUT_S
    ) -> subprocess.CompletedProcess[str]:
        """Run a command, which may fail."""
        namespaces = ("-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w", "--")
        return subprocess.run(
            [
                *("nsenter", "-t", str(self.leader()), *namespaces),
                *("env", "-i", *ENVIRONMENT, *argv),
            ],
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    # -- vipd -----------------------------------------------------------------------------

    @property
    def main_pid(self) -> int:
        """The agent's process, as the host sees it; 0 when there is none."""
        shown = self.run("systemctl", "show", "--property=MainPID", "--value", UNIT)
        return int(shown)

    def signal(self, name: str) -> None:
        """Send the agent a signal."""
        self.run("systemctl", "kill", "--kill-whom=main", f"--signal={name}", UNIT)

    def report(self) -> AgentReport | None:
        """What the agent says of itself; None when none answers."""
        if not self.running:
            return None
        try:
            socket = Path(f"/proc/{self.leader()}/root{CONTROL_SOCKET}")
            reply = ask(socket, StatusRequest(), timeout_s=ANSWER_TIMEOUT_S)
        except VipdError:
            return None
        assert not isinstance(reply, ErrorReply), "nothing was asked for by name"
        return reply.status

    def instance(self) -> InstanceReport | None:
        """What the agent says of its first instance; None when none answers."""
        report = self.report()
        return next(iter(report.instances), None) if report else None

    def state(self) -> State | None:
        """What the instance is; None when no agent answers."""
        found = self.instance()
        return found.state if found else None

    def journal(self, *matches: str) -> list[dict[str, Any]]:
        """The records of the unit that have these fields, such as `INSTANCE=web`."""
        said = self.run("journalctl", "--unit", UNIT, "--output=json", *matches)
        return [json.loads(line) for line in said.splitlines()]
