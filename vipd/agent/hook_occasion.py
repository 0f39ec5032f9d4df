"""The occasion: what a hook is told, in each of the forms that it can be told in.

The same facts stand in `VIPD_*` variables (all of them, always: what does not apply is empty) and
in one JSON document. keepalived's form is four words: as arguments, or as a line of a FIFO.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from vipd.core.actions import ReportTransition
from vipd.core.config import HookMoment
from vipd.core.model import IPAddress, State, Vip

MOMENT_OF: Mapping[State, HookMoment] = {
    State.MASTER: HookMoment.ON_MASTER,
    State.BACKUP: HookMoment.ON_BACKUP,
    State.FAULT: HookMoment.ON_FAULT,
    State.INIT: HookMoment.ON_STOP,
}
"""What follows each state; an instance becomes INIT only when it stops."""


class SubjectKind(Enum):
    """Whose hooks they are, in keepalived's words."""

    INSTANCE = "INSTANCE"
    GROUP = "GROUP"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Whose hooks they are; `group` is the one that an instance belongs to, if it does."""

    kind: SubjectKind
    name: str
    interface: str = ""
    vrid: int | None = None
    group: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known at a transition: the effective priority, the addresses, and the other router,
    the one that serves or did so last."""

    priority: int
    addresses: tuple[Vip, ...] = ()
    peer: IPAddress | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """One transition, or one that is about to be; `number` counts those of a subject, also the
    ones that no hook was told of. `skipped` is how many of these came right before."""

    subject: Subject
    number: int
    report: ReportTransition
    facts: Facts
    skipped: int = 0

    @property
    def moment(self) -> HookMoment:
        """When the hooks of the new state run."""
        return MOMENT_OF[self.report.new]


def environment_of(moment: HookMoment, occasion: Occasion) -> dict[str, str]:
    """The occasion as environment variables."""
    return {f"VIPD_{key.upper()}": _text(value) for key, value in _facts(moment, occasion).items()}


def document_of(moment: HookMoment, occasion: Occasion) -> bytes:
    """The occasion as a line of JSON."""
    return json.dumps(_facts(moment, occasion)).encode() + b"\n"


def keepalived_words(occasion: Occasion) -> tuple[str, str, str, str]:
    """The arguments that keepalived appends for a `notify` script; a group has no priority."""
    subject, state = occasion.subject, occasion.report.new
    word = "STOP" if state is State.INIT else state.value
    priority = occasion.facts.priority if subject.kind is SubjectKind.INSTANCE else 0
    return (subject.kind.value, subject.name, word, str(priority))


def keepalived_line(occasion: Occasion) -> str:
    """The line that keepalived writes to its `notify_fifo`."""
    kind, name, state, priority = keepalived_words(occasion)
    return f'{kind} "{name}" {state} {priority}\n'


def _facts(moment: HookMoment, occasion: Occasion) -> dict[str, object]:
    subject, report, facts = occasion.subject, occasion.report, occasion.facts
    is_group = subject.kind is SubjectKind.GROUP
    return {
        "moment": moment.value,
        "sequence": occasion.number,
        "skipped": occasion.skipped,
        "instance": None if is_group else subject.name,
        "group": subject.name if is_group else subject.group or None,
        "old": report.old.value,
        "new": report.new.value,
        "cause": report.cause.text,
        "cause_code": report.cause.code.value,
        "priority": facts.priority,
        "addresses": [str(vip) for vip in facts.addresses],
        "interface": subject.interface or None,
        "vrid": subject.vrid,
        "peer": None if facts.peer is None else str(facts.peer),
    }


def _text(value: object) -> str:
    """A fact as a shell likes it; what cannot stand in a variable is left out."""
    if value is None:
        return ""
    text = " ".join(value) if isinstance(value, list) else str(value)
    return text.replace("\0", "")
