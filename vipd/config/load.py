"""From a file to a `Config`, or to every reason why not."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from msgspec import UNSET

from vipd.config.coherence import incoherences
from vipd.config.conflict import Draft, conflicts
from vipd.config.foreign import keepalived_problem
from vipd.config.hook import hook_faults, hooks
from vipd.config.model import (
    AgentConfig,
    Config,
    default_control_socket,
    default_state_directory,
    runtime_directory,
)
from vipd.config.read import Reader
from vipd.config.reference import references
from vipd.config.schema import File
from vipd.config.secret import Places, places_of, settle
from vipd.config.text import harmless, join
from vipd.config.tracker import tracker, tracker_faults
from vipd.core.config import GroupConfig, InstanceConfig, TrackUse, Unicast
from vipd.errors import ConfigError, ConfigProblem

MINIMAL = 'instance.web = { interface = "eth0", vrid = 51, addresses = ["192.0.2.100/24"] }'
"""The smallest configuration, on one line."""

LARGEST_FILE = 4 * 1024 * 1024
"""Bytes. 255 instances of 255 addresses each take less than half of it."""

UNICAST = {
    "unicast_peers": "peers",
    "source": "sources",
    "unicast_ttl": "ttl",
    "min_ttl": "min_ttl",
}
"""The keys of an instance that are about unicast, and what the core calls them."""

_TOML_POSITION = re.compile(
    r"(?P<problem>.*) \(at (?:(?P<place>line (?P<line>\d+), column \d+)|end of document)\)",
    re.DOTALL,
)


def load(
    path: Path, environ: Mapping[str, str] = os.environ, *, with_secrets: bool = False
) -> Config:
    """Read a file; passwords that stand in files of their own only if they are wanted.

    Why: who asks where the agent answers may read this file, and hardly those.

    Raises: ConfigError with all problems.
    """
    places = places_of(path, environ) if with_secrets else None
    return parse(_contents(path), str(path), environ, places)


def parse(
    source: str | bytes,
    file: str,
    environ: Mapping[str, str] = os.environ,
    places: Places | None = None,
) -> Config:
    """Read a configuration that was obtained elsewhere; `file` is what the errors call it.

    Raises: ConfigError with all problems.
    """
    text = _decode(source, file) if isinstance(source, bytes) else source
    return interpret(_parse_toml(text, file), file, environ, places)


def interpret(
    document: dict[str, Any], file: str, environ: Mapping[str, str], places: Places | None = None
) -> Config:
    """Check a parsed document and turn it into values. `places` is where passwords are.

    Raises: ConfigError with all problems.
    """
    reader = Reader()
    values: dict[str, Any] = reader.read_table("", document, File)
    if document.get("instance", {}) == {}:
        reader.note("instance", "no instance is configured", f"a minimal one: {MINIMAL}")
    tables: dict[str, dict[str, Any]] = {
        kind: values.get(kind, {}) for kind in ("instance", "track", "group")
    }
    unread = {problem.path for problem in reader.problems}
    missing = settle(tables["instance"], tables["track"], places, unread)
    if problems := [*reader.problems, *missing, *_faults(tables, unread)]:
        raise ConfigError(file, problems)
    return Config(
        agent=_agent(values.get("agent", {}), environ),
        instances=tuple(_instance(*item) for item in tables["instance"].items()),
        trackers=tuple(tracker(*item) for item in tables["track"].items()),
        groups=tuple(_group(*item) for item in tables["group"].items()),
    )


def _faults(tables: dict[str, dict[str, Any]], unread: set[str]) -> Iterator[ConfigProblem]:
    """What no single key can know. A tracker of an unknown kind is UNSET, but declared."""
    instances, trackers, groups = tables["instance"], tables["track"], tables["group"]
    for name, keys in instances.items():
        yield from incoherences(join("instance", name), keys)
    for name, keys in trackers.items():
        if keys is not UNSET:
            yield from tracker_faults(join("track", name), keys)
    for kind in ("instance", "group"):
        for name, keys in tables[kind].items():
            yield from hook_faults(f"{join(kind, name)}.hooks", keys.get("hooks", {}))
    yield from conflicts([_draft(*item) for item in instances.items()])
    yield from references(instances, groups, trackers, unread)


def _agent(keys: dict[str, Any], environ: Mapping[str, str]) -> AgentConfig:
    """Fill in what follows from the environment."""
    placed = {
        "control_socket": default_control_socket(environ),
        "state_directory": default_state_directory(environ),
        **keys,
    }
    runtime = runtime_directory(placed["control_socket"], environ)
    return AgentConfig(runtime_directory=runtime, **placed)


def _instance(name: str, keys: dict[str, Any]) -> InstanceConfig:
    """Put the keys of the file where the core keeps them."""
    apart = ("auth", "track", "hooks", *UNICAST)
    plain = {key: value for key, value in keys.items() if key not in apart}
    unicast = {UNICAST[key]: keys[key] for key in UNICAST if key in keys}
    if sources := unicast.get("sources"):
        unicast["sources"] = sources if isinstance(sources, tuple) else (sources,)
    return InstanceConfig(
        name=name,
        password=keys["auth"]["password"] if "auth" in keys else None,
        unicast=Unicast(**unicast) if unicast else None,
        track=_uses(keys),
        hooks=hooks(keys.get("hooks", {})),
        **plain,
    )


def _group(name: str, keys: dict[str, Any]) -> GroupConfig:
    return GroupConfig(
        name=name,
        members=keys["members"],
        track=_uses(keys),
        hooks=hooks(keys.get("hooks", {})),
    )


def _uses(keys: dict[str, Any]) -> tuple[TrackUse, ...]:
    uses = keys.get("track", ())
    return tuple(TrackUse(name=use) if isinstance(use, str) else TrackUse(**use) for use in uses)


def _draft(name: str, keys: dict[str, Any]) -> Draft:
    addresses = keys.get("addresses", ())
    return Draft(
        name=name,
        interface=keys.get("interface"),
        vrid=keys.get("vrid"),
        addresses=tuple(None if vip is UNSET else vip for vip in addresses),
        peers=tuple(peer for peer in keys.get("unicast_peers", ()) if peer is not UNSET),
    )


def _contents(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            contents = file.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        _refuse(str(path), "", "does not exist", f"a minimal configuration: {MINIMAL}")
    except IsADirectoryError:
        _refuse(str(path), "", "is a directory", f"name a file, such as {path / 'vipd.toml'}")
    except PermissionError:
        hint = "run this as root, or let your user read the file"
        _refuse(str(path), "", "cannot be read: permission denied", hint)
    except OSError as error:
        _refuse(str(path), "", f"cannot be read: {error.strerror}")
    if len(contents) > LARGEST_FILE:
        _refuse(str(path), "", f"is larger than {LARGEST_FILE} bytes", "is it the right file?")
    return contents


def _decode(source: bytes, file: str) -> str:
    """Decode UTF-8; the byte order mark that some editors write in front is passed over."""
    try:
        return source.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = source.count(b"\n", 0, error.start) + 1
        problem = f"byte 0x{source[error.start]:02x} is not UTF-8 text"
        _refuse(file, f"line {line}", problem, "save the file in the encoding UTF-8")


def _parse_toml(text: str, file: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        if problem := keepalived_problem(text, file):
            raise ConfigError(file, [problem]) from None
        _refuse_toml(text, file, error)
    except ValueError:
        _refuse(file, "", "has a number that is too long to read")
    except RecursionError:
        _refuse(file, "", "is nested too deeply")


def _refuse_toml(text: str, file: str, error: tomllib.TOMLDecodeError) -> NoReturn:
    match = _TOML_POSITION.fullmatch(str(error))
    assert match, "the texts of tomllib have ended so since Python 3.11"
    problem = f"not valid TOML: {match['problem'][:1].lower()}{match['problem'][1:]}"
    if match["line"] is None:
        _refuse(file, "end of file", problem, "a quote or a bracket may have been left open")
    line = text.split("\n")[int(match["line"]) - 1]
    _refuse(file, match["place"], problem, f"the line reads: {harmless(line.strip())}")


def _refuse(file: str, place: str, problem: str, hint: str = "") -> NoReturn:
    raise ConfigError(file, [ConfigProblem(path=place, problem=problem, hint=hint)])
