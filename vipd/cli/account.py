"""An account of one instance: its last transitions, each with the incidents that led there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from vipd.control.report import EventReport, InstanceReport
from vipd.core.cause import CauseCode
from vipd.core.incident import IncidentCode
from vipd.core.model import State

BEARS_FOR: Final = timedelta(minutes=1)
"""How long before a transition an incident may have led there."""

BEARS_ON: Final[Mapping[str, frozenset[CauseCode]]] = {
    IncidentCode.ADDRESS_DRIFT.value: frozenset({CauseCode.DRIFT, CauseCode.CLAIM_FAILED}),
    IncidentCode.ADDRESS_CONFLICT.value: frozenset(
        {CauseCode.OUTRANKED, CauseCode.DRIFT, CauseCode.CLAIM_FAILED}
    ),
    IncidentCode.MASTER_SILENT_BUT_ALIVE.value: frozenset({CauseCode.MASTER_SILENT}),
}
"""Which transitions an incident can have to do with; one that is not here, with any."""


@dataclass(frozen=True, slots=True)
class Incident:
    """One that led to a transition: as it was told last, and how often it was."""

    event: EventReport
    times: int


@dataclass(frozen=True, slots=True)
class Step:
    """A transition, and what led there."""

    event: EventReport
    incidents: tuple[Incident, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What is known of an instance; `present` is what the agent says of it now, if it does."""

    name: str
    steps: tuple[Step, ...]
    present: InstanceReport | None

    @property
    def state(self) -> State | None:
        """What it is, or was when nobody could tell any more."""
        if self.present is not None:
            return self.present.state
        return self.steps[-1].event.new if self.steps else None

    @property
    def since(self) -> str | None:
        """Since when."""
        if self.present is not None:
            return self.present.since
        return self.steps[-1].event.at if self.steps else None


def accounts(
    events: Iterable[EventReport], instances: Sequence[InstanceReport], *, count: int
) -> list[Account]:
    """Give account of each instance that has made a transition, whoever made the last one last."""
    present = {one.name: one for one in instances}
    of_instance: dict[str, list[EventReport]] = defaultdict(list)
    for event in events:
        if event.instance is not None and event.kind in ("transition", "incident"):
            of_instance[event.instance].append(event)
    told = [
        Account(name=name, steps=tuple(_steps(its))[-count:], present=present.get(name))
        for name, its in of_instance.items()
    ]
    moved = (account for account in told if account.steps)
    return sorted(moved, key=lambda account: account.steps[-1].event.seq)


def _steps(events: Sequence[EventReport]) -> Iterator[Step]:
    """An incident can lead to the next transition alone."""
    incidents: list[EventReport] = []
    for event in events:
        if event.kind == "incident":
            incidents.append(event)
        else:
            yield Step(event, tuple(_that_bear(incidents, event)))
            incidents.clear()


def _that_bear(incidents: Sequence[EventReport], on: EventReport) -> Iterator[Incident]:
    earliest = datetime.fromisoformat(on.at) - BEARS_FOR
    bearing: dict[str, list[EventReport]] = defaultdict(list)
    for one in incidents:
        if _bears(one, on) and datetime.fromisoformat(one.at) >= earliest:
            bearing[one.code].append(one)
    return (Incident(same[-1], len(same)) for same in bearing.values())


def _bears(incident: EventReport, on: EventReport) -> bool:
    causes = BEARS_ON.get(incident.code)
    return causes is None or on.code in {cause.value for cause in causes}
