"""The report of an import: for a person, and for a program."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from textwrap import wrap
from typing import Final

import click

from vipd.config.keepalived.convert import Imported
from vipd.config.keepalived.keyword import NOTHING
from vipd.config.keepalived.ledger import Note, Part
from vipd.errors import ConfigProblem

WIDTH: Final = 98

TITLES: Final = {
    Part.CARRIED: ("Carried over", "green"),
    Part.DIFFERENT: ("Carried over with a different meaning", "yellow"),
    Part.NOT_CARRIED: ("Not carried over, and what to do instead", "red"),
}


def as_json(file: str, imported: Imported) -> str:
    """The report as one object."""
    parts = {part.value: [_object(note) for note in imported.part(part)] for part in Part}
    problems = [
        {"path": each.path, "problem": each.problem, "hint": each.hint}
        for each in imported.problems
    ]
    answer = {"file": file, "valid": not imported.problems, "problems": problems, **parts}
    return json.dumps(answer, indent=2)


def as_text(file: str, imported: Imported, output: Path | None) -> str:
    """The report for a person. Order: what is to be done comes last, where the eye is."""
    blocks = [
        "\n".join(_part(part, imported.part(part), file)) for part in Part if imported.part(part)
    ]
    if imported.problems:
        blocks.append("\n".join(_problems(imported.problems)))
    blocks.append(_conclusion(file, imported, output))
    return "\n\n".join(blocks)


def _object(note: Note) -> dict[str, str | int]:
    return {
        "file": note.place.file,
        "line": note.place.line,
        "keepalived": note.words,
        "vipd": note.says,
        "table": note.table,
    }


def _part(part: Part, notes: tuple[Note, ...], file: str) -> Iterator[str]:
    """One part; what asks for nothing comes first in the last one."""
    title, colour = TITLES[part]
    yield click.style(f"{title} ({len(notes)})", fg=colour, bold=True)
    ordered = sorted(notes, key=lambda note: not note.says.startswith(NOTHING))
    for note in ordered if part is Part.NOT_CARRIED else notes:
        place = f"line {note.place.line}"
        if note.place.file != file:
            place = f"{note.place.file}, {place}"
        head = f"  {place}: {note.words}"
        tail = f"-> {note.says}" if part is Part.CARRIED else note.says
        if part is Part.CARRIED and len(head) + len(tail) < WIDTH:
            yield f"{head}  {tail}"
            continue
        yield head
        yield from wrap(
            tail, WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6, break_on_hyphens=False
        )


def _problems(problems: tuple[ConfigProblem, ...]) -> Iterator[str]:
    title = f"To be mended by hand, before vipd accepts it ({len(problems)})"
    yield click.style(title, fg="red", bold=True)
    yield from (f"  {problem}" for problem in problems)


def _conclusion(file: str, imported: Imported, output: Path | None) -> str:
    lost = sum(not note.says.startswith(NOTHING) for note in imported.part(Part.NOT_CARRIED))
    counts = (
        f"{len(imported.part(Part.CARRIED))} carried over, "
        f"{len(imported.part(Part.DIFFERENT))} with a different meaning, {lost} to be looked at"
    )
    if imported.problems:
        return click.style(f"{file}: {counts}; not valid yet", fg="red", bold=True)
    where = f"vipd check {output}" if output else "write it with --output FILE, then vipd check"
    return click.style(f"{file}: {counts}; next: {where}", fg="green", bold=True)
