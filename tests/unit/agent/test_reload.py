"""Reloading in a world of fakes: what is taken over, what is refused, what is taken back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import ip_interface
from pathlib import Path

import pytest
from fake_world import FakeAddresses, World, pass_time, ring
from staffed import Staffed, staffed

from vipd.agent.ports import Ports
from vipd.agent.supervisor import Supervisor
from vipd.config.load import load
from vipd.control.messages import (
    ChangeReport,
    ErrorReply,
    KeyReport,
    ReloadReply,
    ReloadRequest,
    Reply,
)
from vipd.core.model import Claim, State, Vip
from vipd.core.units import SECOND

LONG = 10.0
"""Units: seconds. What a test waits before it counts as failed; never what it takes."""

ONE, TWO = ip_interface("192.0.2.100/24"), ip_interface("192.0.2.101/24")
SIX = ip_interface("2001:db8::100/64")
REFUSED = ip_interface("192.0.2.66/24")


@dataclass
class PickyAddresses(FakeAddresses):
    """A kernel that refuses one address, and then installs none of them."""

    def claim(self, claims: Sequence[Claim]) -> list[str | None]:
        return [self._claim(claim) for claim in claims]

    def _claim(self, claim: Claim) -> str | None:
        if REFUSED not in claim.addresses:
            return super().claim([claim])[0]
        self.release(claim.interface, claim.vrid, claim.addresses)
        return f"the kernel refuses {REFUSED}"


@dataclass
class PickyWorld(World):
    """A world with such a kernel."""

    def ports(self) -> Ports:
        return replace(super().ports(), addresses=PickyAddresses(self))


@dataclass
class Scene:
    """An agent, its file, and what it has answered."""

    whole: Staffed
    said: list[str] = field(default_factory=list)

    @property
    def world(self) -> World:
        return self.whole.world

    @property
    def file(self) -> Path:
        return self.whole.reloading.file

    def states(self) -> dict[str, State]:
        return {one.config.name: one.machine.state for one in self.whole.runtime.running}

    def transitions(self) -> list[str]:
        """What the instances have become since the last call."""
        seen = [f"{one['instance']} {one['new']}" for one in self.world.log.called("transition")]
        self.world.log.lines.clear()
        return seen

    def become_master(self) -> None:
        while set(self.states().values()) != {State.MASTER}:
            assert self.world.now < 60 * SECOND, "they do not become MASTER"
            ring(self.world, self.whole.runtime)
        self.transitions()
        self.world.take_done()

    async def reload(self, *, plan: bool = False) -> Reply:
        answered: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self.whole.reloading.request(ReloadRequest(plan=plan), answered.set_result)
        return await answered

    async def refused(self, *, plan: bool = False) -> str:
        reply = await self.reload(plan=plan)
        assert isinstance(reply, ErrorReply)
        return reply.error

    async def changed(self, *, plan: bool = False) -> dict[str, ChangeReport]:
        reply = await self.reload(plan=plan)
        assert isinstance(reply, ReloadReply)
        assert reply.applied is not plan
        return {f"{one.section} {one.name}".rstrip(): one for one in reply.changes}


def table(*addresses: Vip, name: str = "web", vrid: int = 51, more: str = "") -> str:
    listed = ", ".join(f'"{one}"' for one in addresses)
    return (
        f'[instance.{name}]\ninterface = "eth0"\nvrid = {vrid}\naddresses = [{listed}]\n'
        f'linger = "0s"\ntakeover_probe = "off"\n{more}\n'
    )


class Words(Supervisor):
    """A supervisor that writes down what it would be told."""

    def __init__(self, said: list[str]) -> None:
        super().__init__({})
        self._said = said

    def reloading(self) -> None:
        self._said.append("reloading")

    def ready(self) -> None:
        self._said.append("ready")


@pytest.fixture
def play(tmp_path: Path) -> Callable[[str, Callable[[Scene], Awaitable[None]]], None]:
    """Run a scene with an agent that was started with a file."""

    def run(text: str, act: Callable[[Scene], Awaitable[None]]) -> None:
        async def scene() -> None:
            said: list[str] = []
            whole = staffed(PickyWorld(), tmp_path, supervisor=Words(said))
            whole.reloading.file.write_text(text)
            whole.agent.start(replace(load(whole.reloading.file), agent=whole.settings))
            try:
                await act(Scene(whole, said))
            finally:
                whole.reloading.end()
                whole.runtime.halt()
                whole.staff.tracking.stop()
                await whole.staff.desk.end()
                whole.staff.journal.close()

        asyncio.run(asyncio.wait_for(scene(), LONG))

    return run


Play = Callable[[str, Callable[[Scene], Awaitable[None]]], None]


class TestTaken:
    def test_what_changes_keeps_its_state_and_is_told_of(self, play: Play) -> None:
        async def act(scene: Scene) -> None:
            scene.become_master()
            scene.file.write_text(table(ONE, TWO, more="priority = 150"))
            said = await scene.changed()
            assert said["instance web"].keys == (
                KeyReport(key="addresses", old=None, new=str(TWO)),
                KeyReport(key="priority", old="100", new="150"),
            )
            assert said["instance web"].effect.startswith(f"keeps its state; claims {TWO} now")
            assert scene.transitions() == []
            assert {vip for _, vip in scene.world.kernel} == {ONE, TWO}
            assert scene.said == ["reloading", "ready"]

        play(table(ONE), act)

    def test_a_plan_changes_nothing(self, play: Play) -> None:
        async def act(scene: Scene) -> None:
            scene.become_master()
            scene.file.write_text(table(ONE, TWO, more="priority = 150"))
            said = await scene.changed(plan=True)
            assert said["instance web"].verdict == "changed"
            assert (scene.world.done, scene.transitions(), scene.said) == ([], [], [])
            assert scene.whole.runtime.configs[0].priority == 100

        play(table(ONE), act)

    def test_a_tracker_that_is_new_does_not_end_what_a_master_does(self, play: Play) -> None:
        async def act(scene: Scene) -> None:
            scene.become_master()
            drain = '[track.drain]\ntype = "file"\npath = "/nonexistent"\npresent = "down"\n'
            scene.file.write_text(table(ONE, more='track = ["drain"]') + drain)
            said = await scene.changed()
            assert said["track drain"].verdict == "added"
            assert (scene.transitions(), scene.states()) == ([], {"web": State.MASTER})

        play(table(ONE), act)

    def test_a_change_of_the_agent_waits_and_is_told_again(self, play: Play) -> None:
        async def act(scene: Scene) -> None:
            for _ in range(2):
                said = await scene.changed()
                assert said["agent"].effect == "takes effect when the agent is restarted"
                ((fields),) = scene.world.log.called(
                    "a change of [agent] takes effect when the agent is restarted"
                )
                assert "realtime" in str(fields["changed"])
                scene.world.log.lines.clear()
            assert not scene.whole.reloading.config.agent.realtime

        play(table(ONE), act)


class TestRefused:
    def test_a_file_with_errors_leaves_the_old_one_running(self, play: Play) -> None:
        async def act(scene: Scene) -> None:
            scene.become_master()
            scene.file.write_text(table(ONE, vrid=256, more="prioritty = 1"))
            error = await scene.refused()
            assert "instance.web.vrid" in error
            assert "instance.web.prioritty" in error
            assert "instance.web" in (scene.whole.reloading.refused or "")
            assert (scene.world.done, scene.transitions()) == ([], [])
            assert scene.said == ["reloading", "ready"]

        play(table(ONE), act)

    @pytest.mark.parametrize("plan", [True, False])
    def test_what_the_link_cannot_carry_is_refused_before_anything_is_done(
        self, play: Play, *, plan: bool
    ) -> None:
        async def act(scene: Scene) -> None:
            scene.become_master()
            scene.file.write_text(table(ONE, SIX))
            assert await scene.refused(plan=plan) == (
                "refused, because instance web would be in FAULT: "
                "eth0 has no IPv6 link-local address to send adverts from"
            )
            assert (scene.world.done, scene.transitions()) == ([], [])
            assert (scene.whole.reloading.refused is None) is plan

        async def without_ipv6(scene: Scene) -> None:
            facts = scene.world.link_facts["eth0"]
            scene.world.link_facts["eth0"] = replace(facts, ipv6=None)
            scene.world.changed.add("eth0")
            scene.whole.runtime.wake()
            await act(scene)

        play(table(ONE), without_ipv6)

    def test_a_fault_that_was_there_before_keeps_nobody_from_a_change(self, play: Play) -> None:
        async def act(scene: Scene) -> None:
            facts = scene.world.link_facts["eth0"]
            scene.world.link_facts["eth0"] = replace(facts, carrier=False)
            scene.world.changed.add("eth0")
            scene.whole.runtime.wake()
            assert scene.states() == {"web": State.FAULT}
            scene.file.write_text(table(ONE, TWO))
            assert (await scene.changed())["instance web"].verdict == "changed"

        play(table(ONE), act)


class TestTakenBack:
    def test_an_address_that_the_kernel_refuses_brings_the_old_ones_back(self, play: Play) -> None:
        async def act(scene: Scene) -> None:
            scene.become_master()
            scene.file.write_text(table(ONE, REFUSED))
            before = scene.world.now
            assert await scene.refused() == (
                f"taken back, because instance web would be in FAULT: the kernel refuses {REFUSED}"
            )
            assert scene.states() == {"web": State.MASTER}
            assert scene.world.now == before
            assert scene.whole.runtime.configs[0].addresses == (ONE,)
            assert {vip for _, vip in scene.world.kernel} == {ONE}
            done = [(what, how) for what, how in scene.world.done if what != "announce"]
            assert done[-2:] == [("claim", (str(ONE),)), ("advert IPv4", 100)]
            assert scene.said == ["reloading", "ready"]

        play(table(ONE), act)

    def test_the_whole_group_is_back(self, play: Play) -> None:
        group = '[group.edge]\nmembers = ["web", "db"]\n'
        db = table(TWO, name="db", vrid=52)

        async def act(scene: Scene) -> None:
            scene.become_master()
            scene.file.write_text(table(ONE, REFUSED) + db + group)
            assert "instance web" in await scene.refused()
            assert scene.states() == {"web": State.MASTER, "db": State.MASTER}
            pass_time(scene.world, scene.whole.runtime, 10 * SECOND)
            assert scene.states() == {"web": State.MASTER, "db": State.MASTER}
            assert {vip for _, vip in scene.world.kernel} == {ONE, TWO}

        play(table(ONE) + db + group, act)

    def test_what_was_removed_and_what_began_anew_is_back_as_well(self, play: Play) -> None:
        gone = table(TWO, name="gone", vrid=52)
        moved = ip_interface("192.0.2.103/24")

        async def act(scene: Scene) -> None:
            scene.become_master()
            scene.file.write_text(
                table(ONE, REFUSED) + table(moved, name="anew", vrid=54, more="priority = 255")
            )
            assert "instance web" in await scene.refused()
            expected = dict.fromkeys(("web", "gone", "anew"), State.MASTER)
            assert scene.states() == expected
            assert {vip for _, vip in scene.world.kernel} == {ONE, TWO, moved}
            pass_time(scene.world, scene.whole.runtime, 10 * SECOND)
            assert scene.states() == expected

        play(table(ONE) + gone + table(moved, name="anew", vrid=53), act)

    def test_who_is_not_there_is_not_an_interface_to_move_to(self, play: Play) -> None:
        async def act(scene: Scene) -> None:
            scene.become_master()
            scene.file.write_text(table(ONE).replace("eth0", "eth9"))
            assert "eth9 does not exist" in await scene.refused()
            assert scene.states() == {"web": State.MASTER}
            assert scene.world.kernel == {("eth0", ONE)}

        play(table(ONE), act)

    def test_an_instance_that_is_new_may_wait_for_its_interface(self, play: Play) -> None:
        async def act(scene: Scene) -> None:
            scene.become_master()
            other = table(TWO, name="db", vrid=52).replace("eth0", "eth9")
            scene.file.write_text(table(ONE) + other)
            assert (await scene.changed())["instance db"].verdict == "added"
            assert scene.states() == {"web": State.MASTER, "db": State.FAULT}

        play(table(ONE), act)
