"""What no single table can know: names that must belong to something, and to one thing only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from msgspec import UNSET

from vipd.config.phrase import nearest
from vipd.config.text import join, quote
from vipd.core.model import OWNER_PRIORITY
from vipd.errors import ConfigProblem

Tables = Mapping[str, Mapping[str, Any]]


def references(
    instances: Tables, groups: Tables, trackers: Collection[str]
) -> Iterator[ConfigProblem]:
    """Find every name that leads nowhere, or to too many."""
    for kind, tables in (("instance", instances), ("group", groups)):
        for name, keys in tables.items():
            yield from _of_uses(join(kind, name), keys, trackers)
    yield from _of_members(groups, instances)


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


def _unknown(
    path: str, kind: str, name: str, known: Collection[str], otherwise: str
) -> ConfigProblem:
    meant = nearest(name, known)
    hint = f"did you mean {quote(meant)}?" if meant else otherwise
    return ConfigProblem(path=path, problem=f"there is no {kind} {quote(name)}", hint=hint)
