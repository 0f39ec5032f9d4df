"""The composition root: puts the real world behind the ports and runs the agent until it ends.

The only place that names concrete adapters. Everything happens on one loop: the sockets, the
alarm, the control socket, the signals and the sign of life for the watchdog, so that an agent
which hangs is seen to hang. The first SIGTERM hands over, the second lets go at once. An exception
that nobody expected ends the process after it has let go of its addresses; what supervises the
agent starts it again.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AsyncExitStack, ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from vipd import __version__, log
from vipd.agent import garbage, realtime
from vipd.agent.alarm import TimerAlarm
from vipd.agent.attendant import Attendant
from vipd.agent.capability import Capability, require
from vipd.agent.hello import Hellos
from vipd.agent.instance import Instance
from vipd.agent.journal import Journal
from vipd.agent.journal_file import journal_beside
from vipd.agent.listener import Listener
from vipd.agent.memory import Entry, Memory, key_of
from vipd.agent.ports import AddressPort, Ports
from vipd.agent.reload import Reloading
from vipd.agent.runtime import Runtime
from vipd.agent.staff import Staff
from vipd.agent.staffing import (
    employ,
    prepared,
    reloading_of,
    reporter_of,
    serve_web,
)
from vipd.agent.supervisor import Supervisor
from vipd.config.host import load_checked
from vipd.config.model import AgentConfig, Config
from vipd.control.access import administrators
from vipd.control.server import ControlServer
from vipd.core.units import SECOND
from vipd.net.address import Addresses
from vipd.net.advert import AdvertSockets
from vipd.net.announcer import Announcer
from vipd.net.hello import HelloSockets
from vipd.net.link import Links
from vipd.net.neighbor import Neighbors
from vipd.net.netlink import Requests
from vipd.net.nowhere import AddressesNowhere
from vipd.net.tap import Tap
from vipd.net.virtual_mac import VirtualMacs

REMEMBER_EVERY_S = 0.25
"""How often it is looked whether the memory of this agent is out of date, and Python's is full of
what nobody needs."""

TICK_S = 1.0
"""How often it is looked whether an order is over."""


class Agent:
    """One agent: what signals, a reload and a failure mean for it."""

    def __init__(
        self,
        settings: AgentConfig,
        runtime: Runtime,
        memory: Memory,
        supervisor: Supervisor,
        staff: Staff,
        reloading: Reloading,
    ) -> None:
        self._settings = settings
        self._runtime = runtime
        self._memory = memory
        self._supervisor = supervisor
        self._staff = staff
        self._reloading = reloading
        self._log = log.get()
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._left = asyncio.Event()

    def listen(self) -> None:
        """Mind the signals from now on, and whatever fails on the loop."""
        self._loop.set_exception_handler(self._fail)
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._end, number)
        self._loop.add_signal_handler(signal.SIGHUP, self._reloading.hang_up)
        self._reloading.on_failure = self._stumble

    def start(self, config: Config) -> None:
        """Start every instance; what an earlier life has served shortly before is carried on."""
        recalled = self._memory.recall()
        self._staff.book.recall()
        self._reloading.config = config
        instances = prepared(config, self._staff)
        entries = {one.name: recalled.get(key_of(one)) for one in instances}
        spoke = {name: one.spoke for name, one in entries.items() if one and one.spoke is not None}
        for group in config.groups:
            if not spoke.keys() >= set(group.members):
                spoke = {name: at for name, at in spoke.items() if name not in group.members}
        self._runtime.start(instances, spoke)
        garbage.settle()

    async def stay(self) -> None:
        """Stay until a signal or a failure ends it; then let others take over, unless it failed.

        Raises: whatever nobody expected.
        """
        self._supervisor.ready()
        self._beat()
        self._remember_again()
        self._tick()
        if self._settings.hellos:
            self._staff.rounds.begin()
        self._staff.changed = self._remember
        try:
            await self._ended
        finally:
            self._supervisor.stopping()
            self._reloading.end()
        self._memory.forget()
        self._staff.left = self._left.set
        self._runtime.stop()
        if self._runtime.handing_over:
            await self._left.wait()
        self._staff.tracking.stop()
        await self._staff.desk.end()

    def leave_at_once(self) -> None:
        """Let go of everything now. Order: nobody is to carry on what has been given up."""
        self._memory.forget()
        self._runtime.halt()

    def _end(self, number: signal.Signals) -> None:
        """The first signal ends the agent; one more ends what it still does: the handover, or,
        once that is over, the hooks."""
        self._log.info("stopping", signal=number.name)
        if not self._ended.done():
            self._staff.journal.note("agent", "stopping", f"the agent ends on {number.name}")
            self._ended.set_result(None)
        elif self._runtime.handing_over:
            self._runtime.halt()
        else:
            self._staff.desk.close()

    def _fail(self, _: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        error = context.get("exception")
        self._stumble(error if isinstance(error, Exception) else RuntimeError(context["message"]))

    def _stumble(self, error: BaseException) -> None:
        """Something failed in a way nobody expected: that ends the agent."""
        if not self._ended.done():
            self._ended.set_exception(error)
        elif not self._left.is_set():
            self._log.error("failed while it handed over", error=str(error))
            self._left.set()

    def _remember(self) -> None:
        """Keep up to date what the next life has to know if this one ends as nobody wants."""
        self._memory.save([_entry(instance) for instance in self._runtime.instances])

    def _remember_again(self) -> None:
        self._remember()
        garbage.sweep()
        self._loop.call_later(REMEMBER_EVERY_S, self._remember_again)

    def _tick(self) -> None:
        """What is to be done now and then, and never urgently."""
        self._staff.operations.expire()
        self._loop.call_later(TICK_S, self._tick)

    def _beat(self) -> None:
        if heartbeat := self._supervisor.heartbeat:
            self._supervisor.alive()
            self._loop.call_later(heartbeat / SECOND, self._beat)


def _entry(instance: Instance) -> Entry:
    machine = instance.machine
    return Entry(
        key=instance.key, state=machine.state, priority=machine.priority, spoke=machine.spoke
    )


def run(file: Path) -> None:
    """Run the agent of a configuration file until it is told to end.

    Raises: VipdError, when it cannot start.
    """
    require(
        (Capability.CAP_NET_ADMIN, Capability.CAP_NET_RAW),
        "speak VRRP and to move addresses",
        "run it as root (sudo vipd run), or as the systemd service (systemctl start vipd)",
    )
    config, problems = load_checked(file)
    for problem in problems:
        text = "this host does not have what the file names"
        log.get().warning(text, file=str(file), problem=str(problem))
    garbage.take_charge()
    asyncio.run(_serve(file, config))


async def _serve(file: Path, config: Config) -> None:
    """Run the agent.

    Order: the control socket comes before the network, because it is what keeps a second agent
    away; the runtime stops before anything that it needs is closed.
    """
    clock = time.monotonic_ns
    async with AsyncExitStack() as stack:
        world = stack.enter_context(_world())
        alarm = stack.enter_context(closing(TimerAlarm(asyncio.get_running_loop())))
        runtime = alarm.runtime = Runtime(world.ports, clock, alarm, log.get())
        journal = Journal(journal_beside(config.agent.control_socket), clock, log.get())
        hello_sockets = stack.enter_context(closing(HelloSockets(config.agent.hello_port)))
        hellos = Hellos(hello_sockets, clock, log.get())
        staff = employ(runtime, config.agent, journal, hellos, hello_sockets.fileno(), world.stage)
        supervisor = Supervisor()
        reloading = reloading_of(file, runtime, staff, supervisor)
        memory = Memory(config.agent.state_file, clock, log.get())
        agent = Agent(config.agent, runtime, memory, supervisor, staff, reloading)
        agent.listen()
        web = serve_web(stack, config.agent)
        reporter = reporter_of(runtime, world.ports, staff, hellos, reloading, web)
        attendant = Attendant(reporter, staff, reloading, administrators(), clock)
        server = ControlServer(config.agent.control_socket, attendant.answer)
        await server.start()
        stack.push_async_callback(server.close)
        stack.callback(journal.close)
        # What they end with is noted, as long as the file is ours.
        stack.callback(staff.tracking.stop)
        stack.callback(staff.desk.close)
        log.get().info("started", version=__version__, file=str(file))
        journal.note("agent", "started", f"vipd {__version__} started with {file}")
        if config.agent.realtime:
            realtime.enter(log.get())
        else:
            realtime.leave(log.get())
        stack.callback(staff.rounds.end)
        stack.callback(agent.leave_at_once)
        agent.start(config)
        stack.enter_context(_watched((world.news,), runtime.wake))
        loop = asyncio.get_running_loop()
        stack.enter_context(closing(Listener(loop, world.speech, runtime)))
        stack.enter_context(_watched(world.whispers, runtime.overhear))
        await agent.stay()


@dataclass(frozen=True, slots=True, kw_only=True)
class _World:
    """The real world: the ports, and the descriptors that tell when something happened there.

    `news` are the kernel's, `speech` is what others say to us; `whispers` are what they say about
    us, which comes after that. `stage` is where takeovers are rehearsed.
    """

    ports: Ports
    stage: AddressPort
    news: int
    speech: int
    whispers: tuple[int, ...]


@contextmanager
def _world() -> Iterator[_World]:
    with ExitStack() as stack:
        requests = stack.enter_context(closing(Requests()))
        links = stack.enter_context(closing(Links(requests)))
        addresses = stack.enter_context(closing(Addresses(requests, links)))
        virtual_macs = stack.enter_context(closing(VirtualMacs(requests, links)))
        adverts = stack.enter_context(closing(AdvertSockets()))
        announcer = stack.enter_context(closing(Announcer(links)))
        neighbors = stack.enter_context(closing(Neighbors(links)))
        tap = stack.enter_context(closing(Tap(links)))
        yield _World(
            ports=Ports(
                adverts=adverts,
                addresses=addresses,
                virtual_macs=virtual_macs,
                announcer=announcer,
                neighbors=neighbors,
                tap=tap,
                links=links,
            ),
            stage=stack.enter_context(closing(AddressesNowhere())),
            news=links.fileno(),
            speech=adverts.fileno(),
            whispers=(neighbors.fileno(), tap.fileno()),
        )


@contextmanager
def _watched(descriptors: Iterable[int], wake: Callable[[], None]) -> Iterator[None]:
    """Wake when one of the descriptors has something to say."""
    loop = asyncio.get_running_loop()
    for descriptor in descriptors:
        loop.add_reader(descriptor, wake)
    try:
        yield
    finally:
        for descriptor in descriptors:
            loop.remove_reader(descriptor)
