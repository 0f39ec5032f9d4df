"""Traps: what is valid, and will not do what somebody had in mind when writing it.

Whether a weight can change the order depends on the peers. Their priorities are known where
`peer_priorities` states them, and they are taken to have the same trackers, as hosts with one file
but for the priority do. A weight counts or not, so with several weights a host can have as many
priorities as there are subsets of them; a weight is of use if in one of these cases it takes this
host, or its peer, past the other.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from vipd.config.model import Config
from vipd.config.promotion import promotion_traps
from vipd.config.reference import tracking_places
from vipd.config.text import join
from vipd.core.config import InstanceConfig
from vipd.core.model import OWNER_PRIORITY
from vipd.errors import ConfigProblem

WEAKEST, STRONGEST = 1, OWNER_PRIORITY - 1
"""Between these an effective priority is kept."""

PAST = 2
"""How far a weight must bring a host: past another, not only to a tie with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighing:
    """A weight as it counts for one instance: where it stands, and what it is."""

    path: str
    weight: int


def traps(config: Config) -> tuple[ConfigProblem, ...]:
    """Find every trap of a valid configuration; one of a group is told once."""
    found = (
        *(each for instance in config.instances for each in _of_instance(config, instance)),
        *_of_groups(config),
        *_unused(config),
    )
    return tuple(dict.fromkeys(found))


def _of_instance(config: Config, instance: InstanceConfig) -> Iterator[ConfigProblem]:
    path = join("instance", instance.name)
    weighings = _weighings(config, instance)
    yield from _of_peers(path, instance)
    yield from _of_preemption(path, instance, weighted=bool(weighings))
    yield from promotion_traps(config, instance)
    if instance.owner and weighings:
        yield ConfigProblem(
            path=f"{path}.priority",
            problem="255 is not changed by weights",
            hint="leave the weight out, so that a failure is FAULT, or take a priority below 255",
        )
    elif instance.peer_priorities and instance.priority not in instance.peer_priorities:
        yield from _of_weights(instance, weighings)


def _of_peers(path: str, instance: InstanceConfig) -> Iterator[ConfigProblem]:
    counts = Counter((instance.priority, *instance.peer_priorities))
    for priority, count in counts.items():
        if count > 1:
            yield ConfigProblem(
                path=f"{path}.peer_priorities",
                problem=f"{count} hosts have priority {priority}",
                hint="between equals the greater address wins; give each host its own",
            )


def _of_preemption(
    path: str, instance: InstanceConfig, *, weighted: bool
) -> Iterator[ConfigProblem]:
    if instance.preempts:
        return
    if instance.preempt_delay:
        problem = "is never waited for with preempt = false"
        hint = "leave one of them out: with the delay alone, this host preempts later"
        yield ConfigProblem(path=f"{path}.preempt_delay", problem=problem, hint=hint)
    if weighted:
        yield ConfigProblem(
            path=f"{path}.preempt",
            problem="with preempt = false, a MASTER that a weight has weakened goes on serving",
            hint="leave the weight out, so that a failure is FAULT and another takes over",
        )


# -- weights --------------------------------------------------------------------------------


def _weighings(config: Config, instance: InstanceConfig) -> list[Weighing]:
    return [
        Weighing(path=f"{path}.track[{index}].weight", weight=use.weight)
        for path, uses in tracking_places(config, instance)
        for index, use in enumerate(uses)
        if use.weight
    ]


def _of_weights(instance: InstanceConfig, weighings: list[Weighing]) -> Iterator[ConfigProblem]:
    weights = [each.weight for each in weighings]
    known = f"{instance.name} has priority {instance.priority}, its peers have "
    known += ", ".join(str(peer) for peer in instance.peer_priorities)
    for index, each in enumerate(weighings):
        others = weights[:index] + weights[index + 1 :]
        reach = _farthest(instance, each.weight, others)
        if reach < PAST:
            effect = "brings a tie at most" if reach else "can never change the order"
            yield ConfigProblem(
                path=each.path,
                problem=f"{each.weight} {effect}: {known}",
                hint=f"{_enough(instance, each.weight, others)}, so that a failure is FAULT",
            )


def _enough(instance: InstanceConfig, weight: int, others: list[int]) -> str:
    gap = min(abs(instance.priority - peer) for peer in instance.peer_priorities)
    enough = gap + 1 if weight > 0 else -gap - 1
    if _farthest(instance, enough, others) < PAST:
        return "lower the priorities, or leave the weight out"
    return f"such as weight = {enough}; or leave it out"


def _farthest(instance: InstanceConfig, weight: int, others: list[int]) -> int:
    own, peers = instance.priority, instance.peer_priorities
    return max(_reach(own, peer, weight, others) for peer in peers)


def _reach(own: int, peer: int, weight: int, others: list[int]) -> int:
    """How far a weight brings one host past the other: 0 not at all, 1 to a tie, or PAST it."""
    return max(
        _crosses(own, weight, others, _priorities(peer, [weight, *others])),
        _crosses(peer, weight, others, _priorities(own, [weight, *others])),
    )


def _crosses(mover: int, weight: int, others: list[int], rivals: list[int]) -> int:
    """The same, where one host moves and the other has any of its priorities."""
    reach = 0
    for offset in _sums(others):
        low, high = sorted((_effective(mover, offset), _effective(mover, offset + weight)))
        if low == high:
            continue
        first = bisect_left(rivals, low)
        touched = [rival for rival in rivals[first : first + 2] if rival <= high]
        if any(low < rival < high for rival in touched):
            return PAST
        reach = max(reach, 1 if touched else 0)
    return reach


def _priorities(base: int, weights: list[int]) -> list[int]:
    """Every priority that a host can have, in order."""
    return sorted({_effective(base, offset) for offset in _sums(weights)})


def _effective(base: int, offset: int) -> int:
    return base if base == OWNER_PRIORITY else min(max(base + offset, WEAKEST), STRONGEST)


def _sums(weights: list[int]) -> set[int]:
    """The sums of all subsets."""
    sums = {0}
    for weight in weights:
        sums |= {each + weight for each in sums}
    return sums


# -- names ----------------------------------------------------------------------------------


def _of_groups(config: Config) -> Iterator[ConfigProblem]:
    instances = {instance.name: instance for instance in config.instances}
    for group in config.groups:
        path, members = join("group", group.name), [instances[name] for name in group.members]
        if len({member.preempts for member in members}) > 1:
            problem = "some members preempt and some do not"
            hint = "write the same preempt for all: they move together"
            yield ConfigProblem(path=f"{path}.members", problem=problem, hint=hint)
        names = {use.name for use in group.track}
        for member in members:
            for index, use in enumerate(member.track):
                if use.name in names:
                    yield ConfigProblem(
                        path=f"{join('instance', member.name)}.track[{index}]",
                        problem=f'"{use.name}" stands on group {group.name} as well',
                        hint="it counts twice; list it in one of them",
                    )


def _unused(config: Config) -> Iterator[ConfigProblem]:
    uses = [each.track for each in config.instances] + [each.track for each in config.groups]
    used = {use.name for each in uses for use in each}
    for tracker in config.trackers:
        if tracker.name not in used:
            yield ConfigProblem(
                path=join("track", tracker.name),
                problem="is not used",
                hint=f'name it where it counts: track = ["{tracker.name}"], or remove it',
            )
