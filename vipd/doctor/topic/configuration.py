"""The configuration: whether it can be used, does what was meant, and is safe where it lies."""

from __future__ import annotations

import shlex
import stat
from collections.abc import Iterator

from vipd.doctor.facts import Configuration, Facts
from vipd.doctor.finding import Finding, note, ok, problem, warning
from vipd.errors import ConfigProblem

MINIMAL_ADVICE = "`vipd check --help` and the README show how to write one"


def judge(facts: Facts) -> Iterator[Finding]:
    """Everything of the file."""
    configuration = facts.configuration
    if not configuration.exists:
        yield _missing(configuration)
        return
    found = [*_of_contents(configuration), *_of_place(configuration)]
    if configuration.config and not any(each.code in _UNUSABLE for each in found):
        count = len(configuration.config.instances)
        noun = "instance" if count == 1 else "instances"
        yield ok(code="config-valid", what=f"{configuration.path} is valid: {count} {noun}")
    yield from found


_UNUSABLE = ("config-invalid", "config-program")


def _missing(configuration: Configuration) -> Finding:
    if configuration.given:
        return problem(
            code="config-missing",
            what=f"{configuration.path} does not exist",
            why="without a configuration there is nothing to serve",
            hint=MINIMAL_ADVICE,
        )
    return note(
        code="config-none",
        what=f"there is no {configuration.path} yet: only the host was looked at",
        hint=MINIMAL_ADVICE,
    )


def _of_contents(configuration: Configuration) -> Iterator[Finding]:
    for each in configuration.problems:
        yield problem(
            code="config-invalid",
            what=_sentence(each),
            why="an agent does not start with it, and one that runs refuses to reload it",
            hint=each.hint,
        )
    for each in configuration.missing_here:
        yield problem(
            code="config-program",
            what=_sentence(each),
            why="what the file names cannot be run on this host",
            hint=each.hint,
        )
    for each in configuration.traps:
        yield warning(
            code="config-trap",
            what=_sentence(each),
            why="it is valid, and will hardly do what was meant",
            hint=each.hint,
        )


def _of_place(configuration: Configuration) -> Iterator[Finding]:
    place, path = configuration.place, shlex.quote(str(configuration.path))
    if place is None:
        return
    if place.mode & (stat.S_IWGRP | stat.S_IWOTH):
        yield problem(
            code="config-writable",
            what=f"{configuration.path} can be written by others than its owner",
            why="the agent is root and runs the hooks and scripts that it names",
            commands=(f"chmod go-w {path}",),
        )
    config = configuration.config
    secret = config and any(one.password for one in config.instances)
    if secret and place.mode & stat.S_IROTH:
        yield warning(
            code="config-readable",
            what=f"{configuration.path} has a password and can be read by everybody",
            why="who knows the password can take the addresses over",
            commands=(f"chmod o= {path}",),
        )


def _sentence(each: ConfigProblem) -> str:
    return f"{each.path}: {each.problem}" if each.path else each.problem
