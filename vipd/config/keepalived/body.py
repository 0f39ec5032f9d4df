"""The body of a block, read by a table of keywords: what is known, and what is said of the rest."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Final

from vipd.config.keepalived.keyword import NOTHING, Keyword, Table, unknown
from vipd.config.keepalived.keyword_global import TABLES
from vipd.config.keepalived.ledger import Ledger
from vipd.config.keepalived.tree import Statement
from vipd.config.text import quote
from vipd.core.units import SECOND, Duration

OFF: Final = frozenset({"off", "false", "no"})
USUAL: Final = (("224.0.0.18",), ("ff02::12",))
"""The groups of the protocol, which need not be named."""

_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,18}")
_SECONDS: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{0,9})?|\.[0-9]{1,9}")


class Body:
    """What stands in a block, by its keywords; what is not known, or not carried, is noted at once.

    `table` is the table of vipd's file that comes of it.
    """

    def __init__(
        self, entries: tuple[Statement, ...], keywords: Table, ledger: Ledger, table: str = ""
    ) -> None:
        self.ledger = ledger
        self.table = table
        self._keywords = keywords
        self._found: dict[str, list[Statement]] = {}
        for statement in entries:
            self._take(statement)

    def all(self, keyword: str) -> list[Statement]:
        """Every statement with this keyword."""
        return self._found.get(keyword, [])

    def last(self, keyword: str) -> Statement | None:
        """The one that counts: the last, where there are several."""
        found = self.all(keyword)
        return found[-1] if found else None

    def entries(self, keyword: str) -> Iterator[Statement]:
        """The lines within every block of this keyword."""
        for statement in self.all(keyword):
            yield from statement.entries

    def value(self, keyword: str) -> tuple[Statement, str] | None:
        """The statement that counts and its first value; one without a value is noted."""
        statement = self.last(keyword)
        if statement is None:
            return None
        if not statement.values:
            self.dropped(statement, "it has no value")
            return None
        return statement, statement.values[0]

    def flag(self, keyword: str) -> Statement | None:
        """The statement, unless it says no."""
        statement = self.last(keyword)
        return None if statement is None or says_no(statement) else statement

    def number(self, keyword: str, least: int, most: int) -> tuple[Statement, int] | None:
        """An integer within bounds; another one is noted."""
        found = self.value(keyword)
        if found is None:
            return None
        statement, text = found
        if _NUMBER.fullmatch(text) and least <= int(text) <= most:
            return statement, int(text)
        self.dropped(statement, f"{quote(text)} is not an integer from {least} to {most}")
        return None

    def seconds(self, keyword: str) -> tuple[Statement, Duration] | None:
        """A time in seconds, with a fraction or without; what is none is noted."""
        found = self.value(keyword)
        if found is None:
            return None
        statement, text = found
        if _SECONDS.fullmatch(text):
            return statement, int(Fraction(text.rstrip(".")) * SECOND)
        self.dropped(statement, f"{quote(text)} is not a number of seconds")
        return None

    def carried(self, statement: Statement, becomes: str) -> None:
        """Note that it is carried over."""
        self.ledger.carried(statement, becomes, self.table)

    def differs(self, statement: Statement, how: str) -> None:
        """Note that it is carried with a different meaning."""
        self.ledger.differs(statement, how, self.table)

    def dropped(self, statement: Statement, instead: str) -> None:
        """Note that it is not carried."""
        self.ledger.dropped(statement, instead, self.table)

    def _take(self, statement: Statement) -> None:
        keyword = self._keywords.get(statement.keyword)
        if keyword is None:
            self.dropped(statement, unknown(statement.keyword, self._keywords, TABLES))
        elif not keyword.becomes:
            self._tell(statement, keyword.instead)
        elif keyword.block and statement.block is None:
            self.dropped(statement, f"{statement.keyword} needs a block: {{ ... }}")
        else:
            self._keep(statement, keyword)

    def _tell(self, statement: Statement, instead: str) -> None:
        if says_no(statement):
            instead = f"{NOTHING}it is off here, too"
        elif statement.values[:1] in USUAL:
            instead = f"{NOTHING}it is so here, too"
        self.dropped(statement, instead)

    def _keep(self, statement: Statement, keyword: Keyword) -> None:
        if keyword.values is not None and len(statement.values) > keyword.values:
            behind = " ".join(statement.values[keyword.values :])
            how = f"keepalived does not read what stands behind it: {quote(behind)}"
            self.dropped(statement, f"{how}; one keyword has a line")
        if statement.block is not None and not keyword.block:
            self.dropped(statement, f"{statement.keyword} has no block; what stands in it is lost")
        elif (earlier := self._found.get(statement.keyword)) and not keyword.block:
            line = statement.place.line
            self.dropped(earlier[-1], f"it is said again in line {line}, which counts")
        self._found.setdefault(statement.keyword, []).append(statement)


def says_no(statement: Statement) -> bool:
    """Whether a statement turns off what its keyword stands for."""
    return bool(statement.values) and statement.values[0].lower() in OFF
