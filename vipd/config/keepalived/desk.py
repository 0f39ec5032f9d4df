"""What all parts of an import work on: the ledger, the settings, and the names that are taken."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain, count
from typing import Final, TypeAlias

from vipd.config.keepalived.ledger import Ledger
from vipd.config.keepalived.setting import Settings

Find: TypeAlias = Callable[[str], "str | None"]
"""Finds a program by its name; None where there is none."""

LONGEST_NAME: Final = 32
_ODD: Final = re.compile(r"[^A-Za-z0-9_.-]+")


@dataclass(slots=True, kw_only=True)
class Desk:
    """What one import has at hand."""

    ledger: Ledger
    settings: Settings
    find: Find
    _taken: dict[str, set[str]] = field(default_factory=dict)

    def name(self, kind: str, wanted: str, otherwise: str = "") -> str:
        """A name that is free among its kind, and one that vipd takes.

        `otherwise` is appended where the name that is wanted is taken.
        """
        taken = self._taken.setdefault(kind, set())
        tidy = _ODD.sub("-", wanted)
        plain = (tidy if tidy == wanted else tidy.rstrip("-")).lstrip("_.-")[:LONGEST_NAME] or kind
        suffixes = chain(("", otherwise), (f"-{number}" for number in count(2)))
        names = (plain[: LONGEST_NAME - len(suffix)] + suffix for suffix in suffixes)
        free = next(name for name in names if name not in taken)
        taken.add(free)
        return free
