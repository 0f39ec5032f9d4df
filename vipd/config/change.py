"""What a reload would change, in the words of the file, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vipd.config.model import Config
from vipd.config.plan import Plan, T, reload
from vipd.core.model import State


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyChange:
    """A key with another value; None where there was, or is, none."""

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
    """Compare two configurations; `states` is what the instances are now, by name."""
    del states
    change = reload(old, new)
    return (
        *_of("instance", change.instances),
        *_of("track", change.trackers),
        *_of("group", change.groups),
    )


def _of(section: str, plan: Plan[T]) -> tuple[Change, ...]:
    verdicts = {"kept": plan.kept, "changed": plan.changed, "added": plan.added}
    return tuple(
        Change(section=section, name=one.name, verdict=verdict)
        for verdict, ones in {**verdicts, "removed": plan.removed}.items()
        for one in ones
    )
