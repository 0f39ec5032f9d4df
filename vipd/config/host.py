"""What a configuration needs of this host: programs that can be run, users that exist.

A valid file may name what is not there. `vipd check` tells it as an error, and a reload is refused
for it. An agent that starts has no use for the answer but to warn: a hook that is gone must not
keep the addresses from being served.
"""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Iterator, Mapping
from pathlib import Path

from vipd.config.load import load
from vipd.config.model import Config
from vipd.config.text import join, quote
from vipd.core.config import HookMoment, HooksConfig, TrackerConfig
from vipd.errors import ConfigProblem
from vipd.program import fault_of, stats_of, trusted_users

ROOTS = (None, "root", "0")
"""Who runs as root: nobody else named, for the agent is root."""


def load_checked(
    path: Path, environ: Mapping[str, str] = os.environ
) -> tuple[Config, tuple[ConfigProblem, ...]]:
    """Read a file with all passwords; with it comes what this host does not have of what it names.

    Raises: ConfigError with all problems of the file itself.
    """
    config = load(path, environ, with_secrets=True)
    return config, host_problems(config)


def host_problems(config: Config) -> tuple[ConfigProblem, ...]:
    """Find everything that a valid configuration names and this host does not have."""
    return (*_of_trackers(config), *_of_hooks(config))


def _of_trackers(config: Config) -> Iterator[ConfigProblem]:
    for tracker in config.trackers:
        if tracker.kind == "script":
            yield from _of_script(join("track", tracker.name), tracker)
        elif ca := tracker.options.get("ca"):
            yield from _of_file(f"{join('track', tracker.name)}.ca", ca)


def _of_script(path: str, tracker: TrackerConfig) -> Iterator[ConfigProblem]:
    user, group = tracker.options["user"], tracker.options["group"]
    yield from _of_program(f"{path}.argv", tracker.options["argv"][0], user)
    yield from _of_user(f"{path}.user", user)
    if group and not group.isdigit() and not _exists_group(group):
        problem = f"there is no group {quote(group)} on this host"
        yield ConfigProblem(path=f"{path}.group", problem=problem, hint="see `getent group`")


def _of_hooks(config: Config) -> Iterator[ConfigProblem]:
    for kind, owners in (("instance", config.instances), ("group", config.groups)):
        for owner in owners:
            yield from _of_table(f"{join(kind, owner.name)}.hooks", owner.hooks)


def _of_table(path: str, hooks: HooksConfig) -> Iterator[ConfigProblem]:
    for moment in HookMoment:
        several = len(hooks.at(moment)) > 1
        for index, hook in enumerate(hooks.at(moment)):
            place = f"{path}.{moment.value}" + (f"[{index}]" if several else "")
            yield from _of_program(place, hook.argv[0], hook.user)
            yield from _of_user(place, hook.user)


def _of_program(path: str, program: str, user: str | None) -> Iterator[ConfigProblem]:
    try:
        stats = stats_of(program)
    except OSError as error:
        problem = f"{program} cannot be looked at: {error.strerror}"
        yield ConfigProblem(path=path, problem=problem, hint="run this as root")
        return
    fault = fault_of(program, stats, as_root=user in ROOTS, trusted=trusted_users())
    if fault:
        writable = "let root own it and nobody else write it, or name another user to run it as"
        hint = writable if "written" in fault else "install it, or correct the path"
        yield ConfigProblem(path=path, problem=f"{program} {fault}", hint=hint)


def _of_user(path: str, user: str | None) -> Iterator[ConfigProblem]:
    if not user or user.isdigit():
        return
    try:
        pwd.getpwnam(user)
    except KeyError:
        problem = f"there is no user {quote(user)} on this host"
        yield ConfigProblem(path=path, problem=problem, hint="see `getent passwd`")


def _exists_group(name: str) -> bool:
    try:
        grp.getgrnam(name)
    except KeyError:
        return False
    return True


def _of_file(path: str, file: str) -> Iterator[ConfigProblem]:
    if not Path(file).is_file() or not os.access(file, os.R_OK):
        yield ConfigProblem(path=path, problem=f"{file} cannot be read", hint="correct the path")
