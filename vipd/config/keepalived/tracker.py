"""What is watched: scripts, processes, files and interfaces, each declared once it is used."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Final

from vipd.config.keepalived.body import Body
from vipd.config.keepalived.command import command, identity_keys, killed_by_name
from vipd.config.keepalived.desk import Desk
from vipd.config.keepalived.keyword import FILE, PROCESS, SCRIPT
from vipd.config.keepalived.keyword import Table as Keywords
from vipd.config.keepalived.toml import Table, Value, value_text
from vipd.config.keepalived.tree import Place, Statement
from vipd.config.schema import LARGEST_WEIGHT
from vipd.config.text import RefusedText, join, quote, read_interface, write_duration
from vipd.config.track_schema import (
    LARGEST_COUNT,
    LONGEST_INTERVAL,
    LONGEST_ROW,
    SHORTEST_INTERVAL,
)
from vipd.core.units import MILLISECOND, SECOND

DECLARING: Final = {
    "vrrp_script": "script",
    "vrrp_track_process": "process",
    "track_file": "file",
    "vrrp_track_file": "file",
}
"""What declares a tracker of which kind."""

USING: Final = {
    "track_script": "script",
    "track_process": "process",
    "track_file": "file",
    "track_interface": "interface",
}
"""What uses trackers of which kind."""

KEYWORDS: Final[dict[str, Keywords]] = {"script": SCRIPT, "process": PROCESS, "file": FILE}
USUAL_WEIGHT: Final = {"script": 0, "process": 0, "file": 1, "interface": 0}

REVERSE: Final = (
    "reverse: there is none. A weight above 0 counts while the tracker is up, one below 0 while it "
    "is down; turn the answer of the script around"
)
SLOWER: Final = (
    "a look ends before the next begins, so that a failure is seen later; lower both if the script "
    "is quick"
)
_INEXPRESSIBLE: Final = frozenset({"quorum_max", "full_command", "param_match"})
"""Without these a tracker of a process would mean something else."""


@dataclass(frozen=True, slots=True)
class _Weight:
    """A weight where a tracker is declared or used; 0 is FAULT."""

    number: int
    reverse: bool = False


class Trackers:
    """The trackers of a file. A table is made when one is used for the first time."""

    def __init__(self, statements: tuple[Statement, ...], desk: Desk) -> None:
        self._desk = desk
        self._declared: dict[tuple[str, str], Statement] = {}
        self._tables: dict[tuple[str, str, bool], Table | None] = {}
        self._names: dict[tuple[str, str, bool], str] = {}
        self._asked: set[tuple[str, str]] = set()
        for statement in statements:
            kind = DECLARING.get(statement.keyword)
            if kind and statement.values:
                self._declared[kind, statement.values[0]] = statement

    @property
    def tables(self) -> list[Table]:
        """What was declared, in the order of its first use."""
        return [table for table in self._tables.values() if table is not None]

    def uses(self, body: Body, interface: str = "") -> list[Value]:
        """What an instance or a group watches; `interface` is the instance's own."""
        found: dict[str, Value] = {}
        for keyword, kind in USING.items():
            for entry in body.entries(keyword):
                if kind == "interface" and _is_settled(entry, interface, body):
                    continue
                used = self._use(kind, entry, body)
                if used is None:
                    continue
                if used[0] in found:
                    body.dropped(entry, "it is listed already")
                    continue
                found[used[0]] = used[1]
                body.carried(entry, f"track, with {value_text(used[1])}")
        return list(found.values())

    def tell_unused(self) -> None:
        """Note what is declared and does not come of it."""
        made = {key[:2] for key in self._tables}
        for key, statement in self._declared.items():
            if key in self._asked - made:
                self._desk.ledger.dropped(statement, "where it is used, it is not carried over")
            elif key not in made:
                how = "nothing to do: no instance and no group uses it, and keepalived never looks"
                self._desk.ledger.dropped(statement, how)

    def _use(self, kind: str, entry: Statement, body: Body) -> tuple[str, Value] | None:
        declared = self._declared.get((kind, entry.keyword))
        if declared is None and kind != "interface":
            how = f"there is no {kind} {quote(entry.keyword)}; keepalived passes over it, too"
            body.dropped(entry, how)
            return None
        if declared and _is_below(declared.place, entry.place):
            how = "it is declared further down, where keepalived does not look for it; vipd does"
            body.differs(entry, how)
        self._asked.add((kind, entry.keyword))
        weight = _weight(entry.values, entry, body) or self._usual(kind, declared, body)
        if weight.reverse:
            body.dropped(entry, REVERSE)
            return None
        if kind == "file" and weight.number not in (0, 1):
            how = f"its number times {weight.number}: there is no factor; write the product into it"
            body.dropped(entry, how)
            return None
        name = self._declare(kind, entry, declared, as_weight=kind == "file" and weight.number == 1)
        if name is None:
            body.dropped(entry, "its declaration is not carried over: see there")
            return None
        if weight.number == 0 or kind == "file":
            return name, name
        number = max(-LARGEST_WEIGHT, min(LARGEST_WEIGHT, weight.number))
        return name, {"name": name, "weight": number}

    def _usual(self, kind: str, declared: Statement | None, body: Body) -> _Weight:
        entries = declared.entries if declared else ()
        said = next((one for one in reversed(entries) if one.keyword == "weight"), None)
        found = _weight(said.words, said, body) if said else None
        return found or _Weight(USUAL_WEIGHT[kind])

    def _declare(
        self, kind: str, entry: Statement, declared: Statement | None, *, as_weight: bool
    ) -> str | None:
        """The name of a tracker, which has a table from now on; None where it cannot have one."""
        key = (kind, entry.keyword, as_weight)
        if key not in self._tables:
            name = self._desk.name("track", entry.keyword, f"-{kind}")
            path = join("track", name)
            self._names[key] = name
            if declared is None:
                self._tables[key] = Table(
                    path=path, keys={"type": "interface", "interface": entry.keyword}
                )
            else:
                body = Body(declared.entries, KEYWORDS[kind], self._desk.ledger, path)
                if statement := body.last("weight"):
                    body.carried(statement, "weight, where the tracker is used")
                keys = self._keys(kind, declared, body, as_weight=as_weight)
                self._tables[key] = Table(path=path, keys=keys) if keys else None
        return self._names[key] if self._tables[key] else None

    def _keys(
        self, kind: str, declared: Statement, body: Body, *, as_weight: bool
    ) -> dict[str, Value] | None:
        match kind:
            case "script":
                return _script(declared, body, self._desk)
            case "process":
                return _process(declared, body)
            case _:
                return _file(declared, body, as_weight=as_weight)


def _is_below(one: Place, other: Place) -> bool:
    return one.file == other.file and one.line > other.line


def _is_settled(entry: Statement, interface: str, body: Body) -> bool:
    """Whether an interface needs no tracker: it is the instance's own, or none at all."""
    if entry.keyword == interface:
        body.carried(entry, "nothing: an instance depends on its interface in any case")
        return True
    try:
        read_interface(entry.keyword)
    except RefusedText as refused:
        body.dropped(entry, f"{refused.problem}: {refused.hint or 'name an interface'}")
        return True
    return False


def _weight(words: tuple[str, ...], entry: Statement, body: Body) -> _Weight | None:
    """Read `weight N [reverse]`; None where there is no weight."""
    if not words:
        return None
    number = words[1] if len(words) > 1 else ""
    digits = number.lstrip("+-")
    if words[0] != "weight" or not (digits.isascii() and digits.isdigit() and len(digits) < 10):
        how = f"keepalived does not read {quote(words[0])} here; each name has a line of its own"
        body.dropped(entry, how)
        return None
    return _Weight(int(digits) * (-1 if number.startswith("-") else 1), words[2:3] == ("reverse",))


def _script(declared: Statement, body: Body, desk: Desk) -> dict[str, Value] | None:
    found = body.value("script")
    if found is None:
        body.dropped(declared, "it has no script")
        return None
    statement, text = found
    user = body.value("user")
    runs = command(statement, text, user[0].values if user else (), body, desk)
    if runs is None:
        return None
    keys: dict[str, Value] = {"type": "script", "argv": list(runs.argv)}
    process = killed_by_name(runs.argv)
    told = f'; type = "process" with executable = "{process}" is told at once' if process else ""
    body.carried(statement, f"argv = {value_text(keys['argv'])}{told}")
    keys |= identity_keys(runs)
    if user:
        body.carried(user[0], f"user = {value_text(user[1])}")
    return keys | _looks(body)


def _looks(body: Body) -> dict[str, Value]:
    """How often a script is run, and what its answers mean."""
    keys: dict[str, Value] = {}
    found, limit = body.seconds("interval"), body.seconds("timeout")
    if limit:
        timeout = max(limit[1] // MILLISECOND * MILLISECOND, MILLISECOND)
        keys["timeout"] = write_duration(min(timeout, LONGEST_INTERVAL))
        body.carried(limit[0], f"timeout = {value_text(keys['timeout'])}")
    if found or limit:
        wanted = found[1] if found else SECOND
        shortest = max(SHORTEST_INTERVAL, limit[1] if limit else 0)
        rounded = -(-min(max(wanted, shortest), LONGEST_INTERVAL) // MILLISECOND) * MILLISECOND
        keys = {"interval": write_duration(rounded), **keys}
        if found and rounded == wanted:
            body.carried(found[0], f"interval = {value_text(keys['interval'])}")
        elif statement := (found or limit or (None,))[0]:
            how = SLOWER if limit else "that is the least, or the most"
            body.differs(statement, f"interval = {value_text(keys['interval'])}: {how}")
    for keyword in ("rise", "fall"):
        if row := body.number(keyword, 1, LONGEST_ROW):
            keys[keyword] = row[1]
            body.carried(row[0], f"{keyword} = {row[1]}")
    if statement := body.last("init_fail"):
        body.carried(statement, 'initial = "down", the default')
    elif keys.get("rise", 1) != 1 and (statement := body.last("rise")):
        how = "it counts from the start: keepalived takes the first good look for enough then"
        body.differs(statement, how)
    return keys


def _process(declared: Statement, body: Body) -> dict[str, Value] | None:
    found = body.value("process")
    if odd := next((one for one in declared.entries if one.keyword in _INEXPRESSIBLE), None):
        how = f"without {odd.keyword} it would mean something else"
        body.dropped(declared, how)
        return None
    if found is None:
        body.dropped(declared, "it names no process")
        return None
    statement, executable = found
    keys: dict[str, Value] = {"type": "process", "executable": executable}
    if len(statement.values) > 1:
        how = "its arguments are not compared: every process of this program counts"
        body.differs(statement, how)
    else:
        body.carried(statement, f"executable = {value_text(executable)}")
    if row := body.number("quorum", 1, LARGEST_COUNT):
        keys["minimum"] = row[1]
        body.carried(row[0], f"minimum = {row[1]}")
    return keys


def _file(declared: Statement, body: Body, *, as_weight: bool) -> dict[str, Value] | None:
    found = body.value("file")
    if found is None:
        body.dropped(declared, "it names no file")
        return None
    statement, path = found
    if as_weight:
        how = "a file that is not there is FAULT, not 0: write 0 into it before vipd starts"
        body.differs(statement, f'number = true, path = "{path}": {how}')
        return {"type": "file", "path": path, "number": True}
    argv: list[Value] = ["/bin/sh", "-c", _is_zero(path)]
    body.differs(statement, "with weight 0 the number is looked at each second, by a script")
    return {"type": "script", "argv": argv}


def _is_zero(path: str) -> str:
    """A command line that ends with 0 while the file holds 0, or nothing."""
    file = shlex.quote(path)
    return f'test ! -s {file} || test "$(head -n 1 {file})" -eq 0'
