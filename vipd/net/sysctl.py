"""Kernel settings of the network: set where they are ours, borrowed where they are the host's.

A setting of an interface that we made dies with it and is simply set. A setting of the whole host
is borrowed: what it was is noted before it is changed, as text that can be kept where it outlives
this process, and given back when the last borrower is done. Whoever has changed it meanwhile meant
it: then it is left as it is. Sources: ip-sysctl.rst of the kernel.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_ROOT: Final = Path("/proc/sys/net")
_LOAN: Final = re.compile(r"(?P<name>[\w/]+)=(?P<before>\d+)>(?P<during>\d+)")


class Sysctls:
    """The settings below net; a name is a path there, such as `ipv4/conf/all/arp_ignore`."""

    def __init__(self, root: Path = _ROOT) -> None:
        self._root = root

    def read(self, name: str) -> int:
        """What a setting is. Raises: OSError, when the kernel has no such setting."""
        return int((self._root / name).read_text(encoding="ascii"))

    def set(self, name: str, value: int) -> None:
        """Give a setting a value; one that has it already is not touched.

        Raises: OSError, which names the file. Why: for some settings to be written is an event.
        """
        if self.read(name) != value:
            (self._root / name).write_text(str(value), encoding="ascii")


@dataclass(frozen=True, slots=True)
class _Loan:
    """What a setting was, and what it is while it is borrowed."""

    before: int
    during: int


class Loans:
    """Settings of the host that are ours for a time.

    Order: `plan`, then keep the text, then `take`: whoever ends in between has left a note.
    """

    def __init__(self, sysctls: Sysctls) -> None:
        self._sysctls = sysctls
        self._loans: dict[str, _Loan] = {}

    def __str__(self) -> str:
        return " ".join(f"{name}={loan.before}>{loan.during}" for name, loan in self._loans.items())

    def plan(self, wanted: Mapping[str, int], good: Mapping[str, frozenset[int]]) -> None:
        """Note what has to change: each setting that has neither the wanted nor a good value.

        Raises: OSError, when a setting cannot be read.
        """
        for name, during in wanted.items():
            before = self._sysctls.read(name)
            if before not in good[name] | {during}:
                self._loans[name] = _Loan(before, during)

    def recall(self, text: str, allowed: Mapping[str, int]) -> None:
        """Take over what an earlier life has borrowed, from its text; only what is allowed."""
        for found in _LOAN.finditer(text):
            name, during = found["name"], int(found["during"])
            if allowed.get(name) == during:
                self._loans.setdefault(name, _Loan(int(found["before"]), during))

    def take(self) -> None:
        """Change what was planned. Raises: OSError, when a setting cannot be written."""
        for name, loan in self._loans.items():
            self._sysctls.set(name, loan.during)

    def give_back(self) -> None:
        """Restore everything that is still as we set it.

        Raises: OSError, when a setting cannot be written any more; it stays borrowed.
        """
        for name, loan in list(self._loans.items()):
            if self._sysctls.read(name) == loan.during:
                self._sysctls.set(name, loan.before)
            del self._loans[name]
