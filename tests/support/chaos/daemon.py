"""The daemons that the chaos suite is played with, all handled alike: vipd and keepalived.

Theory of operation. Neither is asked what it has done to the kernel: that is seen from outside.
What they say of their states is read only to know when a scenario may begin, and to count
transitions. A signal that holds or kills a daemon reaches its whole process tree.
"""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import ClassVar, Protocol

from interop_mode import INTERFACE, Mode, Role
from peer import END_TIMEOUT_S, kill_tree
from peer_keepalived import ENTERING, Keepalived

from vipd import __version__
from vipd.control.client import NoAgent
from vipd.core.model import State
from vipd.lab.agent import Agent
from vipd.lab.lab import Host, Lab
from vipd.lab.pause import wait_until


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What a daemon is told to be. `more` are lines for each instance, for vipd alone."""

    modes: Sequence[Mode]
    priority: int
    more: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """What a daemon takes of its host. Units: `resident_kb` is in kibibytes."""

    descriptors: int
    resident_kb: int


class Daemon(Protocol):
    """One daemon on one host."""

    PROGRAMS: ClassVar[Mapping[str, str]]
    """What must be installed, and the Debian packages that have it."""

    host: Host

    def __init__(self, lab: Lab, host: Host, part: Part) -> None: ...

    @property
    def version(self) -> str:
        """The daemon's name and version."""

    def start(self) -> None:
        """Start it, without waiting for anything."""

    def stop(self) -> None:
        """End it as its administrator would, and wait for the end."""

    def kill(self) -> None:
        """End all of its processes at once, and leave what they leave."""

    def pids(self) -> Sequence[int]:
        """Its processes, the parent first; none when it does not run."""

    def states(self) -> Mapping[str, State]:
        """What it is, by the name of the mode; empty when it does not run."""

    def transitions(self) -> int:
        """How often it has become something since it was first started."""

    def says(self, pattern: re.Pattern[str]) -> int:
        """How often this has been said on its log until now."""

    def warns(self, pattern: re.Pattern[str]) -> bool:
        """Whether this is said in its status now, if it has one."""


class Vipd:
    """An agent of ours."""

    PROGRAMS: ClassVar[Mapping[str, str]] = {}

    def __init__(self, lab: Lab, host: Host, part: Part) -> None:
        self.host = host
        self._agent = Agent(lab, host, "\n".join(_instance(mode, part) for mode in part.modes))
        self._runs = False

    @property
    def version(self) -> str:
        """The daemon's name and version."""
        return f"vipd {__version__}"

    def start(self) -> None:
        """Start it, without waiting for anything."""
        self._agent.start()
        self._runs = True

    def stop(self) -> None:
        """End it as systemd would."""
        self._runs = False
        self._agent.stop()

    def kill(self) -> None:
        """End all of its processes at once, and leave what they leave."""
        self._runs = False
        kill_tree(self._agent.pid)
        self._agent.kill()

    def pids(self) -> Sequence[int]:
        """Its processes, the parent first."""
        return tree(self._agent.pid) if self._runs else ()

    def states(self) -> Mapping[str, State]:
        """What it is, by the name of the mode. Raises: VipdError when it has ended by itself."""
        if not self._runs or self._agent.state() is None:
            return {}
        try:
            return {one.name: one.state for one in self._agent.status().instances}
        except NoAgent:
            return {}

    def transitions(self) -> int:
        """How often it has become something since it was first started."""
        return sum(line["event"] == "transition" for line in self._agent.log())

    def says(self, pattern: re.Pattern[str]) -> int:
        """How often this has been said on its log until now."""
        return sum(pattern.search(json.dumps(line)) is not None for line in self._agent.log())

    def warns(self, pattern: re.Pattern[str]) -> bool:
        """Whether this is said in its status now."""
        try:
            return pattern.search(repr(self._agent.status())) is not None
        except NoAgent:
            return False


def _instance(mode: Mode, part: Part) -> str:
    lines = [
        f"[instance.{mode.name}]",
        f'interface = "{INTERFACE}"',
        f"vrid = {mode.vrid}",
        f'addresses = ["{mode.vip}"]',
        f"priority = {part.priority}",
        f'advert_interval = "{mode.interval_ms}ms"',
        *part.more,
    ]
    return "\n".join([*lines, ""])


class ChaosKeepalived(Keepalived):
    """keepalived as it comes: what it leaves when it is killed stays."""

    def __init__(self, lab: Lab, host: Host, part: Part) -> None:
        del lab
        own = next(one.ip for one in host.addresses() if isinstance(one.ip, IPv4Address))
        super().__init__(host, {4: str(own)})
        self._transitions = 0
        self.configure(part.modes, Role(priority=part.priority), {})

    def start(self) -> None:
        """Start it; its log begins anew, so what it has been is noted before."""
        self._transitions = self.transitions()
        super().start()

    def kill(self) -> None:
        """End all of its processes at once, and leave what they leave, but for the pid files.

        Why: where nobody buries its orphan, it would take that for a running keepalived.
        """
        pids = self.pids()
        process, self._process = self._running, None
        kill_tree(process.pid)
        process.wait(END_TIMEOUT_S)
        wait_until(lambda: not any(map(_lives, pids)), END_TIMEOUT_S, "the children end")
        for file in self.host.directory.glob("*.pid"):
            file.unlink()

    def pids(self) -> Sequence[int]:
        """Its processes, the parent first."""
        return tree(self._process.pid) if self._process else ()

    def transitions(self) -> int:
        """How often it has become something since it was first started."""
        said = "\n".join(self._lines()) if self._log.exists() else ""
        return self._transitions + len(ENTERING.findall(said))

    def says(self, pattern: re.Pattern[str]) -> int:
        """How often this has been said on its log until now."""
        return sum(pattern.search(line) is not None for line in self._lines())

    def warns(self, pattern: re.Pattern[str]) -> bool:
        """Whether this is said in its status now: it has none."""
        del pattern
        return False


KINDS: Mapping[str, type[Daemon]] = {"keepalived": ChaosKeepalived, "vipd": Vipd}


def tree(pid: int) -> Sequence[int]:
    """A process and its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return (pid, *map(int, children))


def _lives(pid: int) -> bool:
    """Whether a process is still there, and no zombie that nobody has buried."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@contextmanager
def frozen(daemon: Daemon) -> Iterator[None]:
    """Hold all of its processes still until the end of the block, however that comes."""
    pids = daemon.pids()
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in reversed(pids):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def weigh(daemon: Daemon) -> Weight:
    """What its processes take now."""
    pids = daemon.pids()
    return Weight(
        descriptors=sum(len([*Path(f"/proc/{pid}/fd").iterdir()]) for pid in pids),
        resident_kb=sum(_resident_kb(pid) for pid in pids),
    )


def _resident_kb(pid: int) -> int:
    found = re.search(r"^VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found is not None, f"process {pid} has no memory"
    return int(found[1])
