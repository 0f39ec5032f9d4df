"""What follows from a change of the file, in one sentence for a person.

It tells what the machines do in the states that they are in, and what the other hosts may do about
it; what is not known here, such as the priority of the others, is told as a condition.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from vipd.config.model import Config
from vipd.config.plan import plan
from vipd.config.spelling import Section
from vipd.core.config import GroupConfig, InstanceConfig, TrackerConfig
from vipd.core.model import State
from vipd.core.units import format_duration

BREAKS = "until all hosts have the same, two may serve"
"""What is true of whatever makes the adverts of one host unacceptable to the others."""

NEW_HOOKS = "the new hooks run from the next transition on"


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """Both configurations, and what the instances are now, by name."""

    old: Config
    new: Config
    states: Mapping[str, State]


def effect_of(
    was: Section | None, will: Section | None, keys: Collection[str], around: Circumstances
) -> str:
    """What the change of one section comes to; `keys` are those that differ."""
    match was, will:
        case InstanceConfig(), InstanceConfig() if was.identity != will.identity:
            return _begun_anew(was, will, around)
        case InstanceConfig(), InstanceConfig():
            return _kept_on(was, will, keys, around.states.get(was.name))
        case None, InstanceConfig():
            return _begun(will, around)
        case InstanceConfig(), None:
            return _ended(was, around)
        case None, TrackerConfig():
            return _tracked(will.name, around)
        case TrackerConfig(), TrackerConfig():
            return "is restarted; what is known of it holds until it has looked"
        case ((None | GroupConfig()), GroupConfig()):
            return _grouped(will, keys, around, new=was is None)
        case GroupConfig(), None:
            return "its members keep their states; each is elected on its own from now on"
        case _:
            return "ends"


# -- instances that come and go -------------------------------------------------------------


def _begun(will: InstanceConfig, around: Circumstances) -> str:
    if will.owner and not _in_group(will, around):
        return "begins as MASTER: priority 255 owns the addresses"
    return "begins as BACKUP"


def _ended(was: InstanceConfig, around: Circumstances) -> str:
    if around.states.get(was.name) is not State.MASTER:
        return "ends; it does not serve now"
    if taker := _taker(was, around):
        return f"is released at once: instance {taker} needs its place or an address"
    return f"hands over first, then releases {_listed(was.addresses)}"


def _begun_anew(was: InstanceConfig, will: InstanceConfig, around: Circumstances) -> str:
    """Another identity: what runs ends, and another one begins in its place."""
    begins = " ".join((_begun(will, around), *_identity(was, will)))
    if around.states.get(was.name) is not State.MASTER:
        return f"ends and {begins}"
    if _taker(was, around):
        return f"is released at once and {begins}: an interruption"
    return f"hands over first and {begins}"


def _identity(was: InstanceConfig, will: InstanceConfig) -> Iterator[str]:
    if was.interface != will.interface:
        yield f"on {will.interface}"
    if was.vrid != will.vrid:
        yield f"under VRID {will.vrid}"
    if was.version != will.version:
        yield f"with VRRPv{will.version}"
    if was.virtual_mac != will.virtual_mac:
        yield f"{'with' if will.virtual_mac else 'without'} a virtual MAC address"
    if was.owner and not will.owner:
        yield "and owns the addresses no more"


def _taker(was: InstanceConfig, around: Circumstances) -> str | None:
    """Who is to run and has the place or an address of one that ends, if anybody."""
    ips = {vip.ip for vip in was.addresses if not vip.ip.is_link_local}
    for one in around.new.instances:
        same = (one.interface, one.vrid) == (was.interface, was.vrid)
        if one not in around.old.instances and (same or ips & {vip.ip for vip in one.addresses}):
            return one.name
    return None


def _in_group(config: InstanceConfig, around: Circumstances) -> bool:
    return any(config.name in group.members for group in around.new.groups)


# -- instances that go on -------------------------------------------------------------------


def _kept_on(
    was: InstanceConfig, will: InstanceConfig, keys: Collection[str], state: State | None
) -> str:
    first = "stays in FAULT, unless this mends it" if state is State.FAULT else "keeps its state"
    return "; ".join((first, *_consequences(was, will, keys, state)))


def _consequences(
    was: InstanceConfig, will: InstanceConfig, keys: Collection[str], state: State | None
) -> Iterator[str]:
    master = state is State.MASTER
    if "addresses" in keys:
        yield from _addresses(was, will, master=master)
    if "priority" in keys:
        yield _priority(was, will, state)
    if "advert_interval" in keys:
        when = "from now on" if master else "once it is MASTER"
        yield f"adverts every {format_duration(will.advert_interval)} {when}"
    if "auth.password" in keys or (will.version == 2 and "advert_interval" in keys):
        yield BREAKS
    if any(key in keys for key in ("unicast_peers", "source")):
        yield "adverts go to and come from the new peers" if will.unicast else "adverts go to all"
    if {use.name for use in will.track} - {use.name for use in was.track}:
        yield "a tracker that is new here counts as up until it has looked"
    if any(key.startswith("hooks.") for key in keys):
        yield NEW_HOOKS


def _addresses(was: InstanceConfig, will: InstanceConfig, *, master: bool) -> Iterator[str]:
    gained = [vip for vip in will.addresses if vip not in was.addresses]
    gone = [vip for vip in was.addresses if vip not in will.addresses]
    if not master:
        yield "has the new list when it becomes MASTER"
        return
    if gone:
        yield f"releases {_listed(gone)} now"
    if gained:
        yield f"claims {_listed(gained)} now"


def _priority(was: InstanceConfig, will: InstanceConfig, state: State | None) -> str:
    number = will.priority
    if state is State.MASTER and number < was.priority:
        return f"yields to a BACKUP of more than {number} that preempts"
    if state is State.BACKUP and number > was.priority and will.preempt:
        return f"takes over from a MASTER of less than {number}"
    return f"stands with priority {number} from now on"


# -- trackers and groups --------------------------------------------------------------------


def _tracked(name: str, around: Circumstances) -> str:
    users: tuple[InstanceConfig | GroupConfig, ...] = (*around.new.instances, *around.new.groups)
    if any(use.name == name for user in users for use in user.track):
        return "is started; it decides from its first look on"
    return "is started; nobody uses it"


def _grouped(group: GroupConfig, keys: Collection[str], around: Circumstances, *, new: bool) -> str:
    parts = [_together(group, around)] if new or "members" in keys else ["keeps the states"]
    if any(key.startswith("hooks.") for key in keys):
        parts.append(NEW_HOOKS)
    return "; ".join(parts)


def _together(group: GroupConfig, around: Circumstances) -> str:
    """What members mean to each other that were not together before; one that begins now means
    nothing yet."""
    way = plan(around.old.instances, around.new.instances)
    go_on = {one.name for one in (*way.kept, *way.changed)} & around.states.keys()
    are = {name: around.states[name] for name in group.members if name in go_on}
    ill = [name for name, state in are.items() if state is State.FAULT]
    masters = [name for name, state in are.items() if state is State.MASTER]
    backups = [name for name, state in are.items() if state is State.BACKUP]
    if ill and len(ill) < len(group.members):
        return f"{ill[0]} is in FAULT and takes the others along"
    if masters and backups:
        return f"{masters[0]} hands over if {backups[0]} hears another MASTER"
    return "keeps the states; its members move together from now on"


def _listed(items: Sequence[object]) -> str:
    return ", ".join(map(str, items))
