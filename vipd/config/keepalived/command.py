"""Command lines: what keepalived runs, as vipd runs it.

Neither has a shell. keepalived takes the first value as the whole command line and looks for the
program along the search path; vipd has the words in a list and wants the whole path.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from vipd.config.keepalived.body import Body
from vipd.config.keepalived.desk import Desk
from vipd.config.keepalived.lexis import split_command
from vipd.config.keepalived.tree import Statement
from vipd.config.text import quote
from vipd.config.track_text import SHELL_WORDS

SHELL: Final = "/bin/sh"
GUESSED: Final = "/usr/bin"
ROOTS: Final = ("root", "0")

OWN_USER: Final = (
    "without script_user, keepalived runs scripts as keepalived_script where that user exists, "
    "otherwise as root; here they run as root: write user where that is too much"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command line, and who runs it; None is the agent's own user, root."""

    argv: tuple[str, ...]
    user: str | None = None
    group: str | None = None


def command(
    statement: Statement, text: str, runs_as: tuple[str, ...], body: Body, desk: Desk
) -> Command | None:
    """Read a command line; `runs_as` is the user and the group that stand with it, if any do."""
    argv = split_command(text)
    if not argv:
        body.dropped(statement, "it names no program")
        return None
    user, group = _identity(runs_as, statement, desk)
    program = _program(argv[0], statement, body, desk)
    plain = Command(argv=(program, *argv[1:]), user=user, group=group)
    return _in_shell(plain, text, statement, body)


def killed_by_name(argv: tuple[str, ...]) -> str | None:
    """The process that a command line looks for, where it does nothing else."""
    match (argv[0].rpartition("/")[2], argv[1:]):
        case ("killall" | "killall5", ("-0", name)) | ("pidof", (name,)) | ("pgrep", ("-x", name)):
            return name
        case _:
            return None


def _identity(
    runs_as: tuple[str, ...], statement: Statement, desk: Desk
) -> tuple[str | None, str | None]:
    if runs_as:
        user: str | None = runs_as[0]
        group = runs_as[1] if len(runs_as) > 1 else None
    else:
        user, group = desk.settings.user, desk.settings.user_group
    if user is None:
        desk.ledger.differs_once(statement, OWN_USER)
    return (None if user in ROOTS else user), group


def _program(program: str, statement: Statement, body: Body, desk: Desk) -> str:
    if program.startswith("/"):
        return program
    found = desk.find(program)
    if found is not None and found.startswith("/"):
        return found
    guess = f"{GUESSED}/{program.rpartition('/')[2]}"
    body.differs(statement, f"vipd wants the whole path: {guess} is a guess; correct it")
    return guess


def _in_shell(plain: Command, text: str, statement: Statement, body: Body) -> Command:
    """Run in a shell what would be understood by a shell alone, as it was surely meant."""
    odd = [word for word in plain.argv if word in SHELL_WORDS]
    if odd:
        how = f"{quote(odd[0])} is for a shell, and neither keepalived nor vipd has one"
        body.differs(statement, f"{how}; here it runs in {SHELL}")
        return Command(argv=(SHELL, "-c", text), user=plain.user, group=plain.group)
    if len(plain.argv[0].split()) > 1:
        body.differs(statement, f"a path with spaces runs in {SHELL} here")
        script = shlex.join(plain.argv)
        return Command(argv=(SHELL, "-c", script), user=plain.user, group=plain.group)
    return plain


def identity_keys(runs: Command) -> Mapping[str, str]:
    """The keys that say who runs it."""
    keys = {"user": runs.user, "group": runs.group}
    return {key: value for key, value in keys.items() if value is not None}
