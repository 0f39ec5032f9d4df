"""The traps of a service that is promoted where the addresses go, such as Redis or PostgreSQL.

Hosts of such a service are not equal: one has the newest data, and the election does not know
which. So a host that comes back must not take over from one that serves, for it would be promoted
with what it had when it left. And a host must be in health while it is what it is before it is
promoted: a replica that has just lost its master.

That something is promoted is seen by the words of the hooks that run as a host becomes MASTER. A
script of another name is taken to promote where the role of a Redis matters, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vipd.config.model import Config
from vipd.config.reference import tracking_places
from vipd.config.text import join
from vipd.core.config import HookMoment, HooksConfig, InstanceConfig
from vipd.errors import ConfigProblem

WORDS = re.compile(r"promote|replicaof|slaveof", re.IGNORECASE)
"""What says so in a command line: redis-cli replicaof no one, pg_ctl promote, /srv/promote-db."""

AS_MASTER = (HookMoment.BEFORE_MASTER, HookMoment.ON_MASTER)


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisUse:
    """A Redis tracker that asks for a role, where it is used."""

    path: str
    name: str
    decides: bool
    options: Mapping[str, Any]


def promotion_traps(config: Config, instance: InstanceConfig) -> Iterator[ConfigProblem]:
    """Find what keeps an instance from promoting the right host, or any."""
    uses = list(_redis_uses(config, instance))
    promotes = _promotes(_hooks(config, instance), uses)
    if instance.preempts and (promotes or any(use.options["role"] == "master" for use in uses)):
        yield _of_preemption(instance)
    if promotes:
        yield from (trap for use in uses if use.decides and (trap := _of_use(use)))


def _promotes(tables: Sequence[HooksConfig], uses: Sequence[RedisUse]) -> bool:
    if uses and any(table.at(HookMoment.BEFORE_MASTER) for table in tables):
        return True
    hooks = (hook for table in tables for moment in AS_MASTER for hook in table.at(moment))
    return any(WORDS.search(word) for hook in hooks for word in hook.argv)


def _of_preemption(instance: InstanceConfig) -> ConfigProblem:
    again = "takes over again when it comes back, and serves what may be old data"
    by_hand = "preempt = false, and move the addresses back by hand when the data has caught up"
    path = join("instance", instance.name)
    if instance.owner:
        problem, hint = f"a host of priority 255 {again}", f"take a lower one, with {by_hand}"
        return ConfigProblem(path=f"{path}.priority", problem=problem, hint=hint)
    problem = f"with preempt = true, a host {again}"
    return ConfigProblem(path=f"{path}.preempt", problem=problem, hint=f"write {by_hand}")


def _of_use(use: RedisUse) -> ConfigProblem | None:
    """Why: a tracker without a weight that is down is FAULT, and nobody is promoted in FAULT."""
    if use.options["lag_max"] is not None:
        why = "lag_max is FAULT when the master is lost, just when this host is to be promoted"
    elif use.options["role"] == "replica":
        why = 'role = "replica" is FAULT as soon as this host has been promoted'
    else:
        why = 'role = "master" is FAULT until this host is promoted, which it never is in FAULT'
    hint = "track this Redis without role and lag_max: what promotes it sees to its role"
    return ConfigProblem(path=use.path, problem=f'"{use.name}": {why}', hint=hint)


def _redis_uses(config: Config, instance: InstanceConfig) -> Iterator[RedisUse]:
    redis = {each.name: each.options for each in config.trackers if each.kind == "redis"}
    for path, track in tracking_places(config, instance):
        for index, use in enumerate(track):
            options = redis.get(use.name)
            if options and options["role"] is not None:
                yield RedisUse(
                    path=f"{path}.track[{index}]",
                    name=use.name,
                    decides=use.weight is None,
                    options=options,
                )


def _hooks(config: Config, instance: InstanceConfig) -> list[HooksConfig]:
    """What runs for an instance."""
    groups = [group.hooks for group in config.groups if instance.name in group.members]
    return [instance.hooks, *groups]
