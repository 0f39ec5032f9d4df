"""Two hosts with vipd on one switch, and a client that asks for their address."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

from hosts.keeper import Keeper
from hosts.machine import CONFIG_FILE, Machine
from hosts.package import install
from vipd.core.model import State
from vipd.lab.client import Probe
from vipd.lab.lab import Lab

_T = TypeVar("_T")

ADDRESS: Final = "192.0.2.100"
INTERVAL_S: Final = 1.0
PRIORITIES: Final = {"h1": 150, "h2": 100}
DOWN_S: Final = 3 * INTERVAL_S + INTERVAL_S * (256 - PRIORITIES["h2"]) / 256
"""The silence after which h2 takes over. RFC: 9568 §6.1 (Active_Down_Interval)."""

PROBE_INTERVAL_MS = 10.0
SETTLE_TIMEOUT_S = 20.0

CONFIG: Final = """\
[instance.web]
interface = "eth0"
vrid = 51
addresses = ["{address}/24"]
priority = {priority}
"""


class NamedLab(Lab):
    """A lab that tells the hosts by their MAC addresses."""

    machines: tuple[Machine, ...] = ()

    def host_with_mac(self, mac: str) -> str:
        """The name of the host that has this MAC address."""
        return next((one.name for one in self.machines if one.mac == mac), mac)


class Rack:
    """The hosts h1, which is preferred, and h2; from `with` to the end of the block."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.lab = stack.enter_context(NamedLab())
            stack.callback(self._reap)
            keeper = stack.enter_context(Keeper(self.lab))
            self.h1, self.h2 = self.lab.machines = tuple(
                Machine(self.lab, keeper, self._root, f"h{number}", f"192.0.2.1{number}/24")
                for number in (1, 2)
            )
            client = self.lab.add_host("client", addresses=["192.0.2.13/24"])
            self.probe = stack.enter_context(Probe(self.lab, client, ADDRESS, PROBE_INTERVAL_MS))
            self._each(Machine.boot)
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
    def machines(self) -> tuple[Machine, ...]:
        """The hosts."""
        return self.lab.machines

    def install(self, package: Path) -> tuple[str, ...]:
        """Install vipd on all hosts, without a configuration. Returns what the package says."""
        return self._each(lambda machine: install(machine, package))

    def enable(self) -> None:
        """Configure vipd, and have it started now and at every boot."""
        for machine in self.machines:
            machine.write(CONFIG_FILE, self.config(machine))
        self._each(lambda machine: machine.run("systemctl", "enable", "--now", "vipd"))

    def config(self, machine: Machine, **changes: object) -> str:
        """The configuration of a host."""
        return CONFIG.format(
            **{"address": ADDRESS, "priority": PRIORITIES[machine.name], **changes}
        )

    def settle(self) -> None:
        """Undo what has befallen the hosts: h1 serves, h2 waits, the client knows.

        Raises: VipdError when that does not come about.
        """
        for machine in self.machines:
            if not machine.running:
                machine.boot()
            machine.join()
            machine.run("systemctl", "start", "vipd")
            if (report := machine.report()) and report.maintenance:
                machine.run("vipd", "maintenance", "off")
        self.lab.wait_until(self._settled, SETTLE_TIMEOUT_S, "h1 serves and h2 waits")

    def wait_owner(self, machine: Machine, timeout_s: float) -> None:
        """Wait until a host says that it serves, and the client is answered by it."""

        def served() -> bool:
            return machine.state() is State.MASTER and self.probe.owner() == machine.name

        self.lab.wait_until(served, timeout_s, f"{machine.name} serves")

    def _reap(self) -> None:
        """Order: the keeper has ended the hosts."""
        for machine in self.machines:
            if machine.running:
                machine.wait_off()

    def _settled(self) -> bool:
        states = (self.h1.state(), self.h2.state())
        return states == (State.MASTER, State.BACKUP) and self.probe.owner() == self.h1.name

    def _each(self, act: Callable[[Machine], _T]) -> tuple[_T, ...]:
        """Do the same on all hosts at once."""
        with ThreadPoolExecutor() as side_by_side:
            return tuple(side_by_side.map(act, self.machines))
