"""From the keys of a table [track.NAME] to a `TrackerConfig`, and what does not go together there.

The core keeps what all kinds share; the rest goes to the tracker as its options, every key of the
kind among them, so that a tracker need not know a default.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from vipd.config.text import write_duration
from vipd.config.track_schema import TRACKERS, Polled
from vipd.config.track_text import is_ipv4, program_problem
from vipd.core.config import TrackerConfig
from vipd.core.units import SECOND
from vipd.errors import ConfigProblem

REDIS_PORT = 6379
LOOPBACK = "127.0.0.1"

LIMITS = ("cpu_some_avg10_max", "memory_some_avg10_max", "io_some_avg10_max")

Keys = Mapping[str, Any]
Fault = tuple[str, str, str]
"""A key, what is wrong with it, and the way out."""


def tracker(name: str, keys: Keys) -> TrackerConfig:
    """Put the keys of the file where the core and the tracker look for them.

    A kind that does not look time and again has an interval that nobody uses.
    """
    shared = {key: keys[key] for key in ("rise", "fall", "flaps", "flap_window") if key in keys}
    interval = keys.get("interval", SECOND)
    return TrackerConfig(
        name=name,
        kind=keys["type"],
        interval=interval,
        timeout=keys.get("timeout", interval),
        initially_up=keys["initial"] == "up",
        options=_options(keys),
        **shared,
    )


def _options(keys: Keys) -> dict[str, Any]:
    shared = Polled.__struct_fields__
    kind = TRACKERS[keys["type"]]
    plain = {key: keys.get(key) for key in kind.__struct_fields__ if key not in shared}
    return _FINISH.get(keys["type"], dict)(plain)


def _script(options: dict[str, Any]) -> dict[str, Any]:
    return {**options, "environment": options["environment"] or {}}


def _http(options: dict[str, Any]) -> dict[str, Any]:
    status = options["status"]
    ranges = status if isinstance(status[0], tuple) else (status,)
    tls = {"verify": True, "ca": None, "server_name": None}
    return {**tls, **options, "status": ranges, "headers": options["headers"] or {}}


def _dns(options: dict[str, Any]) -> dict[str, Any]:
    record = options.pop("record")
    return {**options, "type": record}


def _redis(options: dict[str, Any]) -> dict[str, Any]:
    lag = options["lag_max"]
    del options["password_file"]
    return {
        **options,
        "address": options["address"] or LOOPBACK,
        "port": options["port"] or REDIS_PORT,
        "lag_max": None if lag is None else lag // SECOND,
    }


def _file(options: dict[str, Any]) -> dict[str, Any]:
    return {**options, "present": options["present"] or "up"}


def _disk(options: dict[str, Any]) -> dict[str, Any]:
    free = options["free_min"]
    share = free if isinstance(free, float) else None
    return {**options, "free_min": None if share else free, "free_percent_min": share}


_FINISH: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "script": _script,
    "http": _http,
    "https": _http,
    "dns": _dns,
    "redis": _redis,
    "file": _file,
    "disk": _disk,
}


# -- what does not go together --------------------------------------------------------------


def tracker_faults(path: str, keys: Keys) -> Iterator[ConfigProblem]:
    """Find every problem between the keys of one tracker that could be read."""
    judge = _JUDGES.get(keys["type"])
    for key, problem, hint in (*_of_time(keys), *(judge(keys) if judge else ())):
        yield ConfigProblem(path=f"{path}.{key}" if key else path, problem=problem, hint=hint)


def _of_time(keys: Keys) -> Iterator[Fault]:
    interval, timeout = keys.get("interval"), keys.get("timeout")
    if interval is not None and timeout is not None and timeout > interval:
        longer = f"{write_duration(timeout)} is longer than interval ({write_duration(interval)})"
        yield "timeout", longer, "a look is over before the next begins"
    if "flap_window" in keys and not keys.get("flaps"):
        yield "flap_window", "is for flaps only", "write flaps = 5 too, or leave it out"


def _of_script(keys: Keys) -> Iterator[Fault]:
    argv = keys.get("argv", ())
    if argv and isinstance(argv[0], str) and (fault := program_problem(argv[0])):
        yield ("argv", *fault)


def _of_http(keys: Keys) -> Iterator[Fault]:
    """RFC: 9110 §5.1: the case of a name means nothing."""
    counts = Counter(name.lower() for name in keys.get("headers", ()))
    for name, count in counts.items():
        if count > 1:
            hint = "capitals make no other name of it; write it once"
            yield "headers", f"{name} is there {count} times", hint


def _of_dns(keys: Keys) -> Iterator[Fault]:
    if "expect" not in keys:
        return
    wanted = "A" if is_ipv4(keys["expect"]) else "AAAA"
    if keys.get("record", wanted) != wanted:
        problem = f'{keys["expect"]} is no answer to record = "{keys["record"]}"'
        yield "expect", problem, f'write record = "{wanted}", or leave expect out'


def _of_redis(keys: Keys) -> Iterator[Fault]:
    for key in ("address", "port"):
        if key in keys and "unix_socket" in keys:
            yield key, "is not for a unix socket", "leave it out, or leave unix_socket out"
    if "lag_max" in keys and keys.get("role") != "replica":
        yield "lag_max", "is for a replica only", 'write role = "replica", or leave lag_max out'


def _of_load(keys: Keys) -> Iterator[Fault]:
    if not any(limit in keys for limit in LIMITS):
        yield "", "has no limit", "such as cpu_some_avg10_max = 80"


def _of_process(keys: Keys) -> Iterator[Fault]:
    if "executable" in keys and "unit" in keys:
        yield "unit", "stands beside executable", "give one of them"
    if "executable" not in keys and "unit" not in keys:
        yield "", "follows nothing", 'such as executable = "nginx" or unit = "nginx.service"'


def _of_file(keys: Keys) -> Iterator[Fault]:
    if keys.get("number") and "present" in keys:
        yield "present", "stands beside number = true", "give one of them"
    if not keys.get("number") and "present" not in keys:
        hint = 'present = "down" is a drain: while the file is there, another host serves'
        yield "", "does not say what the file means", f"{hint}; or number = true"


_JUDGES: Mapping[str, Callable[[Keys], Iterator[Fault]]] = {
    "script": _of_script,
    "http": _of_http,
    "https": _of_http,
    "dns": _of_dns,
    "redis": _of_redis,
    "load": _of_load,
    "process": _of_process,
    "file": _of_file,
}
