"""From notify scripts and the FIFO to the table `hooks`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from vipd.config.keepalived.body import Body
from vipd.config.keepalived.command import Command, command
from vipd.config.keepalived.desk import Desk
from vipd.config.keepalived.toml import Table, Value, value_text

MOMENTS: Final[Mapping[str, str]] = {
    "notify_master": "on_master",
    "notify_backup": "on_backup",
    "notify_fault": "on_fault",
    "notify_stop": "on_stop",
    "notify": "on_any",
}
"""In the order in which vipd runs them, which is keepalived's: the general one comes last."""

IN_ORDER: Final = (
    "hooks run one after the other and have 10 s each (timeout, up to 600 s); keepalived starts "
    "its scripts at once and lets them run"
)


def hooks(body: Body, desk: Desk) -> Table | None:
    """The hooks of an instance or a group; None where there are none."""
    table = Table(path=f"{body.table}.hooks")
    for keyword, moment in MOMENTS.items():
        found = body.value(keyword)
        if found is None:
            continue
        statement, text = found
        runs = command(statement, text, statement.values[1:], body, desk)
        if runs is not None:
            table.keys[moment] = written = _hook(runs, keepalived_style=keyword == "notify")
            body.carried(statement, f"hooks.{moment} = {value_text(written)}")
            desk.ledger.differs_once(statement, IN_ORDER)
            if runs.group not in (None, runs.user):
                body.dropped(statement, f"a hook runs with the groups of {runs.user or 'root'}")
    if desk.settings.fifo:
        table.keys["fifo"] = desk.settings.fifo
    return table if table.keys else None


def _hook(runs: Command, *, keepalived_style: bool) -> Value:
    """A list of words where that says it all and cannot be taken for several programs."""
    argv: list[Value] = list(runs.argv)
    if not runs.user and not keepalived_style:
        several = len(argv) > 1 and all(word.startswith("/") for word in runs.argv)
        return [argv] if several else argv
    keys: dict[str, Value] = {"argv": argv}
    if runs.user:
        keys["user"] = runs.user
    if keepalived_style:
        keys["style"] = "keepalived"
    return [keys]
