"""From a vrrp_sync_group to a [group.NAME]."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from vipd.config.keepalived.body import Body
from vipd.config.keepalived.desk import Desk
from vipd.config.keepalived.hook import hooks
from vipd.config.keepalived.instance import Router
from vipd.config.keepalived.keyword import GROUP
from vipd.config.keepalived.toml import Table, Value
from vipd.config.keepalived.tracker import Trackers
from vipd.config.keepalived.tree import Statement
from vipd.config.text import join, quote
from vipd.core.model import OWNER_PRIORITY

STRONGEST = OWNER_PRIORITY - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A group with its hooks."""

    table: Table
    hooks: Table | None = None


def groups(
    statements: tuple[Statement, ...],
    routers: Mapping[str, Router],
    desk: Desk,
    trackers: Trackers,
) -> Iterator[Group]:
    """Read every vrrp_sync_group; an instance in several portions has a group in any case."""
    taken: set[str] = set()
    for statement in statements:
        if statement.keyword == "vrrp_sync_group" and statement.block is not None:
            wanted = statement.values[0] if statement.values else "group"
            name = desk.name("group", wanted)
            body = Body(statement.entries, GROUP, desk.ledger, join("group", name))
            if name != wanted:
                body.differs(statement, f"it is called {name} here")
            members = list(_members(body, routers, taken))
            taken |= {one.name for one in members}
            if found := _group(statement, members, body, desk, trackers):
                yield found
    for router in routers.values():
        if router.name not in taken and len(router.instances) > 1:
            name = desk.name("group", router.name)
            table = Table(path=join("group", name), keys={"members": list(router.instances)})
            _judge_owners([router], desk)
            yield Group(table=table)


def _members(body: Body, routers: Mapping[str, Router], taken: set[str]) -> Iterator[Router]:
    seen: set[str] = set()
    for entry in body.entries("group"):
        for name in entry.words:
            if name not in routers:
                body.dropped(entry, f"there is no instance {quote(name)} to be a member")
            elif name in taken:
                body.dropped(entry, f"{quote(name)} is a member of another group already")
            elif name not in seen:
                seen.add(name)
                body.carried(entry, f"members, with {quote(name)}")
                yield routers[name]


def _group(
    statement: Statement, members: list[Router], body: Body, desk: Desk, trackers: Trackers
) -> Group | None:
    uses = trackers.uses(body)
    told = hooks(body, desk)
    names = [name for one in members for name in one.instances]
    if len(names) < 2:
        _dissolve(statement, members, body, told, uses)
        return None
    table = Table(path=body.table, keys={"members": list(names)})
    if uses:
        table.keys["track"] = uses
    _judge_owners(members, desk)
    _judge_priorities(statement, members, body)
    _judge_weights(statement, members, body)
    return Group(table=table, hooks=told)


def _dissolve(
    statement: Statement,
    members: list[Router],
    body: Body,
    told: Table | None,
    uses: list[Value],
) -> None:
    """Let a group of one go; what it watches and runs is its member's."""
    if not members:
        body.dropped(statement, "it has no members")
        return
    (member,) = members
    path = member.main.path
    body.dropped(statement, f"nothing to do: it has one member, so what it has is in [{path}]")
    own = _uses(member)
    if every := [*own, *(use for use in uses if use not in own)]:
        member.main.keys["track"] = every
    if told:
        table = member.hooks or Table(path=f"{path}.hooks")
        for moment in sorted(told.keys.keys() & table.keys.keys() - {"fifo"}):
            body.dropped(statement, f"{moment} of the group: the instance has one of its own")
        table.keys = told.keys | table.keys
        member.hooks = table


def _judge_owners(members: list[Router], desk: Desk) -> None:
    """An owner serves in any case, so that vipd lets it be in no group."""
    for one in members:
        if one.main.keys.get("priority") != OWNER_PRIORITY:
            continue
        for name, table in one.instances.items():
            table.keys["priority"] = STRONGEST
            how = f"a member of a group cannot own its addresses: priority = {STRONGEST}"
            desk.ledger.differs(one.statement, how, join("instance", name))


def _judge_priorities(statement: Statement, members: list[Router], body: Body) -> None:
    """Give all members one priority, the greatest. Order: after the owners, who have none left."""
    priorities = {_priority(one) for one in members}
    greatest = max(priorities)
    for one in members:
        for table in one.instances.values():
            table.keys["priority"] = greatest
    if len(priorities) > 1:
        said = ", ".join(map(str, sorted(priorities)))
        how = f"its members have the priorities {said}, and a group has one: {greatest} for all"
        body.differs(statement, f"{how}; look at the other hosts, too")


def _judge_weights(statement: Statement, members: list[Router], body: Body) -> None:
    """What keepalived does with weights in a group is not what anybody has them for."""
    if body.last("sync_group_tracking_weight") or body.last("global_tracking"):
        return
    uses = [use for one in members for use in _uses(one)]
    if any(isinstance(use, dict) for use in uses):
        how = "keepalived ignores the weights that its members' trackers have; here they count, and"
        body.differs(statement, f"{how} for the whole group")


def _priority(router: Router) -> int:
    priority = router.main.keys["priority"]
    assert isinstance(priority, int), "every instance has one"
    return priority


def _uses(router: Router) -> list[Value]:
    uses = router.main.keys.get("track", [])
    assert isinstance(uses, list), "it is a list where it stands"
    return uses
