"""The whole import: from a tree to the text of a vipd.toml, and what there is to say of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from vipd.config.keepalived.body import Body
from vipd.config.keepalived.desk import Desk, Find
from vipd.config.keepalived.group import Group, groups
from vipd.config.keepalived.instance import Router, router
from vipd.config.keepalived.keyword import unknown
from vipd.config.keepalived.keyword_global import ROOT, TABLES
from vipd.config.keepalived.keyword_lvs import LVS
from vipd.config.keepalived.ledger import Ledger, Note, Part
from vipd.config.keepalived.parse import Document
from vipd.config.keepalived.setting import settings
from vipd.config.keepalived.toml import Table, comment, write
from vipd.config.keepalived.tracker import DECLARING, Trackers
from vipd.config.keepalived.tree import Place, Statement
from vipd.config.load import parse as parse_toml
from vipd.errors import ConfigError, ConfigProblem

ELSEWHERE: Final = frozenset(
    {"global_defs", "vrrp_instance", "vrrp_sync_group", "virtual_server", *DECLARING}
)
"""What is read, and spoken of, somewhere else."""

SEMICOLON: Final = (
    "keepalived has none: it reads `MASTER;` for a value, and a line for one statement. Here they "
    "end statements, as whoever wrote them meant"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What an import gives: the text of a vipd.toml, the notes, and what is still wrong with it."""

    toml: str
    notes: tuple[Note, ...]
    problems: tuple[ConfigProblem, ...]

    def part(self, part: Part) -> tuple[Note, ...]:
        """The notes of one part of the report, in the order of the text."""
        return tuple(note for note in self.notes if note.part is part)


def convert(document: Document, file: str, find: Find) -> Imported:
    """Say a configuration in vipd's words; `file` is what it is called, `find` finds programs."""
    ledger = Ledger()
    _preface(document, file, ledger)
    statements = document.statements
    desk = Desk(ledger=ledger, settings=settings(statements, ledger), find=find)
    trackers = Trackers(statements, desk)
    routers = _routers(statements, desk, trackers)
    together = list(groups(statements, routers, desk, trackers))
    trackers.tell_unused()
    _rest(statements, ledger)
    notes = _ordered(ledger.notes, file)
    toml = "\n".join(_text(file, routers, together, trackers.tables, notes))
    return Imported(toml=toml, notes=notes, problems=_problems(toml))


def _routers(
    statements: tuple[Statement, ...], desk: Desk, trackers: Trackers
) -> dict[str, Router]:
    vrids = _vrids(statements)
    found: dict[str, Router] = {}
    for statement in statements:
        if statement.keyword != "vrrp_instance" or statement.block is None:
            continue
        if "".join(statement.values[:1]) in found:
            desk.ledger.dropped(statement, "there is an instance of this name already")
        elif one := router(statement, desk, trackers, vrids):
            found[one.name] = one
    return found


def _vrids(statements: tuple[Statement, ...]) -> frozenset[int]:
    said = (
        entry.values[0]
        for statement in statements
        for entry in statement.entries
        if entry.keyword == "virtual_router_id" and entry.values
    )
    return frozenset(int(text) for text in said if text.isascii() and text.isdigit())


# -- what is said of the file as a whole ------------------------------------------------------


def _preface(document: Document, file: str, ledger: Ledger) -> None:
    if document.semicolon:
        ledger.whole(Part.DIFFERENT, document.semicolon, "semicolons", SEMICOLON)
    if document.hosts:
        place = Place(file=file, line=1)
        names = " ".join(f"@{name}" for name in sorted(document.hosts))
        how = f"the file was read as {document.host}; `-i NAME` reads it as another host does"
        ledger.whole(Part.DIFFERENT, place, names, how)
    for place, pattern in document.missing:
        statement = Statement(words=("include", pattern), place=place)
        ledger.dropped(statement, "no such file here: import on the host that has it")


def _rest(statements: tuple[Statement, ...], ledger: Ledger) -> None:
    """Speak of what stands outside of all blocks that are read."""
    others = tuple(one for one in statements if one.keyword not in ELSEWHERE)
    Body(others, ROOT, ledger)
    for statement in statements:
        if statement.keyword in ELSEWHERE and statement.block is None:
            ledger.dropped(statement, f"{statement.keyword} needs a block: {{ ... }}")
        elif statement.keyword == "virtual_server":
            Body((statement,), ROOT, ledger)
            _judge_lvs(statement.entries, ledger)


def _judge_lvs(entries: tuple[Statement, ...], ledger: Ledger) -> None:
    """Tell what is no keyword of LVS either; of the others, the block has been told."""
    for entry in entries:
        if entry.keyword not in LVS:
            ledger.dropped(entry, unknown(entry.keyword, LVS, TABLES))
        _judge_lvs(entry.entries, ledger)


def _ordered(notes: list[Note], file: str) -> tuple[Note, ...]:
    """In the order of the text; what is included comes behind the file itself."""
    return tuple(sorted(notes, key=lambda n: (n.place.file != file, n.place.file, n.place.line)))


# -- the text ---------------------------------------------------------------------------------


def _text(
    file: str,
    routers: Mapping[str, Router],
    together: list[Group],
    trackers: list[Table],
    notes: tuple[Note, ...],
) -> Iterator[str]:
    tables: list[Table] = []
    for one in routers.values():
        tables += [*one.instances.values(), *([one.hooks] if one.hooks else [])]
    for group in together:
        tables += [group.table, *([group.hooks] if group.hooks else [])]
    tables += trackers
    known = {table.path for table in tables}
    yield "\n".join([*_head(file, [note for note in notes if note.table not in known]), ""])
    for table in tables:
        yield write(table, _remarks(note for note in notes if note.table == table.path))


def _head(file: str, notes: list[Note]) -> Iterator[str]:
    yield from comment(
        [
            f"Imported by `vipd import` from {file}.",
            "Every host has a file like this, with a priority of its own. Check it: vipd check",
        ]
    )
    if remarks := list(_remarks(notes)):
        yield "#"
        yield from comment(remarks)


def _remarks(notes: Iterator[Note] | list[Note]) -> Iterator[str]:
    """What the file itself says of what is not as it was."""
    for note in notes:
        if note.part is Part.DIFFERENT:
            yield f"{note.words}: {note.says}"
        elif note.part is Part.NOT_CARRIED and not note.says.startswith("nothing to do"):
            yield f"not carried over: {note.words}: {note.says}"


def _problems(toml: str) -> tuple[ConfigProblem, ...]:
    """What `vipd check` has against it."""
    try:
        parse_toml(toml, "vipd.toml", {})
    except ConfigError as error:
        return error.problems
    return ()
