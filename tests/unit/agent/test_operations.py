"""Operations: what orders do to instances in a world of fakes, and what is answered."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from ipaddress import ip_interface
from pathlib import Path
from typing import Any

import pytest
from fake_world import World, good_link, instance, packet, pass_time, state

from vipd.agent.crew import Crew
from vipd.agent.instance import Instance
from vipd.agent.operations import Operations
from vipd.agent.order import OrderBook
from vipd.control.access import Caller
from vipd.control.messages import (
    AnnounceRequest,
    ErrorReply,
    FailoverRequest,
    MaintenanceRequest,
    OrderReply,
    PriorityRequest,
    Reply,
)
from vipd.core.config import InstanceConfig
from vipd.core.model import State
from vipd.core.orders import Orders
from vipd.core.units import MILLISECOND, SECOND

ROOT = Caller(pid=1, uid=0, groups=frozenset({0}))
WEB = instance()
BOUND = 1_096_093_750


@dataclass
class Scene:
    """A runtime whose orders go through a desk, as in an agent."""

    directory: Path
    configs: list[InstanceConfig] = field(default_factory=lambda: [WEB])
    ready: set[str] = field(default_factory=set)
    notes: list[tuple[str, str, str | None]] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.world = World()
        log: Any = self.world.log
        self.runtime = self.world.runtime()
        wall = self.world.clock
        self.book = OrderBook(self.directory / "maintenance.json", wall, log)
        self.operations = Operations(self.runtime, self.book, self, self, wall)
        scene = self

        class Company(Crew):
            def orders_for(self, name: str) -> Orders:
                return scene.book.orders_for(name)

        self.runtime.work_with(Company())
        self.runtime.start(self.configs)

    def ready_for(self, instances: Collection[Instance]) -> Collection[str]:
        assert instances, "somebody is to be taken over from"
        return self.ready

    def note(self, kind: str, code: str, text: str, *, instance: str | None = None) -> None:
        assert kind == "order"
        self.notes.append((code, text, instance))

    def pass_time(self, duration: int) -> None:
        pass_time(self.world, self.runtime, duration)
        self.operations.look()

    def hear(self, priority: int, config: InstanceConfig = WEB) -> None:
        self.world.arrived.append((config.interface, packet(config, priority)))
        self.runtime.wake()
        self.operations.look()

    @property
    def reply(self) -> Reply:
        (reply,) = self.replies
        self.replies.clear()
        return reply


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """An agent that is MASTER."""
    scene = Scene(tmp_path)
    scene.pass_time(4 * SECOND)
    assert state(scene.runtime) is State.MASTER
    return scene


def test_a_failover_tells_who_serves_now(scene: Scene) -> None:
    scene.operations.fail_over(FailoverRequest(name="web"), ROOT, scene.replies.append)
    assert scene.replies == []
    scene.pass_time(600 * MILLISECOND)
    scene.hear(90)
    reply = scene.reply
    assert isinstance(reply, OrderReply)
    (outcome,) = reply.outcomes
    assert (outcome.instance, outcome.done) == ("web", True)
    assert outcome.text == "192.0.2.12 (priority 90) serves, after 600 ms"
    assert scene.notes == [("failover", "failover ordered by root", "web")]
    assert state(scene.runtime) is State.BACKUP


def test_a_failover_without_a_successor_serves_on_and_says_so(scene: Scene) -> None:
    scene.operations.fail_over(FailoverRequest(name="web"), ROOT, scene.replies.append)
    scene.pass_time(BOUND)
    reply = scene.reply
    assert isinstance(reply, OrderReply)
    (outcome,) = reply.outcomes
    assert not outcome.done
    assert outcome.text == "nobody took over within 1.096 s: this host serves on"
    assert state(scene.runtime) is State.MASTER


def test_who_does_not_wait_is_answered_at_once(scene: Scene) -> None:
    request = FailoverRequest(name="web", wait=False)
    scene.operations.fail_over(request, ROOT, scene.replies.append)
    assert isinstance(scene.reply, OrderReply)
    scene.pass_time(600 * MILLISECOND)
    scene.hear(90)
    assert scene.replies == []


def test_what_cannot_fail_over_says_why(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.hear(120)
    for name, error in (
        ("web", "web is BACKUP here; 192.0.2.12 serves it: order it there"),
        (None, "this host is MASTER of nothing: there is nothing to hand over"),
        ("wbe", "there is no instance 'wbe' here; did you mean 'web'?"),
    ):
        scene.operations.fail_over(FailoverRequest(name=name), ROOT, scene.replies.append)
        assert scene.reply == ErrorReply(error=error)
    assert scene.notes == []


def test_a_maintenance_needs_somebody_who_is_ready(scene: Scene) -> None:
    scene.operations.maintain(MaintenanceRequest(on=True), ROOT, scene.replies.append)
    reply = scene.reply
    assert isinstance(reply, ErrorReply)
    assert reply.error.startswith("no other host is known to be ready to serve web")
    assert scene.book.maintenance is None
    assert state(scene.runtime) is State.MASTER


def test_a_maintenance_hands_over_first(scene: Scene) -> None:
    scene.ready = {"beta"}
    request = MaintenanceRequest(on=True, reason="a new kernel", for_s=60)
    scene.operations.maintain(request, ROOT, scene.replies.append)
    assert scene.book.maintenance is None
    scene.pass_time(600 * MILLISECOND)
    scene.hear(90)
    reply = scene.reply
    assert isinstance(reply, OrderReply)
    assert reply.text == "in maintenance for 60 s: a new kernel"
    assert [one.done for one in reply.outcomes] == [True]
    assert state(scene.runtime) is State.FAULT
    assert scene.runtime.running[0].machine.status(0).cause.text == "maintenance: a new kernel"
    scene.world.now += 60 * SECOND
    scene.operations.expire()
    assert state(scene.runtime) is State.BACKUP
    assert [code for code, _, _ in scene.notes] == ["maintenance_on", "expired"]


def test_a_maintenance_does_not_begin_where_nobody_comes(scene: Scene) -> None:
    scene.ready = {"beta"}
    scene.operations.maintain(MaintenanceRequest(on=True), ROOT, scene.replies.append)
    scene.pass_time(BOUND)
    reply = scene.reply
    assert isinstance(reply, ErrorReply)
    assert reply.error.startswith("nobody took over web: this host serves on")
    assert state(scene.runtime) is State.MASTER
    assert scene.book.maintenance is None


def test_a_forced_one_goes_in_any_case(scene: Scene) -> None:
    request = MaintenanceRequest(on=True, force=True)
    scene.operations.maintain(request, ROOT, scene.replies.append)
    assert scene.book.maintenance is not None
    scene.pass_time(BOUND)
    reply = scene.reply
    assert isinstance(reply, OrderReply)
    assert [one.text for one in reply.outcomes] == ["FAULT after 1.096 s: maintenance"]
    scene.operations.maintain(MaintenanceRequest(on=False), ROOT, scene.replies.append)
    assert isinstance(scene.reply, OrderReply)
    assert state(scene.runtime) is State.BACKUP
    scene.pass_time(4 * SECOND)
    assert state(scene.runtime) is State.MASTER


def test_a_backup_may_go_while_its_master_is_heard(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.hear(120)
    scene.operations.maintain(MaintenanceRequest(on=True), ROOT, scene.replies.append)
    assert scene.reply == OrderReply(text="in maintenance")
    assert state(scene.runtime) is State.FAULT


def test_a_maintenance_concerns_what_a_reload_adds(scene: Scene) -> None:
    request = MaintenanceRequest(on=True, force=True)
    scene.operations.maintain(request, ROOT, scene.replies.append)
    scene.pass_time(BOUND)
    vip = replace(WEB, name="dns", vrid=53, addresses=())
    scene.runtime.apply([WEB, vip])
    assert [one.machine.state for one in scene.runtime.running] == [State.FAULT, State.FAULT]


def test_ending_what_is_not_so_is_no_error(scene: Scene) -> None:
    scene.operations.maintain(MaintenanceRequest(on=False), ROOT, scene.replies.append)
    assert scene.reply == OrderReply(text="this host is in no maintenance")


def test_a_priority_is_ordered_for_the_whole_group(tmp_path: Path) -> None:
    members = [replace(WEB, group="edge"), replace(WEB, name="inner", vrid=52, group="edge")]
    scene = Scene(tmp_path, configs=members)
    request = PriorityRequest(name="inner", priority=30, for_s=5)
    scene.operations.prioritise(request, ROOT, scene.replies.append)
    assert scene.reply == OrderReply(text="web, inner: priority 30 for 5 s; stands with 30 now")
    assert [one.machine.priority for one in scene.runtime.running] == [30, 30]
    scene.world.now += 5 * SECOND
    scene.operations.expire()
    assert [one.machine.priority for one in scene.runtime.running] == [100, 100]


def test_a_reload_ends_an_ordered_priority(scene: Scene) -> None:
    request = PriorityRequest(name="web", priority=30)
    scene.operations.prioritise(request, ROOT, scene.replies.append)
    assert scene.runtime.running[0].machine.priority == 30
    scene.operations.reloaded()
    assert scene.runtime.running[0].machine.priority == 100


def test_an_owner_has_no_other_priority(tmp_path: Path) -> None:
    scene = Scene(tmp_path, configs=[replace(WEB, priority=255)])
    request = PriorityRequest(name="web", priority=30)
    scene.operations.prioritise(request, ROOT, scene.replies.append)
    assert isinstance(scene.reply, ErrorReply)


def test_announcements_are_repeated(scene: Scene) -> None:
    scene.world.done.clear()
    scene.operations.announce(AnnounceRequest(name="web"), ROOT, scene.replies.append)
    assert scene.world.done == [("announce", ("192.0.2.100/24",))]
    assert scene.reply == OrderReply(text="announced: 192.0.2.100")


def test_who_hands_over_already_is_told_so(scene: Scene) -> None:
    scene.operations.fail_over(FailoverRequest(name="web"), ROOT, lambda _: None)
    told = ErrorReply(error="web: this host is handing over already")
    for name in ("web", None):
        scene.operations.fail_over(FailoverRequest(name=name), ROOT, scene.replies.append)
        assert scene.reply == told
    scene.operations.announce(AnnounceRequest(name="web"), ROOT, scene.replies.append)
    assert scene.reply == told


def test_a_maintenance_waits_for_a_failover_that_goes_on(scene: Scene) -> None:
    """Without that it would make of a failover that returns one that leaves nobody."""
    scene.ready.add("beta")
    scene.operations.fail_over(FailoverRequest(name="web"), ROOT, lambda _: None)
    scene.operations.maintain(MaintenanceRequest(on=True), ROOT, scene.replies.append)
    assert scene.replies == []
    scene.pass_time(BOUND)
    reply = scene.reply
    assert isinstance(reply, ErrorReply)
    assert reply.error.startswith("nobody took over web: this host serves on")
    assert state(scene.runtime) is State.MASTER
    assert scene.book.maintenance is None


def test_a_forced_maintenance_waits_for_a_failover_that_goes_on(scene: Scene) -> None:
    scene.operations.fail_over(FailoverRequest(name="web"), ROOT, lambda _: None)
    scene.operations.maintain(MaintenanceRequest(on=True, force=True), ROOT, scene.replies.append)
    assert scene.replies == []
    scene.pass_time(BOUND)
    assert isinstance(scene.reply, OrderReply)
    assert state(scene.runtime) is State.FAULT


def test_who_ends_a_maintenance_that_has_not_begun_calls_it_off(scene: Scene) -> None:
    scene.ready = {"beta"}
    for on in (True, False):
        scene.operations.maintain(MaintenanceRequest(on=on), ROOT, scene.replies.append)
    scene.pass_time(500 * MILLISECOND)
    scene.hear(90)
    assert scene.replies == [
        OrderReply(text="this host is in no maintenance"),
        ErrorReply(error="called off by `vipd maintenance off`"),
    ]
    assert scene.book.maintenance is None


def test_what_another_host_does_not_serve_is_not_handed_over(scene: Scene) -> None:
    scene.operations.fail_over(FailoverRequest(name="web"), ROOT, scene.replies.append)
    scene.world.link_facts["eth0"] = replace(good_link(), carrier=False)
    scene.world.changed.add("eth0")
    scene.runtime.wake()
    scene.operations.look()
    reply = scene.reply
    assert isinstance(reply, OrderReply)
    assert [(one.done, one.text) for one in reply.outcomes] == [
        (False, "FAULT after 0 ms: eth0 has no carrier")
    ]


def test_what_a_reload_removes_meanwhile_is_answered_as_well(scene: Scene) -> None:
    scene.operations.fail_over(FailoverRequest(name="web"), ROOT, scene.replies.append)
    scene.runtime.apply([])
    scene.pass_time(BOUND)
    reply = scene.reply
    assert isinstance(reply, OrderReply)
    assert [(one.done, one.text) for one in reply.outcomes] == [
        (False, "INIT after 1.096 s: stopped")
    ]


def test_half_a_maintenance_says_what_has_moved(tmp_path: Path) -> None:
    inner = replace(WEB, name="inner", vrid=52, addresses=(ip_interface("192.0.2.101/24"),))
    scene = Scene(tmp_path, configs=[WEB, inner], ready={"beta"})
    scene.pass_time(4 * SECOND)
    scene.operations.maintain(MaintenanceRequest(on=True), ROOT, scene.replies.append)
    scene.pass_time(500 * MILLISECOND)
    scene.hear(90)
    for _ in range(3):
        scene.pass_time(500 * MILLISECOND)
        scene.hear(90)
    reply = scene.reply
    assert isinstance(reply, ErrorReply)
    assert reply.error.startswith("nobody took over inner: this host serves on")
    assert "Another host serves web now" in reply.error
