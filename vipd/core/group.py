"""Groups: instances that are MASTER together or not at all.

Theory of operation. Each instance of a group is elected on its own link, by its own adverts. The
group is looked at after anything has changed, and tells its instances what the others mean to them:

- One that is in FAULT takes the others along, until it is over.
- None takes over alone. One whose MASTER is silent gets ready; when all are ready, all take over.
  So a MASTER that is silent on one link and heard on another is left alone: it serves there, and
  whoever took over here would have to yield there.
- When one of several MASTERs yields, or finds another one serving, the others hand over, too. One
  that merely listens makes nobody yield: it joins the MASTERs when it has heard nobody. So an
  instance that is new in a group, or has slept for a moment, does not end what the others do.
- Those that are ordered to hand over wait for the hooks of each other before they say a word; and
  one that serves on if nobody comes makes nobody yield before somebody has come.

It is a function of what its instances are, and keeps nothing. Instances of one group have one
priority and share the weights of their trackers, so that two groups never disagree by halves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from vipd.core.events import GroupAgreed, GroupFailed, GroupLost, GroupRecovered
from vipd.core.model import State

GroupEvent: TypeAlias = GroupAgreed | GroupFailed | GroupLost | GroupRecovered


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What one instance is, as far as its group depends on it.

    `ready` says that it would take over, or hand over; `follows`, that another one serves instead;
    `leaving`, that it is MASTER only until it is followed; `asking`, that its hooks run before
    that; `returns`, that it serves on if nobody follows. `fault` is what keeps it from serving, or
    soon will, of its own; `group_fault` what it was told last of the others.
    """

    state: State
    leaving: bool = False
    asking: bool = False
    returns: bool = False
    ready: bool = False
    follows: bool = False
    fault: str | None = None
    group_fault: str | None = None


def decide(group: str, members: Mapping[str, Standing]) -> Iterator[tuple[str, GroupEvent]]:
    """What the instances of a group have to be told now, by their names; nothing is told twice."""
    told = list(_faults(group, members))
    yield from told or _masters(group, members)


def _faults(group: str, members: Mapping[str, Standing]) -> Iterator[tuple[str, GroupEvent]]:
    """Let each know of the first of the others that is in FAULT."""
    for name, one in members.items():
        others = ((other, its.fault) for other, its in members.items() if other != name)
        failed = next(((other, fault) for other, fault in others if fault is not None), None)
        why = f"{failed[0]}, of the group {group}: {failed[1]}" if failed else None
        if why != one.group_fault:
            yield name, GroupFailed(why) if why is not None else GroupRecovered()


def _masters(group: str, members: Mapping[str, Standing]) -> Iterator[tuple[str, GroupEvent]]:
    """Let all take over at once, and yield at once."""
    serving = [n for n, one in members.items() if one.state is State.MASTER and not one.leaving]
    yielded = [n for n, one in members.items() if one.follows or _goes(one)]
    ready = [n for n, one in members.items() if one.ready and not one.leaving]
    parting = [n for n, one in members.items() if one.ready and one.leaving]
    if parting and not any(one.asking for one in members.values()):
        for name in parting:
            yield name, GroupAgreed()
    if serving and yielded:
        for name in serving:
            yield name, GroupLost(f"{yielded[0]}, of the group {group}, has yielded")
    elif len(serving) + len(ready) == len(members):
        for name in ready:
            yield name, GroupAgreed()


def _goes(one: Standing) -> bool:
    """Whether it is MASTER no more in a moment, whoever comes."""
    return one.leaving and not one.returns
