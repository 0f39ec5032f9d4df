"""The test of the simulation: machines with one flaw each, which some early seed must find out.

A skew of zero is not among them. It makes two BACKUPs take over at once, and the tie-break mends
that within the bounds; `tests/unit/core/test_election.py` stands against it, by literal numbers.
"""

# ruff: noqa: ARG002  (a broken machine ignores what a sound one looks at)

from __future__ import annotations

from dataclasses import replace

import pytest

from vipd.core.actions import Action, ClaimAddresses, ReleaseAddresses
from vipd.core.cause import Cause
from vipd.core.machine import Machine
from vipd.core.model import RELEASE_PRIORITY, Advert, Family, IPAddress, State, family_of
from vipd.core.timers import Timer
from vipd.core.units import Duration, Instant
from vipd.sim.cluster import play, retell
from vipd.sim.node import Broken

SEEDS = 400


class ForgetsTheRelease(Machine):
    """Keeps the addresses upon FAULT."""

    def _leave_master(self, new: State, now: Instant) -> tuple[Action, ...]:
        actions = super()._leave_master(new, now)
        if new is not State.FAULT:
            return actions
        return tuple(action for action in actions if not isinstance(action, ReleaseAddresses))


class IsImpatient(Machine):
    """Takes over a hundred times too early."""

    @property
    def master_down_interval(self) -> Duration:
        return super().master_down_interval // 100


class NeverYields(Machine):
    """Stays MASTER, whatever it hears."""

    def _advert_as_master(
        self, advert: Advert, source: IPAddress, now: Instant
    ) -> tuple[Action, ...]:
        return ()


class NeverDecidesTies(Machine):
    """Stays MASTER beside an equal."""

    def _decides_ties(self, family: Family, now: Instant) -> bool:
        return False


class ObeysEitherFamily(Machine):
    """Lets whichever family comes first decide between equals: both of them yield."""

    def _decides_ties(self, family: Family, now: Instant) -> bool:
        return True


class NeverPreempts(Machine):
    """Accepts every MASTER, as if it were told not to preempt."""

    def _advert_as_backup(self, advert: Advert, now: Instant) -> None:
        strong = advert.priority == RELEASE_PRIORITY or advert.priority > self.priority
        priority = advert.priority if strong else self.priority
        super()._advert_as_backup(replace(advert, priority=priority), now)


class ClaimsHalf(Machine):
    """Moves one family without the other."""

    def _enter(self, new: State, cause: Cause, now: Instant) -> tuple[Action, ...]:
        *others, last = super()._enter(new, cause, now)
        if isinstance(last, ClaimAddresses):
            last = ClaimAddresses(last.addresses[:1])
        return (*others, last)


class SpeaksTooSoon(Machine):
    """Advertises before its addresses are claimed."""

    def _enter(self, new: State, cause: Cause, now: Instant) -> tuple[Action, ...]:
        actions = super()._enter(new, cause, now)
        if new is not State.MASTER:
            return actions
        return (*actions[:-1], self._speak(self.priority, now), actions[-1])


class ReportsTooSoon(Machine):
    """Says that it is no longer MASTER before it has let go."""

    def _enter(self, new: State, cause: Cause, now: Instant) -> tuple[Action, ...]:
        actions = super()._enter(new, cause, now)
        return actions if new is State.MASTER else actions[::-1]


class GivesUp(Machine):
    """Never tries again after a refused claim."""

    def _on_claim_failed(self, reason: str, now: Instant) -> tuple[Action, ...]:
        actions = super()._on_claim_failed(reason, now)
        self._deadlines.disarm(Timer.CLAIM_RETRY)
        return actions


class HearsOneFamily(Machine):
    """Is deaf to IPv6."""

    def _on_advert(self, advert: Advert, source: IPAddress, now: Instant) -> tuple[Action, ...]:
        if family_of(source) is Family.IPV6:
            return ()
        return super()._on_advert(advert, source, now)


BROKEN = (
    ForgetsTheRelease,
    IsImpatient,
    NeverYields,
    NeverDecidesTies,
    ObeysEitherFamily,
    NeverPreempts,
    ClaimsHalf,
    SpeaksTooSoon,
    ReportsTooSoon,
    GivesUp,
    HearsOneFamily,
)


def first_seed_that_finds(machine: type[Machine]) -> int | None:
    for seed in range(SEEDS):
        try:
            play(seed, machine=machine)
        except Broken:
            return seed
    return None


@pytest.mark.parametrize("machine", BROKEN)
def test_a_flaw_is_found_and_told(machine: type[Machine]) -> None:
    seed = first_seed_that_finds(machine)
    assert seed is not None, f"{SEEDS} seeds find nothing wrong with a machine that is broken"
    *_, last = retell(seed, machine=machine).splitlines()
    assert last.startswith("BROKEN at ")
