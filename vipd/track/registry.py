"""The registry: every kind of tracker, by the name that the configuration has for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import TypeAlias, cast

from vipd.core.config import TrackerConfig
from vipd.track.outcome import Tracker

Make: TypeAlias = Callable[[TrackerConfig], Tracker]


def _of(module: str) -> Make:
    """The `make` of a module of this package, which is loaded when it is first called.

    Why: an agent pays only for the kinds that it uses; TLS alone is 5 MB.
    """

    def make(config: TrackerConfig) -> Tracker:
        return cast("Make", import_module(f"vipd.track.{module}").make)(config)

    return make


KINDS: Mapping[str, Make] = MappingProxyType(
    {
        "script": _of("script"),
        "http": _of("http"),
        "https": _of("http"),
        "tcp": _of("tcp"),
        "dns": _of("dns"),
        "redis": _of("redis"),
        "ping": _of("ping"),
        "gateway": _of("gateway"),
        "process": _of("process"),
        "file": _of("file"),
        "load": _of("load"),
        "disk": _of("disk"),
        "interface": _of("interface"),
        "route": _of("route"),
    }
)
"""Each module of a kind has a function `make(config) -> Tracker`; a polled one returns
`Polling(config, ItsCheck(config))`."""


def make(config: TrackerConfig) -> Tracker:
    """The tracker that a configuration asks for."""
    return KINDS[config.kind](config)
