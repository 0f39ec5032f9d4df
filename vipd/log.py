"""The log: one event, rendered for a terminal, for journald or as JSON. The only door to structlog.

Under systemd each field of an event is one of the journal: `journalctl -u vipd INSTANCE=web`.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, Final, Literal, TextIO, TypeAlias, cast

from vipd.journald import Fields, Journald, is_journal
from vipd.lean import without
from vipd.sink import unhurried

# It looks for libraries that draw tracebacks: 5 MB.
with without("rich", "better_exceptions"):
    import structlog
    from structlog.typing import EventDict, FilteringBoundLogger, Processor

Logger: TypeAlias = FilteringBoundLogger
Format: TypeAlias = Literal["auto", "text", "json"]

PRIORITIES: Final = {"debug": "7", "info": "6", "warning": "4", "error": "3", "critical": "2"}
"""What journald calls the levels. Source: syslog(3)."""


def configure(
    form: Format = "auto", *, stream: TextIO | None = None, journald: Journald | None = None
) -> None:
    """Send the log of this process to a stream (standard error).

    `auto` is text on a terminal, JSON elsewhere; where the stream leads to the journal, records
    with fields go to journald itself.
    """
    stream = stream or sys.stderr
    if form == "auto" and is_journal(stream):
        logger = _journal_logger(journald or Journald())
        _configure([structlog.processors.format_exc_info, _record], lambda *_: logger)
        return
    text = form == "text" or (form == "auto" and stream.isatty())
    processors: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if text:
        processors.append(structlog.dev.ConsoleRenderer(colors=stream.isatty(), sort_keys=False))
    else:
        processors.append(structlog.processors.format_exc_info)
        processors.append(structlog.processors.JSONRenderer())
    sink = unhurried(stream, _tell_of_loss)
    _configure(processors, structlog.WriteLoggerFactory(cast("TextIO", sink)))


def get(**fields: object) -> Logger:
    """A logger whose every line carries these fields."""
    return cast("Logger", structlog.get_logger(**fields))


def _tell_of_loss(lines: int) -> None:
    get().warning("lines of this log are missing here: they could not be written", lines=lines)


def _configure(processors: list[Processor], factory: Callable[..., Any]) -> None:
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=factory,
        cache_logger_on_first_use=False,
    )


# -- the journal ------------------------------------------------------------------------------

_LOGFMT: Final = structlog.processors.LogfmtRenderer(bool_as_flag=False)


def _journal_logger(journald: Journald) -> SimpleNamespace:
    """What writes to the journal, whatever the level: the record tells it."""
    return SimpleNamespace(**dict.fromkeys(PRIORITIES, journald.write))


def _record(
    logger: object, level: str, event: EventDict
) -> tuple[tuple[Fields], dict[str, object]]:
    """The fields of an event, and what journald itself wants to know of it."""
    told = {name: str(value) for name, value in event.items()}
    exception = told.pop("exception", None)
    rest = {name: value for name, value in told.items() if name != "event"}
    message = f"{told['event']} {_LOGFMT(logger, level, rest)}".rstrip()
    own = {
        "message": message if exception is None else f"{message}\n{exception}",
        "priority": PRIORITIES[level],
        "syslog_identifier": "vipd",
    }
    return ({**told, **own},), {}
