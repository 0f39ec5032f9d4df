"""What the doctor says of one thing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import partial


class Severity(Enum):
    """How grave it is."""

    OK = "ok"
    """As it should be."""

    NOTE = "note"
    """Worth knowing, or not to be seen by this user; nothing has to be done."""

    WARNING = "warning"
    """Failover works, but not as it should, or not in every case."""

    PROBLEM = "problem"
    """Failover does not work, or two hosts may serve at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing: its stable code, what is so, and what it means.

    `about` is the interface or the instance that is meant, empty for the whole host. `hint` is what
    to do where no command does it; `commands` mend it, run in their order as root.
    """

    severity: Severity
    code: str
    what: str
    about: str = ""
    why: str = ""
    hint: str = ""
    commands: tuple[str, ...] = ()


ok = partial(Finding, severity=Severity.OK)
note = partial(Finding, severity=Severity.NOTE)
warning = partial(Finding, severity=Severity.WARNING)
problem = partial(Finding, severity=Severity.PROBLEM)
