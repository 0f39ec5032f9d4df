"""The registry: every topic, in the order in which they are told.

What a person mends first comes first: without a configuration there is no agent, without an agent
no rights, and so on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from vipd.doctor.facts import Facts
from vipd.doctor.finding import Finding
from vipd.doctor.topic import (
    address,
    agent,
    clock,
    configuration,
    firewall,
    interface,
    neighbour,
    network,
    platform,
    right,
    setting,
    unit,
)

Judge: TypeAlias = Callable[[Facts], Iterable[Finding]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One topic: its name, as it is printed, and what judges it."""

    name: str
    judge: Judge


TOPICS = (
    Topic(name="configuration", judge=configuration.judge),
    Topic(name="service", judge=unit.judge),
    Topic(name="agent", judge=agent.judge),
    Topic(name="rights", judge=right.judge),
    Topic(name="interface", judge=interface.judge),
    Topic(name="addresses", judge=address.judge),
    Topic(name="firewall", judge=firewall.judge),
    Topic(name="settings", judge=setting.judge),
    Topic(name="network", judge=network.judge),
    Topic(name="link", judge=neighbour.judge),
    Topic(name="platform", judge=platform.judge),
    Topic(name="clock", judge=clock.judge),
)


def examine(facts: Facts) -> Iterator[tuple[str, Finding]]:
    """Every finding with the name of its topic."""
    for topic in TOPICS:
        for finding in topic.judge(facts):
            yield topic.name, finding
