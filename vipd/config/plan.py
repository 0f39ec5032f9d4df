"""What a reload has to do, found by comparing two configurations."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from vipd.config.model import Config
from vipd.core.config import GroupConfig, InstanceConfig, TrackerConfig


class Named(Protocol):
    """What a configuration names: an instance, a tracker, a group."""

    @property
    def name(self) -> str:
        """The name, of which there is one in the file."""


T = TypeVar("T", bound=Named)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan(Generic[T]):
    """The way from what runs of one sort to what is wanted of it.

    What has another identity stands in `removed` as it was and in `added` as it will be. What is
    `changed` keeps its state.

    Order: each tuple has the order of the file that it comes from. Carry `removed` out before
    `added`: a new instance may take over the VRID or the addresses of an old one.
    """

    added: tuple[T, ...]
    removed: tuple[T, ...]
    changed: tuple[T, ...]
    kept: tuple[T, ...]

    @property
    def empty(self) -> bool:
        """Whether nothing is to be done."""
        return not (self.added or self.removed or self.changed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reload:
    """The way from one configuration to another.

    Order: trackers come before what uses them, and go after it.
    """

    trackers: Plan[TrackerConfig]
    instances: Plan[InstanceConfig]
    groups: Plan[GroupConfig]

    @property
    def empty(self) -> bool:
        """Whether nothing is to be done."""
        return self.trackers.empty and self.instances.empty and self.groups.empty


def reload(old: Config, new: Config) -> Reload:
    """Compare two whole configurations, but for what concerns the agent as a whole."""
    return Reload(
        trackers=plan(old.trackers, new.trackers),
        instances=plan(old.instances, new.instances),
        groups=plan(old.groups, new.groups),
    )


def plan(old: Sequence[T], new: Sequence[T]) -> Plan[T]:
    """Compare what runs of one sort with what is wanted."""
    before = {_identity(each): each for each in old}
    after = {_identity(each) for each in new}
    staying = [each for each in new if _identity(each) in before]
    return Plan(
        added=tuple(each for each in new if _identity(each) not in before),
        removed=tuple(each for each in old if _identity(each) not in after),
        changed=tuple(each for each in staying if each != before[_identity(each)]),
        kept=tuple(each for each in staying if each == before[_identity(each)]),
    )


def _identity(each: Named) -> Hashable:
    """What cannot change without a new beginning: hooks, weights and intervals can.

    A tracker that asks another server is the same one still: what was known of it holds until the
    next look, rather than that a reload makes it unknown, and so down, for a moment.
    """
    match each:
        case InstanceConfig():
            return each.identity
        case TrackerConfig():
            return each.name, each.kind
        case _:
            return each.name
