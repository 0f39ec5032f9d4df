"""An agent that is made up: a real control server in a thread of its own, any report behind it."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from vipd.control.access import Caller
from vipd.control.handler import Feed, Respond
from vipd.control.messages import (
    ErrorReply,
    FollowRequest,
    HistoryReply,
    HistoryRequest,
    Request,
    StatusRequest,
    answer_status,
)
from vipd.control.report import (
    AddressReport,
    AgentReport,
    ConfigReport,
    ControlReport,
    Counters,
    EffectReport,
    EventReport,
    HookReport,
    InstanceReport,
    LagReport,
    MasterReport,
    NextReport,
    OrderReport,
    PeerReport,
    StrangerReport,
    TrackerReport,
    timestamp,
)
from vipd.control.server import ControlServer
from vipd.core.model import State
from vipd.core.units import SECOND

LONG_S = 10.0
"""What a test waits before it counts as failed; never what it takes."""


def ago(seconds: float) -> str:
    """A moment in the past, as a report has it."""
    return timestamp(time.time_ns() - int(seconds * SECOND))


def web(**changes: object) -> InstanceReport:
    """An instance that serves, with something in every field that is shown."""
    facts: dict[str, object] = {
        "name": "web",
        "interface": "eth0",
        "vrid": 51,
        "version": 3,
        "state": State.MASTER,
        "since": ago(1260),
        "cause": "no advert from 192.0.2.11 (last priority 100) for 3.414 s",
        "priority": 150,
        "effective_priority": 130,
        "master": MasterReport(address="192.0.2.10", priority=130, age_s=0.3),
        "advert_interval_s": 1.0,
        "master_down_interval_s": 3.414,
        "addresses": (
            AddressReport(
                address="192.0.2.100/24",
                interface="eth0",
                held=True,
                in_kernel=True,
                lease_left_s=2.7,
            ),
            AddressReport(
                address="2001:db8:51::100/64",
                interface="eth0",
                held=True,
                in_kernel=True,
                lease_left_s=2.7,
            ),
        ),
        "counters": Counters(
            adverts_sent=14_649,
            adverts_received=12,
            adverts_failed=1,
            transitions=4,
            announced=20,
            renewed=4_883,
            claims_failed=1,
            dropped={"ttl": 1, "checksum": 21},
            mismatched={"interval": 3},
            causes={"started": 1, "master_silent": 2, "outranked": 1},
            incidents={"stalled": 1},
        ),
        "track": (EffectReport(tracker="uplink", weight=-20, adds=-20),),
        "hooks": (
            HookReport(
                moment="on_master",
                program="/etc/vipd/hooks/promote",
                ok=True,
                text="exit 0",
                took_s=0.02,
                at=ago(1259),
                runs=2,
                failures=1,
            ),
        ),
        "peers": (
            PeerReport(
                address="192.0.2.11",
                node="beta",
                state=State.BACKUP,
                priority=100,
                ready=True,
                age_s=0.4,
            ),
        ),
    }
    return InstanceReport(**(facts | changes))  # type: ignore[arg-type]


def internal(**changes: object) -> InstanceReport:
    """An instance that waits."""
    address = AddressReport(
        address="198.51.100.1/24", interface="eth1", held=False, in_kernel=False
    )
    facts: dict[str, object] = {
        "name": "internal",
        "interface": "eth1",
        "vrid": 52,
        "state": State.BACKUP,
        "since": ago(5400),
        "cause": "started",
        "priority": 100,
        "effective_priority": 100,
        "master": MasterReport(address="198.51.100.11", priority=150, age_s=0.6),
        "addresses": (address,),
        "counters": Counters(adverts_received=1_465_512, transitions=1, causes={"started": 1}),
        "track": (EffectReport(tracker="nginx"),),
        "hooks": (),
        "peers": (
            PeerReport(
                address="198.51.100.11",
                node="beta",
                state=State.MASTER,
                priority=150,
                ready=True,
                age_s=0.6,
            ),
        ),
        "next": NextReport(text="would take over from 198.51.100.11", in_s=2.8),
    }
    return web(**(facts | changes))


def report(*instances: InstanceReport, **changes: object) -> AgentReport:
    """A report of these instances, or of one that serves and one that waits."""
    facts: dict[str, object] = {
        "node": "alpha",
        "version": "0.1.0",
        "generated_at": ago(0),
        "uptime_s": 5_400.5,
        "instances": instances or (web(), internal()),
        "strangers": (StrangerReport(interface="eth0", vrid=77, source="192.0.2.77", count=9),),
        "trackers": (
            TrackerReport(
                name="nginx",
                kind="http",
                up=True,
                since=ago(5_399),
                text="HTTP 200",
                took_s=0.0012,
                next_look_s=0.35,
                looks=5_400,
                failures=3,
            ),
            TrackerReport(
                name="uplink",
                kind="interface",
                up=False,
                since=ago(1_300),
                text="eth2 has no carrier",
                looks=2,
                failures=1,
            ),
        ),
        "config": ConfigReport(file="/etc/vipd/vipd.toml", loaded_at=ago(5_400)),
        "pid": os.getpid(),
        "lag": LagReport(
            bounds_s=(0.0005, 0.001, 0.01, 0.1),
            counts=(900, 90, 9, 1, 0),
            total_s=0.4,
            worst_s=0.031,
            stalls=0,
        ),
        "control": ControlReport(requests=12, refused=1),
    }
    return AgentReport(**(facts | changes))  # type: ignore[arg-type]


MAINTENANCE = OrderReport(since=ago(600), until=None, reason="new kernel")


def transition(
    seq: int, name: str, old: State, new: State, when_s: float, text: str, **changes: object
) -> EventReport:
    """A transition so many seconds ago."""
    facts: dict[str, object] = {
        "seq": seq,
        "at": ago(when_s),
        "kind": "transition",
        "code": "master_silent",
        "text": text,
        "instance": name,
        "old": old,
        "new": new,
    }
    return EventReport(**(facts | changes))  # type: ignore[arg-type]


@dataclass
class MadeAgent:
    """Answers what is asked for the page and the metrics."""

    socket: Path
    report: AgentReport = field(default_factory=report)
    events: list[EventReport] = field(default_factory=list)
    asked: int = 0
    followers: set[Callable[[EventReport], None]] = field(default_factory=set)
    tells_events: bool = True
    hangs: bool = False

    def answer(self, request: Request, _: Caller, respond: Respond) -> Feed | None:
        """What stands behind the control socket."""
        match request:
            case StatusRequest():
                self.asked += 1
                if not self.hangs:
                    now = msgspec.structs.replace(self.report, generated_at=ago(0))
                    respond(answer_status(request, now))
            case HistoryRequest() if self.tells_events:
                kept = [each for each in self.events if request.kind in (None, each.kind)]
                respond(HistoryReply(node="alpha", events=tuple(kept[-request.limit :])))
            case FollowRequest() if self.tells_events:
                return Feed(self._attach)
            case _:
                respond(ErrorReply(error="this agent does not do that"))
        return None

    def _attach(self, follower: Callable[[EventReport], None]) -> Callable[[], None]:
        self.followers.add(follower)
        return lambda: self.followers.discard(follower)

    def happen(self, event: EventReport) -> None:
        """Let something happen; whoever follows hears of it."""
        self.events.append(event)
        for follower in tuple(self.followers):
            self._loop.call_soon_threadsafe(follower, event)

    @contextmanager
    def running(self) -> Iterator[MadeAgent]:
        """Answer for a while."""
        self._loop = asyncio.new_event_loop()
        thread = threading.Thread(target=self._loop.run_forever)
        thread.start()
        server = ControlServer(self.socket, self.answer)
        try:
            asyncio.run_coroutine_threadsafe(server.start(), self._loop).result(LONG_S)
            yield self
        finally:
            asyncio.run_coroutine_threadsafe(_close(server, self.socket.unlink), self._loop).result(
                LONG_S
            )
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join(LONG_S)
            self._loop.close()
            self.followers.clear()


async def _close(server: ControlServer, unlink: Callable[[], None]) -> None:
    """Close it, when nobody can be just about to come in.

    Why: before Python 3.12 asyncio forgets a socket that it accepts while its server is closed.
    """
    unlink()
    for _ in range(3):
        await asyncio.sleep(0)
    await server.close()
