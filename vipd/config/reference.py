"""What no single table can know: names that must belong to something, and to one thing only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from msgspec import UNSET

from vipd.config.model import Config
from vipd.config.phrase import nearest
from vipd.config.text import join, quote
from vipd.core.config import DEFAULT_PRIORITY, InstanceConfig, TrackUse
from vipd.core.model import OWNER_PRIORITY
from vipd.errors import ConfigProblem

Tables = Mapping[str, Mapping[str, Any]]


def references(
    instances: Tables, groups: Tables, trackers: Collection[str], unread: Collection[str] = ()
) -> Iterator[ConfigProblem]:
    """Find every name that leads nowhere, or to too many, or to what cannot move together.

    `unread` are the paths of keys that have a problem of their own: what is not there may be one.
    """
    for kind, tables in (("instance", instances), ("group", groups)):
        for name, keys in tables.items():
            yield from _of_uses(join(kind, name), keys, trackers)
    yield from _of_members(groups, instances)
    yield from _of_priorities(groups, instances, unread)


def tracking_places(
    config: Config, instance: InstanceConfig
) -> Iterator[tuple[str, tuple[TrackUse, ...]]]:
    """Where trackers stand that count for an instance: there, or on its group."""
    yield join("instance", instance.name), instance.track
    for group in config.groups:
        if instance.name in group.members:
            yield join("group", group.name), group.track


def use_name(use: object) -> str:
    """The name of the tracker that is used; empty when it could not be read."""
    name = use.get("name") if isinstance(use, dict) else use
    return name if isinstance(name, str) else ""


def _of_uses(
    path: str, keys: Mapping[str, Any], trackers: Collection[str]
) -> Iterator[ConfigProblem]:
    seen: set[str] = set()
    for index, use in enumerate(keys.get("track", ())):
        name, place = use_name(use), f"{path}.track[{index}]"
        if not name:
            continue
        if name not in trackers:
            yield _unknown(place, "tracker", name, trackers, f"declare it: [{join('track', name)}]")
        elif name in seen:
            problem = f"{quote(name)} is listed twice"
            yield ConfigProblem(path=place, problem=problem, hint="list it once")
        seen.add(name)


def _of_members(groups: Tables, instances: Tables) -> Iterator[ConfigProblem]:
    taken: dict[str, str] = {}
    for name, keys in groups.items():
        path, members = f"{join('group', name)}.members", keys.get("members")
        if members is None:
            continue
        counts = Counter(member for member in members if member is not UNSET)
        for member, count in counts.items():
            yield from _of_member(path, member, instances)
            holder = taken.setdefault(member, name)
            if count > 1:
                problem = f"{quote(member)} is listed {count} times"
                yield ConfigProblem(path=path, problem=problem, hint="list it once")
            if holder != name:
                problem = f"{quote(member)} is a member of group {join('', holder)} already"
                hint = "an instance moves with one group; make them one group"
                yield ConfigProblem(path=path, problem=problem, hint=hint)
        if len(counts) < 2 and UNSET not in members:
            hint = "a group is for two or more; hooks and trackers can stand on the instance"
            yield ConfigProblem(path=path, problem="has one member only", hint=hint)


def _of_member(path: str, member: str, instances: Tables) -> Iterator[ConfigProblem]:
    if member not in instances:
        yield _unknown(
            path, "instance", member, instances, f"declare it: [{join('instance', member)}]"
        )
    elif instances[member].get("priority") == OWNER_PRIORITY:
        problem = f"{quote(member)} owns its addresses (priority 255)"
        hint = "an owner serves in any case, so nothing can move with it; give it 254"
        yield ConfigProblem(path=path, problem=problem, hint=hint)


def _of_priorities(
    groups: Tables, instances: Tables, unread: Collection[str]
) -> Iterator[ConfigProblem]:
    """Members stand for election with one priority: else the links would elect different hosts."""
    for name, keys in groups.items():
        known = {
            member: instances[member].get("priority", DEFAULT_PRIORITY)
            for member in keys.get("members", ())
            if member in instances and f"{join('instance', member)}.priority" not in unread
        }
        priorities = {member: own for member, own in known.items() if own != OWNER_PRIORITY}
        first = next(iter(priorities), "")
        for member, priority in priorities.items():
            if priority != priorities[first]:
                yield ConfigProblem(
                    path=f"{join('group', name)}.members",
                    problem=f"{first} has priority {priorities[first]}, {member} has {priority}",
                    hint="they move together: write one priority for all of them",
                )


def _unknown(
    path: str, kind: str, name: str, known: Collection[str], otherwise: str
) -> ConfigProblem:
    meant = nearest(name, known)
    hint = f"did you mean {quote(meant)}?" if meant else otherwise
    return ConfigProblem(path=path, problem=f"there is no {kind} {quote(name)}", hint=hint)
