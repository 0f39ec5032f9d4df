"""A whole agent in a world of fakes, but for its sockets: what `vipd.agent.main` puts together."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fake_world import FakeAddresses, World

from vipd.agent.fellow_rounds import Rounds
from vipd.agent.hello import Hellos
from vipd.agent.hook_desk import HookDesk
from vipd.agent.journal import Journal
from vipd.agent.main import Agent
from vipd.agent.memory import Memory
from vipd.agent.operations import Operations
from vipd.agent.order import OrderBook
from vipd.agent.rehearsal import Rehearsal
from vipd.agent.reload import Reloading
from vipd.agent.runtime import Runtime
from vipd.agent.staff import Staff
from vipd.agent.staffing import prepared
from vipd.agent.supervisor import Supervisor
from vipd.agent.tracking import Tracking
from vipd.config.load import load
from vipd.config.model import AgentConfig, Config
from vipd.core.model import Channel, IPAddress
from vipd.wire.vrrp import Datagram


class SilentHellos:
    """Hellos that nobody sends and nobody hears."""

    def open(self, channel: Channel) -> None:
        del channel

    def retain(self, channels: Collection[Channel]) -> None:
        del channels

    def send(self, channel: Channel, destination: IPAddress, payload: bytes) -> None:
        del channel, destination, payload

    def drain(self) -> Iterable[tuple[Channel, Datagram]]:
        return ()


@dataclass
class Staffed:
    """An agent, and who works in it."""

    world: World
    settings: AgentConfig
    runtime: Runtime
    staff: Staff
    reloading: Reloading
    agent: Agent


def settings_in(directory: Path) -> AgentConfig:
    """An agent whose files lie in one directory; it says nothing to others."""
    return AgentConfig(
        control_socket=directory / "control.sock",
        runtime_directory=directory,
        state_directory=directory / "lib",
        realtime=False,
        hellos=False,
    )


def staffed(
    world: World,
    directory: Path,
    *,
    runtime: Runtime | None = None,
    supervisor: Supervisor | None = None,
) -> Staffed:
    """Put an agent together on the running loop, as the composition root does."""
    log: Any = world.log
    runtime = runtime or world.runtime()
    settings = settings_in(directory)
    hellos = Hellos(SilentHellos(), world.clock, log)
    journal = Journal(directory / "journal.jsonl", world.clock, log)
    book = OrderBook(settings.maintenance_file, world.clock, log)
    staff = Staff(
        Tracking(world.clock, log, runtime.tell),
        HookDesk(world.clock, log, runtime.answer),
        book,
        Operations(runtime, book, hellos, journal, world.clock),
        journal,
        Rounds(hellos, -1, lambda: runtime.instances, lambda: False),
        Rehearsal(FakeAddresses(World()), world.clock),
    )
    runtime.work_with(staff)

    async def read(file: Path) -> Config:
        return load(file)

    supervisor = supervisor or Supervisor({})
    file = directory / "vipd.toml"
    reloading = Reloading(
        file, read, runtime, lambda config: prepared(config, staff), supervisor, log
    )
    memory = Memory(settings.state_file, world.clock, log, boot="this")
    agent = Agent(settings, runtime, memory, supervisor, staff, reloading)
    return Staffed(world, settings, runtime, staff, reloading, agent)
