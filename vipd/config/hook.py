"""From the keys of a table `hooks` to a `HooksConfig`, and what may be misunderstood there.

A list of strings is one command line: `["/bin/a", "-v"]`. Several stand in a list of lists and
tables. Where both could be meant, neither is guessed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import UNSET

from vipd.config.hook_schema import MOST_HOOKS
from vipd.config.track_text import program_problem, toml_list
from vipd.core.config import Hook, HookMoment, HooksConfig
from vipd.errors import ConfigProblem

Keys = Mapping[str, Any]


def hooks(keys: Keys) -> HooksConfig:
    """The hooks in the order in which they run."""
    found = tuple(
        (moment, _hook(command))
        for moment in HookMoment
        if moment.value in keys
        for command in _commands(keys[moment.value])
    )
    return HooksConfig(hooks=found, fifo=keys.get("fifo"))


def hook_faults(path: str, keys: Keys) -> Iterator[ConfigProblem]:
    """Find every problem of a table that could be read."""
    for moment in HookMoment:
        if moment.value in keys:
            yield from _of_moment(f"{path}.{moment.value}", moment, keys[moment.value])


def _hook(command: Keys) -> Hook:
    plain = {key: command[key] for key in ("argv", "timeout", "user", "required") if key in command}
    return Hook(keepalived_style=command.get("style") == "keepalived", **plain)


def _commands(value: object) -> tuple[Keys, ...]:
    """The commands of one moment, each as a table."""
    if isinstance(value, dict):
        return (value,)
    assert isinstance(value, tuple), "the schema admits a list or a table"
    if all(isinstance(item, str) for item in value):
        return ({"argv": value},)
    return tuple(item if isinstance(item, dict) else {"argv": item} for item in value)


def _of_moment(path: str, moment: HookMoment, value: object) -> Iterator[ConfigProblem]:
    items = value if isinstance(value, tuple) else (value,)
    if UNSET in items:
        return
    words = [item for item in items if isinstance(item, str)]
    if words and len(words) < len(items):
        hint = f"write each command line as a list of its own: [{toml_list(words[:1])}, ...]"
        yield ConfigProblem(path=path, problem="mixes words and command lines", hint=hint)
        return
    if len(words) > 1 and all(word.startswith("/") for word in words):
        yield _ambiguous(path, words)
        return
    commands = _commands(value)
    if len(commands) > MOST_HOOKS:
        problem = f"has {len(commands)} command lines, {MOST_HOOKS} are the most"
        yield ConfigProblem(path=path, problem=problem, hint="let one program run the others")
    for index, command in enumerate(commands):
        place = path if words or isinstance(value, dict) else f"{path}[{index}]"
        yield from _of_command(place, moment, command)


def _ambiguous(path: str, words: list[str]) -> ConfigProblem:
    several = ", ".join(toml_list([word]) for word in words)
    return ConfigProblem(
        path=path,
        problem="may be one program and its arguments, or several programs",
        hint=f"write [{several}] for {len(words)} programs, [{toml_list(words)}] for one",
    )


def _of_command(path: str, moment: HookMoment, command: Keys) -> Iterator[ConfigProblem]:
    argv = command.get("argv", ())
    if argv and isinstance(argv[0], str) and (fault := program_problem(argv[0])):
        yield ConfigProblem(path=path, problem=fault[0], hint=fault[1])
    if command.get("required") and moment is not HookMoment.BEFORE_MASTER:
        yield ConfigProblem(
            path=f"{path}.required",
            problem="is for before_master only",
            hint="leave it out: what follows a transition cannot prevent it",
        )
