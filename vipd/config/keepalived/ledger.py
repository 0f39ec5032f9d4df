"""The ledger: what became of each statement, as it is told to the administrator."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from vipd.config.keepalived.tree import Place, Statement

LONGEST_SHOWN: Final = 60
"""Characters of a statement that are repeated."""

_SPACED: Final = re.compile("[\\s\"']")
SECRETS: Final = frozenset({"auth_pass"})


class Part(Enum):
    """The parts of the report."""

    CARRIED = "carried"
    DIFFERENT = "different"
    NOT_CARRIED = "not_carried"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One statement, and what became of it.

    `says` is what stands here instead; or what is different; or why it is not carried, and what to
    do. `table` is the table that it concerns; empty for the whole file.
    """

    part: Part
    place: Place
    words: str
    says: str
    table: str = ""


@dataclass(slots=True)
class Ledger:
    """Takes notes, in the order in which they come."""

    notes: list[Note] = field(default_factory=list)
    _once: set[str] = field(default_factory=set)

    def carried(self, statement: Statement, becomes: str, table: str = "") -> None:
        """It is here as it was there."""
        self._note(Part.CARRIED, statement, becomes, table)

    def differs(self, statement: Statement, how: str, table: str = "") -> None:
        """It is here, and means something else."""
        self._note(Part.DIFFERENT, statement, how, table)

    def differs_once(self, statement: Statement, how: str) -> None:
        """The same of many statements; it is told of the first."""
        if how not in self._once:
            self._once.add(how)
            self.differs(statement, how)

    def dropped(self, statement: Statement, instead: str, table: str = "") -> None:
        """It is not here."""
        self._note(Part.NOT_CARRIED, statement, instead, table)

    def whole(self, part: Part, place: Place, words: str, says: str) -> None:
        """What is no single statement."""
        self.notes.append(Note(part=part, place=place, words=words, says=says))

    def _note(self, part: Part, statement: Statement, says: str, table: str) -> None:
        self.notes.append(
            Note(part=part, place=statement.place, words=shown(statement), says=says, table=table)
        )


def shown(statement: Statement) -> str:
    """A statement as it is repeated: short, without its block, and without what is secret."""
    words = statement.words
    if statement.keyword in SECRETS:
        words = (statement.keyword, "***")
    text = " ".join(map(_shown_word, words))
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 3] + "..."


def _shown_word(word: str) -> str:
    """A word as a person would write it."""
    plain = "".join(each if each.isprintable() else " " for each in word)
    if plain and not _SPACED.search(plain):
        return plain
    mark = "'" if '"' in plain else '"'
    return f"{mark}{plain}{mark}"
