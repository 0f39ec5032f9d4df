"""The rehearsal: a takeover that nobody sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from fake_world import FakeAddresses, World

from vipd.agent.rehearsal import REST, Rehearsal
from vipd.core.model import Claim

ROUND = ["claim", "release"]


@dataclass
class Stage:
    """A rehearsal, and the world that its addresses are in."""

    world: World
    rehearsal: Rehearsal

    def play(self) -> list[str]:
        """What one more rehearsal does to the addresses."""
        self.world.take_done()
        self.rehearsal.rehearse()
        return [what for what, _ in self.world.take_done()]


@pytest.fixture
def stage() -> Stage:
    world = World(now=1_000_000 * REST)
    return Stage(world, Rehearsal(FakeAddresses(world), world.clock))


def test_one_is_made_at_the_beginning() -> None:
    world = World()
    Rehearsal(FakeAddresses(world), world.clock)
    assert [what for what, _ in world.take_done()] == ROUND


def test_it_goes_round_as_often_as_it_is_asked_and_leaves_nothing(stage: Stage) -> None:
    for _ in range(100):
        stage.world.now += REST
        assert stage.play() == ROUND
        assert stage.world.kernel == set()
    assert stage.world.log.lines == []


def test_what_has_just_been_rehearsed_is_not_rehearsed_again(stage: Stage) -> None:
    stage.world.now += REST
    assert stage.play() == ROUND
    assert stage.play() == []
    stage.world.now += REST - 1
    assert stage.play() == []
    stage.world.now += 1
    assert stage.play() == ROUND


class Broken(FakeAddresses):
    """Addresses that nobody can claim: by a bug, or so that it is never answered."""

    def claim(self, claims: Sequence[Claim]) -> list[str | None]:
        super().claim(claims)
        raise OSError("there is no memory")


def test_one_that_fails_harms_nobody_and_is_not_tried_again() -> None:
    world = World()
    stage = Stage(world, Rehearsal(Broken(world), world.clock))
    assert len(world.take_done()) == 1
    world.now += REST
    assert stage.play() == []


def test_one_that_gets_nowhere_ends() -> None:
    world = World(refusal="no")
    stage = Stage(world, Rehearsal(FakeAddresses(world), world.clock))
    assert world.take_done() != []
    world.now += REST
    assert stage.play() == []
