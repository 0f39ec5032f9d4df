"""The errors that belong to the operator: said in full, never raised one at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class VipdError(Exception):
    """Something a person can mend; its text is shown as it is, without a traceback."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigProblem:
    """One thing that is wrong with a configuration: where, what, and the way out.

    `path` is the key, as in `instance.web.vrid`; it is empty when the file itself is meant.
    """

    path: str
    problem: str
    hint: str = ""

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path else ""
        way_out = f" ({self.hint})" if self.hint else ""
        return f"{where}{self.problem}{way_out}"


class ConfigError(VipdError):
    """A configuration that cannot be used, with all of its problems."""

    def __init__(self, file: str, problems: Sequence[ConfigProblem]) -> None:
        self.file = file
        self.problems = tuple(problems)
        super().__init__("\n".join(f"{file}: {problem}" for problem in self.problems))
