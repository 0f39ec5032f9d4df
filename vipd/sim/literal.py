"""A scenario written as Python, to be put into a test."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, Field, fields
from enum import Enum

from vipd.core.units import MILLISECOND, SECOND
from vipd.sim.fault import Fault
from vipd.sim.network import Storm
from vipd.sim.scenario import Host, Scenario

TIMES = frozenset(
    {
        "advert_interval",
        "lease",
        "preempt_delay",
        "start",
        "begin",
        "end",
        "healed",
        "delay",
        "latency",
        "lateness",
    }
)
"""The fields that are instants or durations."""


def literal(value: Scenario | Host | Fault | Storm) -> str:
    """The expression that makes a value, without what it has by default."""
    arguments = ", ".join(_arguments(value))
    return f"{type(value).__name__}({arguments})"


def _arguments(value: Scenario | Host | Fault | Storm) -> Iterator[str]:
    for field in fields(value):
        what = getattr(value, field.name)
        if what != _default(field):
            yield f"{field.name}={_written(field.name, what)}"


def _default(field: Field[object]) -> object:
    return field.default if field.default is not MISSING else None


def _written(name: str, what: object) -> str:
    if isinstance(what, Scenario | Host | Fault | Storm):
        return literal(what)
    if isinstance(what, Enum):
        return f"{type(what).__name__}.{what.name}"
    if isinstance(what, tuple):
        return f"({''.join(_written('', one) + ', ' for one in what)})".replace(", )", ",)")
    if isinstance(what, int) and name in TIMES:
        return _time(what)
    return repr(what)


def _time(duration: int) -> str:
    for unit, name in ((SECOND, "SECOND"), (MILLISECOND, "MILLISECOND")):
        if duration and duration % unit == 0:
            return f"{duration // unit} * {name}"
    return f"{duration:_}"
