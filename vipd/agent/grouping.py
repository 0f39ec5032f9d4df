"""Grouping: what a group means for the configuration of its instances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vipd.core.config import GroupConfig, HookMoment, HooksConfig, InstanceConfig, TrackUse

_GATES = (HookMoment.BEFORE_MASTER, HookMoment.BEFORE_RELEASE)


def grouped(
    configs: Sequence[InstanceConfig], groups: Sequence[GroupConfig]
) -> tuple[InstanceConfig, ...]:
    """The instances as they stand for election: each with the trackers of its whole group.

    Why: the weights of one count for all, so that two groups never disagree by halves; for the
    same reason one instance leads, and which one it is must not depend on the order or the names
    in the file of one host. The gates of a group are asked once, by its first instance.
    """
    by_name = {config.name: config for config in configs}
    for group in groups:
        members = [by_name[name] for name in group.members]
        uses, leader = _uses(group, members), min(members, key=lambda one: (one.vrid, one.name))
        for one in members:
            leads = one is leader
            by_name[one.name] = replace(one, track=uses, group=group.name, leads=leads)
        first = by_name[group.members[0]]
        gates = tuple((moment, hook) for moment, hook in group.hooks.hooks if moment in _GATES)
        hooks = HooksConfig(hooks=(*first.hooks.hooks, *gates), fifo=first.hooks.fifo)
        by_name[first.name] = replace(first, hooks=hooks)
    return tuple(by_name[config.name] for config in configs)


def _uses(group: GroupConfig, members: Sequence[InstanceConfig]) -> tuple[TrackUse, ...]:
    """The trackers of a group and of its instances, each once."""
    every = (*group.track, *(use for member in members for use in member.track))
    return tuple({use.name: use for use in reversed(every)}.values())[::-1]
