"""The table of words in the guide: every keyword of keepalived, and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from vipd.config.keepalived.keyword import Keyword, Table
from vipd.config.keepalived.keyword_global import ROOT, TABLES

ORDER: Final = (
    "global_defs",
    "vrrp_instance",
    "authentication",
    "vrrp_sync_group",
    "vrrp_script",
    "vrrp_track_process",
    "track_file",
)
"""The blocks that something becomes of; the others are among those outside of all blocks."""


def table() -> str:
    """All tables, as Markdown."""
    parts = [_section("Outside of all blocks", ROOT)]
    parts += [_section(f"In {name}", TABLES[name]) for name in ORDER]
    return "\n".join(parts)


def _section(title: str, keywords: Table) -> str:
    """What is carried over comes first; what has one answer stands in one line."""
    carried = [_row(f"`{name}`", word) for name, word in keywords.items() if word.becomes]
    lines = [f"### {title}", "", "| keepalived | vipd | to know |", "|---|---|---|", *carried]
    lines += [f"| {names} | none | {answer} |" for names, answer in _without(keywords)]
    return "\n".join(lines) + "\n"


def _row(name: str, word: Keyword) -> str:
    return f"| {name} | {word.becomes} | {word.instead} |"


def _without(keywords: Table) -> Iterator[tuple[str, str]]:
    answers: dict[str, list[str]] = {}
    for name, word in keywords.items():
        if not word.becomes:
            answers.setdefault(word.instead, []).append(f"`{name}`")
    return ((", ".join(names), answer) for answer, names in answers.items())
