"""What it means that a rule is broken."""

from __future__ import annotations


class Broken(Exception):
    """A rule that must always hold does not.

    `rule` is the same for whoever breaks it, and whenever: shrinking goes by it.
    """

    def __init__(self, who: str, rule: str, detail: str = "") -> None:
        super().__init__(f"{who} {rule}{detail and f': {detail}'}")
        self.rule = rule
