"""An agent with hellos: all of the real one that they need, told what to do by files.

    python -m hello_agent vipd.toml DIRECTORY

It writes `peers.json` to the directory whenever anything but an age has changed, `events.jsonl` as
things happen, and `lag.json`, once a second, with how late its loop has been at worst, and how much
of a processor it has used since it began. It is in maintenance while there is a file of that name.
SIGTERM ends it in order.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from contextlib import ExitStack, closing
from pathlib import Path

import msgspec

from vipd import log
from vipd.agent.alarm import LoopAlarm
from vipd.agent.fellow_rounds import Rounds
from vipd.agent.grouping import grouped
from vipd.agent.hello import Hellos
from vipd.agent.instance import Instance
from vipd.agent.ports import Ports
from vipd.agent.runtime import Runtime
from vipd.agent.tracking import Tracking
from vipd.config.load import load
from vipd.net.address import Addresses
from vipd.net.advert import AdvertSockets
from vipd.net.announcer import Announcer
from vipd.net.hello import HelloSockets
from vipd.net.link import Links
from vipd.net.neighbor import Neighbors
from vipd.net.netlink import Requests
from vipd.net.tap import Tap
from vipd.net.virtual_mac import VirtualMacs

LOOK_EVERY_S = 0.01
LAG_EVERY = 100
SHOWN = 3
"""Of so many instances the peers are shown; of the others it is counted how many are ready."""


class HelloAgent:
    """The agent, and what the test sees of it."""

    def __init__(self, file: Path, directory: Path, stack: ExitStack) -> None:
        requests = stack.enter_context(closing(Requests()))
        links = stack.enter_context(closing(Links(requests)))
        neighbors = stack.enter_context(closing(Neighbors(links)))
        adverts = stack.enter_context(closing(AdvertSockets()))
        self._sockets = stack.enter_context(closing(HelloSockets()))
        self._ports = Ports(
            adverts=adverts,
            addresses=stack.enter_context(closing(Addresses(requests, links))),
            virtual_macs=stack.enter_context(closing(VirtualMacs(requests, links))),
            announcer=stack.enter_context(closing(Announcer(links))),
            neighbors=neighbors,
            tap=stack.enter_context(closing(Tap(links))),
            links=links,
        )
        self._descriptors = (links.fileno(), adverts.fileno(), neighbors.fileno())
        self._config = load(file)
        self._directory = directory
        self._loop = asyncio.get_running_loop()
        alarm = LoopAlarm(self._loop)
        self.runtime = alarm.runtime = Runtime(self._ports, time.monotonic_ns, alarm, log.get())
        self._tracking = Tracking(time.monotonic_ns, log.get(), self.runtime.tell)
        self.runtime.known = self._tracking.reports
        self.hellos = Hellos(self._sockets, time.monotonic_ns, log.get())
        self.hellos.on_change = self._note
        self._rounds = Rounds(
            self.hellos,
            self._sockets.fileno(),
            lambda: self.runtime.instances,
            (directory / "maintenance").exists,
        )
        self._told: object = None
        self._looks = 0
        self._worst_s = 0.0

    async def run(self) -> None:
        """Do as the composition root does."""
        ended, left = asyncio.Event(), asyncio.Event()
        self._loop.add_signal_handler(signal.SIGTERM, ended.set)
        self._tracking.apply(self._config.trackers)
        self.runtime.start(grouped(self._config.instances, self._config.groups))
        for descriptor in self._descriptors:
            self._loop.add_reader(descriptor, self.runtime.overhear)
        self._rounds.begin()
        self.runtime.when_changed = self._rounds.soon
        self._look(self._loop.time())
        await ended.wait()
        self.runtime.when_done = left.set
        self.runtime.stop()
        if self.runtime.handing_over:
            await left.wait()
        self._rounds.end()
        self._tracking.stop()

    def _look(self, due: float) -> None:
        """Tell what has changed, and how late the loop is."""
        self._looks, late = self._looks + 1, self._loop.time() - due
        self._worst_s = max(self._worst_s, late)
        self._loop.call_at(due + late + LOOK_EVERY_S, self._look, due + late + LOOK_EVERY_S)
        if self._looks % LAG_EVERY == 0:
            self._write("lag", {"worst_s": self._worst_s, "cpu_s": time.process_time()})
            self._worst_s = 0.0
        instances = self.runtime.instances
        told = {
            "peers": {
                one.config.name: [
                    msgspec.structs.replace(peer, age_s=0.0) for peer in self.hellos.fellows_of(one)
                ]
                for one in instances[:SHOWN]
            },
            "ready": sum(map(self.hellos.ready_fellows, instances)),
            "states": [one.machine.state.value for one in instances],
            "maintenance": (self._directory / "maintenance").exists(),
            "dropped": {fault.value: n for fault, n in self.hellos.dropped.items()},
        }
        if told != self._told:
            self._told = told
            self._rounds.soon()
            self._write("peers", told)

    def _write(self, name: str, told: object) -> None:
        draft = self._directory / f"{name}.draft"
        draft.write_bytes(msgspec.json.encode(told))
        draft.rename(self._directory / f"{name}.json")

    def _note(self, instance: Instance, code: str, text: str) -> None:
        with (self._directory / "events.jsonl").open("a") as events:
            said = {"at": time.monotonic(), "instance": instance.config.name}
            events.write(json.dumps(said | {"code": code, "text": text}) + "\n")


async def serve(file: Path, directory: Path) -> None:
    with ExitStack() as stack:
        await HelloAgent(file, directory, stack).run()


if __name__ == "__main__":
    log.configure("json")
    asyncio.run(serve(Path(sys.argv[1]), Path(sys.argv[2])))
