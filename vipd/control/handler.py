"""What stands behind a control socket: it answers a request now, later, or on and on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from vipd.control.access import Caller
from vipd.control.messages import Reply, Request
from vipd.control.report import EventReport


@dataclass(frozen=True, slots=True)
class Feed:
    """An answer without end. `attach` begins to call with each event; what it returns ends that."""

    attach: Callable[[Callable[[EventReport], None]], Callable[[], None]]


Respond: TypeAlias = Callable[[Reply], None]
"""Takes the reply."""

Answer: TypeAlias = Callable[[Reply | bytes], None]
"""Takes the reply, or one that is written already, for several who have asked the same."""

Handler: TypeAlias = Callable[[Request, Caller, Answer], Feed | None]
"""Answers a request of a caller: calls `Answer` with the reply, now or later, or gives a feed."""
