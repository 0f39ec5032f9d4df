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
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from vipd import __version__, log
from vipd.agent import realtime
from vipd.agent.alarm import LoopAlarm
from vipd.agent.attendant import Attendant
from vipd.agent.capability import Capability, require
from vipd.agent.fellow_rounds import Rounds
from vipd.agent.grouping import grouped
from vipd.agent.hello import Hellos
from vipd.agent.hook_desk import HookDesk
from vipd.agent.instance import Instance
from vipd.agent.journal import Journal
from vipd.agent.journal_file import journal_beside
from vipd.agent.memory import Entry, Memory, key_of
from vipd.agent.operations import Operations
from vipd.agent.order import OrderBook
from vipd.agent.ports import Ports
from vipd.agent.reading import read_apart
from vipd.agent.reload import Reloading
from vipd.agent.report import Reporter
from vipd.agent.runtime import Runtime
from vipd.agent.staff import Staff
from vipd.agent.supervisor import Supervisor
from vipd.agent.tracking import Tracking
from vipd.agent.web import WebKeeper
from vipd.config.change import Change
from vipd.config.host import load_checked
from vipd.config.model import AgentConfig, Config
from vipd.control.access import administrators
from vipd.control.server import ControlServer
from vipd.core.config import InstanceConfig
from vipd.core.units import SECOND
from vipd.net.address import Addresses
from vipd.net.advert import AdvertSockets
from vipd.net.announcer import Announcer
from vipd.net.hello import HelloSockets
from vipd.net.link import Links
from vipd.net.neighbor import Neighbors
from vipd.net.netlink import Requests
from vipd.net.tap import Tap
from vipd.net.virtual_mac import VirtualMacs

REMEMBER_EVERY_S = 0.25
"""How often it is looked whether the memory of this agent is out of date."""

TICK_S = 1.0
"""How often it is looked whether an order is over, and the others are told of this agent."""


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
        self._loop.call_later(REMEMBER_EVERY_S, self._remember_again)

    def _tick(self) -> None:
        """What is to be done now and then, and never urgently."""
        self._staff.operations.expire()
        self._loop.call_later(TICK_S, self._tick)

    def _beat(self) -> None:
        if heartbeat := self._supervisor.heartbeat:
            self._supervisor.alive()
            self._loop.call_later(heartbeat / SECOND, self._beat)


def prepared(config: Config, staff: Staff) -> tuple[InstanceConfig, ...]:
    """Have the trackers and the hooks of a configuration; its instances, as they will run."""
    instances = grouped(config.instances, config.groups)
    staff.desk.apply(instances, config.groups)
    staff.tracking.apply(config.trackers)
    return instances


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
    asyncio.run(_serve(file, config))


async def _serve(file: Path, config: Config) -> None:
    """Run the agent.

    Order: the control socket comes before the network, because it is what keeps a second agent
    away; the runtime stops before anything that it needs is closed.
    """
    clock = time.monotonic_ns
    async with AsyncExitStack() as stack:
        world = stack.enter_context(_world())
        alarm = LoopAlarm(asyncio.get_running_loop())
        runtime = alarm.runtime = Runtime(world.ports, clock, alarm, log.get())
        journal = Journal(journal_beside(config.agent.control_socket), clock, log.get())
        hello_sockets = stack.enter_context(closing(HelloSockets(config.agent.hello_port)))
        hellos = Hellos(hello_sockets, clock, log.get())
        staff = _employ(stack, runtime, config.agent, journal, hellos, hello_sockets.fileno())
        supervisor = Supervisor()
        reloading = _reloading(file, runtime, staff, supervisor)
        memory = Memory(config.agent.state_file, clock, log.get())
        agent = Agent(config.agent, runtime, memory, supervisor, staff, reloading)
        agent.listen()
        web = _serve_web(stack, config.agent)
        reporter = _reporter(runtime, world.ports, staff, hellos, reloading, web)
        attendant = Attendant(reporter, staff, reloading, administrators())
        server = ControlServer(config.agent.control_socket, attendant.answer)
        await server.start()
        stack.push_async_callback(server.close)
        stack.callback(journal.close)
        log.get().info("started", version=__version__, file=str(file))
        journal.note("agent", "started", f"vipd {__version__} started with {file}")
        if config.agent.realtime:
            realtime.enter(log.get())
        stack.callback(staff.rounds.end)
        stack.callback(agent.leave_at_once)
        agent.start(config)
        stack.enter_context(_watched(world.descriptors, runtime.wake))
        stack.enter_context(_watched(world.whispers, runtime.overhear))
        await agent.stay()


def _employ(
    stack: AsyncExitStack,
    runtime: Runtime,
    settings: AgentConfig,
    journal: Journal,
    hellos: Hellos,
    hello_descriptor: int,
) -> Staff:
    """Have those who work beside the runtime: they tell it what they know, and it tells them."""
    clock = time.monotonic_ns
    tracking = Tracking(clock, log.get(), runtime.tell)
    stack.callback(tracking.stop)
    desk = HookDesk(clock, log.get(), runtime.answer)
    stack.callback(desk.close)
    book = OrderBook(settings.maintenance_file, time.time_ns, log.get())
    operations = Operations(runtime, book, hellos, journal, clock)
    rounds = Rounds(
        hellos,
        hello_descriptor,
        lambda: runtime.instances,
        lambda: book.maintenance is not None,
    )

    def tell(instance: Instance, code: str, text: str) -> None:
        journal.note("peer", code, text, instance=instance.config.name)

    hellos.on_change = tell
    staff = Staff(tracking, desk, book, operations, journal, rounds)
    runtime.work_with(staff)
    return staff


def _reloading(file: Path, runtime: Runtime, staff: Staff, supervisor: Supervisor) -> Reloading:
    """Have what takes over a new configuration, and tells who has to know of that."""

    def prepare(config: Config) -> Sequence[InstanceConfig]:
        return prepared(config, staff)

    def tell(changes: Sequence[Change]) -> None:
        staff.operations.reloaded()
        changed = ", ".join(f"{one.verdict} {one.section} {one.name}".rstrip() for one in changes)
        staff.journal.note("reload", "reloaded", changed or "all as it was")

    def refuse(problem: str) -> None:
        staff.journal.note("reload", "refused", problem)

    reloading = Reloading(file, read_apart, runtime, prepare, supervisor, log.get())
    reloading.on_reloaded, reloading.on_refused = tell, refuse
    return reloading


def _reporter(
    runtime: Runtime,
    ports: Ports,
    staff: Staff,
    hellos: Hellos,
    reloading: Reloading,
    web: WebKeeper | None,
) -> Reporter:
    """Have who tells of all that."""
    return Reporter(
        runtime,
        ports,
        time.monotonic_ns,
        tracking=staff.tracking,
        desk=staff.desk,
        lag=staff.lag,
        hellos=hellos,
        orders=staff.book,
        reloading=reloading,
        warnings=lambda: web.warnings if web else (),
    )


def _serve_web(stack: AsyncExitStack, settings: AgentConfig) -> WebKeeper | None:
    """Have a process of its own serve metrics and the status page, if that is wanted."""
    if settings.metrics is None:
        return None
    keeper = WebKeeper(settings.control_socket, settings.metrics, log.get())
    stack.callback(keeper.stop)
    asyncio.get_running_loop().call_soon(keeper.start)
    return keeper


@dataclass(frozen=True, slots=True, kw_only=True)
class _World:
    """The real world: the ports, and the descriptors that tell when something happened there.

    `whispers` are those of what others say about us, which comes after what they say to us.
    """

    ports: Ports
    descriptors: tuple[int, ...]
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
            descriptors=(links.fileno(), adverts.fileno()),
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
