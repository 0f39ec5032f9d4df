"""The log: one event, rendered for a terminal or as JSON. The only door to structlog."""

from __future__ import annotations

import logging
import sys
from typing import Literal, TextIO, TypeAlias, cast

import structlog
from structlog.typing import FilteringBoundLogger, Processor

Logger: TypeAlias = FilteringBoundLogger
Format: TypeAlias = Literal["auto", "text", "json"]


def configure(form: Format = "auto", *, stream: TextIO | None = None) -> None:
    """Send the log of this process to a stream (standard error).

    `auto` is text on a terminal and JSON everywhere else.
    """
    stream = stream or sys.stderr
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
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )


def get(**fields: object) -> Logger:
    """A logger whose every line carries these fields."""
    return cast("Logger", structlog.get_logger(**fields))
