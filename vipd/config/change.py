"""What a reload would change, in the words of the file, and what follows from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from vipd.config.effect import Circumstances, effect_of
from vipd.config.model import Config
from vipd.config.plan import plan
from vipd.config.spelling import Secret, Section, Words, keys_of
from vipd.config.text import quote
from vipd.core.config import GroupConfig, InstanceConfig, TrackerConfig
from vipd.core.model import State

Sort = TypeVar("Sort", InstanceConfig, TrackerConfig, GroupConfig)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyChange:
    """A key with another value; None where there was, or is, none.

    What a list has gained or lost is a change for each item, with None on the other side. A value
    that is never shown has None on both.
    """

    key: str
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One section of the file: kept, changed, added or removed, and what follows from that."""

    section: str
    name: str
    verdict: str
    keys: tuple[KeyChange, ...] = ()
    effect: str = ""


def describe(old: Config, new: Config, states: Mapping[str, State]) -> tuple[Change, ...]:
    """Compare two configurations; `states` is what the instances are now, by name.

    Order: the table [agent], if it has changed; then what is kept, changed, added and removed of
    each sort.
    """
    around = Circumstances(old=old, new=new, states=states)
    return (
        *_of_agent(around),
        *_of("instance", old.instances, new.instances, around),
        *_of("track", old.trackers, new.trackers, around),
        *_of("group", old.groups, new.groups, around),
    )


def _of_agent(around: Circumstances) -> Iterator[Change]:
    keys = tuple(differences(around.old.agent, around.new.agent))
    if keys:
        effect = "takes effect when the agent is restarted"
        yield Change(section="agent", name="", verdict="changed", keys=keys, effect=effect)


def _of(
    section: str, old: Sequence[Sort], new: Sequence[Sort], around: Circumstances
) -> Iterator[Change]:
    """Who keeps the name is changed for a reader, though it may have to begin anew."""
    way = plan(old, new)
    before, after = {one.name: one for one in old}, {one.name: one for one in new}
    verdicts = {
        "kept": [one.name for one in way.kept],
        "changed": [name for name in after if name in before and after[name] not in way.kept],
        "added": [name for name in after if name not in before],
        "removed": [name for name in before if name not in after],
    }
    for verdict, names in verdicts.items():
        for name in names:
            pair = before.get(name), after.get(name)
            yield _change(section, name, verdict, pair, around)


def _change(
    section: str,
    name: str,
    verdict: str,
    pair: tuple[Section | None, Section | None],
    around: Circumstances,
) -> Change:
    was, will = pair
    if verdict == "kept":
        return Change(section=section, name=name, verdict=verdict)
    keys = tuple(differences(was, will)) if was and will else ()
    effect = effect_of(was, will, {one.key for one in keys}, around)
    return Change(section=section, name=name, verdict=verdict, keys=keys, effect=effect)


def differences(old: Section, new: Section) -> Iterator[KeyChange]:
    """Every key of a section that differs, in the order of the fields."""
    before, after = keys_of(old), keys_of(new)
    for key in {**before, **after}:
        if before.get(key) != after.get(key):
            yield from _difference(key, before.get(key), after.get(key))


def _difference(key: str, old: Words, new: Words) -> Iterator[KeyChange]:
    if isinstance(old, Secret) or isinstance(new, Secret):
        yield KeyChange(key=key, old=None, new=None)
    elif isinstance(old, tuple) and isinstance(new, tuple):
        yield from _of_lists(key, old, new)
    else:
        yield KeyChange(key=key, old=_shown(old), new=_shown(new))


def _of_lists(key: str, old: tuple[str, ...], new: tuple[str, ...]) -> Iterator[KeyChange]:
    """What is new and what is gone; or the whole, where that is not the difference."""
    if set(old) == set(new):
        yield KeyChange(key=key, old=_shown(old), new=_shown(new))
        return
    for item in new:
        if item not in old:
            yield KeyChange(key=key, old=None, new=_shown(item))
    for item in old:
        if item not in new:
            yield KeyChange(key=key, old=_shown(item), new=None)


def _shown(words: str | tuple[str, ...] | Secret | None) -> str | None:
    """Write a value so that no terminal obeys what is in it."""
    assert not isinstance(words, Secret), "a secret is not shown"
    if words is None:
        return None
    text = f"[{', '.join(words)}]" if isinstance(words, tuple) else words
    return text if text.isprintable() and text else quote(text)
