"""What a reload has to do, found by comparing two configurations."""

from __future__ import annotations

from dataclasses import dataclass

from vipd.core.config import InstanceConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The way from one configuration to another.

    An instance whose identity differs stands in `removed` as it was and in `added` as it will be.

    Order: each tuple has the order of the file that its instances come from. Carry `removed` out
    before `added`: a new instance may take over the VRID or the addresses of an old one.
    """

    added: tuple[InstanceConfig, ...]
    removed: tuple[InstanceConfig, ...]
    changed: tuple[InstanceConfig, ...]
    kept: tuple[InstanceConfig, ...]

    @property
    def empty(self) -> bool:
        """Whether nothing is to be done."""
        return not (self.added or self.removed or self.changed)


def plan(old: tuple[InstanceConfig, ...], new: tuple[InstanceConfig, ...]) -> Plan:
    """Compare what runs with what is wanted."""
    before = {instance.identity: instance for instance in old}
    after = {instance.identity for instance in new}
    staying = [instance for instance in new if instance.identity in before]
    return Plan(
        added=tuple(instance for instance in new if instance.identity not in before),
        removed=tuple(instance for instance in old if instance.identity not in after),
        changed=tuple(inst for inst in staying if inst != before[inst.identity]),
        kept=tuple(inst for inst in staying if inst == before[inst.identity]),
    )
