"""The tables of keywords: complete, of one mind, and told by the guide."""

from __future__ import annotations

from pathlib import Path

import pytest

from vipd.config.foreign import keepalived_problem
from vipd.config.keepalived.guide import table
from vipd.config.keepalived.keyword import NOTHING
from vipd.config.keepalived.keyword_global import ROOT, TABLES
from vipd.config.keepalived.toml import Table, write

GUIDE = Path(__file__).parents[4] / "docs/from-keepalived.md"


def test_a_keyword_becomes_something_or_says_what_to_do() -> None:
    silent = [
        (where, word)
        for where, words in TABLES.items()
        for word, what in words.items()
        if not (what.becomes or what.instead) or what.instead == NOTHING
    ]
    assert silent == []


@pytest.mark.parametrize("word", [word for word, what in ROOT.items() if what.block])
def test_a_block_is_known_for_keepalived_s(word: str) -> None:
    known = word.startswith(("vrrp_", "static_", "virtual_", "global_", "bfd_", "track_file"))
    problem = keepalived_problem(f"! x\n\n  {word} NAME {{\n", "k.conf")
    assert (problem is not None) is known
    assert problem is None or (problem.path, problem.hint) == (
        "line 3",
        "`vipd import k.conf` says it in vipd's words",
    )


@pytest.mark.parametrize(
    "text",
    [
        "[instance.web",
        "vrrp_instance = 3",
        "vrrp_script = { a = 1 }",
        "# vrrp_instance A {",
        "a = 'x'\nglobal_defs\t= 1",
    ],
)
def test_broken_toml_is_not_taken_for_keepalived_s(text: str) -> None:
    assert keepalived_problem(text, "f") is None


def test_the_guide_has_every_keyword() -> None:
    assert table() in GUIDE.read_text(encoding="utf-8")


def test_toml_is_written_so_that_every_value_is_read_back() -> None:
    text = write(Table(path="a", keys={"x": '"\\\n\x7f\x1bé', "y": [{"z": [1, True]}]}), ["a\nb"])
    lines = ["[a]", "# a b", 'x = "\\"\\\\\\n\\u007f\\u001bé"', "y = [{ z = [1, true] }]", ""]
    assert text == "\n".join(lines)
