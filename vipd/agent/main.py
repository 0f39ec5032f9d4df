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
from dataclasses import dataclass, fields
from pathlib import Path

from vipd import __version__, log
from vipd.agent import realtime
from vipd.agent.attendant import Attendant
from vipd.agent.capability import Capability, require
from vipd.agent.grouping import grouped
from vipd.agent.hook_desk import HookDesk
from vipd.agent.instance import Instance
from vipd.agent.memory import Entry, Memory, key_of
from vipd.agent.ports import Clock, Ports
from vipd.agent.report import Reporter
from vipd.agent.runtime import Runtime
from vipd.agent.supervisor import Supervisor
from vipd.agent.tracking import Tracking
from vipd.config.load import load
from vipd.config.model import AgentConfig, Config
from vipd.control.server import ControlServer
from vipd.core.config import InstanceConfig
from vipd.core.units import SECOND, Instant
from vipd.errors import ConfigError
from vipd.net.address import Addresses
from vipd.net.advert import AdvertSockets
from vipd.net.announcer import Announcer
from vipd.net.link import Links
from vipd.net.neighbor import Neighbors
from vipd.net.netlink import Requests
from vipd.net.tap import Tap
from vipd.net.virtual_mac import VirtualMacs

REMEMBER_EVERY_S = 0.25
"""How often it is looked whether the memory of this agent is out of date."""


class LoopAlarm:
    """An alarm that goes off on the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._handle: asyncio.TimerHandle | None = None
        self.runtime: Runtime | None = None

    def set(self, at: Instant) -> None:
        """Wake the runtime at this moment instead of any moment set before."""
        if self._handle:
            self._handle.cancel()
        self._handle = self._loop.call_later((at - time.monotonic_ns()) / SECOND, self._ring)

    def _ring(self) -> None:
        assert self.runtime is not None, "the alarm is set by the runtime that it wakes"
        self.runtime.ring()


class Agent:
    """One agent: what signals, a reload and a failure mean for it."""

    def __init__(
        self,
        file: Path,
        settings: AgentConfig,
        runtime: Runtime,
        memory: Memory,
        supervisor: Supervisor,
        tracking: Tracking,
        desk: HookDesk,
    ) -> None:
        self._file = file
        self._settings = settings
        self._runtime = runtime
        self._memory = memory
        self._supervisor = supervisor
        self._tracking = tracking
        self._desk = desk
        self._log = log.get()
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._left = asyncio.Event()
        self._reloading: asyncio.Task[None] | None = None
        self._reloads_wanted = False

    def listen(self) -> None:
        """Mind the signals from now on, and whatever fails on the loop."""
        self._loop.set_exception_handler(self._fail)
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._end, number)
        self._loop.add_signal_handler(signal.SIGHUP, self._hang_up)

    def start(self, config: Config) -> None:
        """Start every instance; what an earlier life has served shortly before is carried on."""
        recalled = self._memory.recall()
        instances = self._prepare(config)
        entries = {one.name: recalled.get(key_of(one)) for one in instances}
        spoke = {name: one.spoke for name, one in entries.items() if one and one.spoke is not None}
        for group in config.groups:
            if not spoke.keys() >= set(group.members):
                spoke = {name: at for name, at in spoke.items() if name not in group.members}
        self._runtime.start(instances, spoke)

    def _prepare(self, config: Config) -> tuple[InstanceConfig, ...]:
        """Have the trackers and the hooks of a configuration; its instances, as they will run."""
        instances = grouped(config.instances, config.groups)
        self._desk.apply(instances, config.groups)
        self._tracking.apply(config.trackers)
        return instances

    async def stay(self) -> None:
        """Stay until a signal or a failure ends it; then let others take over, unless it failed.

        Raises: whatever nobody expected.
        """
        self._supervisor.ready()
        self._beat()
        self._remember_again()
        self._runtime.when_changed = self._remember_soon
        try:
            await self._ended
        finally:
            self._supervisor.stopping()
        self._memory.forget()
        self._runtime.when_done = self._left.set
        self._runtime.stop()
        if self._runtime.handing_over:
            await self._left.wait()
        self._tracking.stop()
        await self._desk.end()

    def leave_at_once(self) -> None:
        """Let go of everything now. Order: nobody is to carry on what has been given up."""
        self._memory.forget()
        self._runtime.halt()

    def _end(self, number: signal.Signals) -> None:
        """The first signal ends the agent; one more ends what it still does: the handover, or,
        once that is over, the hooks."""
        self._log.info("stopping", signal=number.name)
        if not self._ended.done():
            self._ended.set_result(None)
        elif self._runtime.handing_over:
            self._runtime.halt()
        else:
            self._desk.close()

    def _fail(self, _: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        error = context.get("exception")
        if not isinstance(error, Exception):
            error = RuntimeError(str(context.get("message")))
        if not self._ended.done():
            self._ended.set_exception(error)
        elif not self._left.is_set():
            self._log.error("failed while it handed over", error=str(error))
            self._left.set()

    def _hang_up(self) -> None:
        """Reload; a second SIGHUP during a reload makes one more, a third changes nothing."""
        if self._ended.done():
            return
        self._reloads_wanted = True
        if self._reloading is None or self._reloading.done():
            self._reloading = self._loop.create_task(self._reload())
            self._reloading.add_done_callback(self._check)

    async def _reload(self) -> None:
        """Read the configuration anew; one with errors leaves the old one running.

        Why: it is read in a thread, because that takes longer than a short advert interval. An
        agent that has been told to end meanwhile starts nothing any more.
        """
        while self._reloads_wanted:
            self._reloads_wanted = False
            self._supervisor.reloading()
            try:
                config = await asyncio.to_thread(load, self._file)
            except ConfigError as error:
                for problem in error.problems:
                    self._log.error("reload refused", file=error.file, problem=str(problem))
            else:
                if self._ended.done():
                    return
                self._runtime.apply(self._prepare(config))
                self._warn(config.agent)
                self._log.info("reloaded", file=str(self._file), instances=len(config.instances))
            self._supervisor.ready()

    def _warn(self, wanted: AgentConfig) -> None:
        """Say what a reload cannot change."""
        if wanted != self._settings:
            names = [field.name for field in fields(wanted)]
            changed = [n for n in names if getattr(wanted, n) != getattr(self._settings, n)]
            text = "a change of [agent] takes effect when the agent is restarted"
            self._log.warning(text, changed=", ".join(changed))

    def _check(self, task: asyncio.Task[None]) -> None:
        """A reload that failed in a way nobody expected ends the agent, as any other failure."""
        if not task.cancelled() and (error := task.exception()):
            self._fail(self._loop, {"exception": error})

    def _remember(self) -> None:
        """Keep up to date what the next life has to know if this one ends as nobody wants."""
        self._memory.save([_entry(instance) for instance in self._runtime.instances])

    def _remember_soon(self) -> None:
        """Why: not before what has to be done at once is done."""
        self._loop.call_soon(self._remember)

    def _remember_again(self) -> None:
        self._remember()
        self._loop.call_later(REMEMBER_EVERY_S, self._remember_again)

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
    asyncio.run(_serve(file, load(file)))


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
        memory = Memory(config.agent.state_file, clock, log.get())
        tracking, desk = _attach(runtime, clock)
        stack.callback(tracking.stop)
        stack.callback(desk.close)
        agent = Agent(file, config.agent, runtime, memory, Supervisor(), tracking, desk)
        agent.listen()
        reporter = Reporter(runtime, world.ports, clock, tracking, desk)
        server = ControlServer(config.agent.control_socket, Attendant(reporter).answer)
        await server.start()
        stack.push_async_callback(server.close)
        log.get().info("started", version=__version__, file=str(file))
        if config.agent.realtime:
            realtime.enter(log.get())
        stack.callback(agent.leave_at_once)
        agent.start(config)
        stack.enter_context(_watched(world.descriptors, runtime.wake))
        stack.enter_context(_watched(world.whispers, runtime.overhear))
        await agent.stay()


def _attach(runtime: Runtime, clock: Clock) -> tuple[Tracking, HookDesk]:
    """Give the runtime what tells of the health of this host, and what runs hooks."""
    tracking = Tracking(clock, log.get(), runtime.tell)
    desk = HookDesk(clock, log.get(), runtime.answer)
    runtime.known = tracking.reports
    runtime.let_ask(desk.ask)
    runtime.when_moved = desk.transition
    return tracking, desk


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
