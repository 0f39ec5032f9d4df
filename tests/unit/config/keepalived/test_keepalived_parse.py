"""Statements and blocks, on one line or on several, and where they stand."""

from __future__ import annotations

import pytest

from vipd.config.keepalived.parse import parse
from vipd.config.keepalived.tree import Place, write
from vipd.errors import ConfigError

BOOK = "a { b 1; c { d; } e x; }"
LINES = "a {\n    b 1\n    c {\n        d\n    }\n    e x\n}\n"


def written(text: str) -> str:
    return write(parse(text, "f").statements)


@pytest.mark.parametrize(
    "text",
    [
        BOOK,
        LINES,
        "a\n{\n b 1\n c\n\n { d }\n e x }",
        "a { b 1\n c {d} e x }",
        "a{b 1\nc{d}e x}",
        "# a\na { # b\n b 1 ! c\n c { d # e\n }\n e x\n } # f",
        "a { b 1;;; c { d;; } e x }\n;",
    ],
)
def test_a_tree_is_the_same_however_it_is_laid_out(text: str) -> None:
    assert written(text) == LINES


def test_without_semicolons_a_line_is_one_statement() -> None:
    (block,) = parse("a { b 1 c 2\n d }", "f").statements
    assert [one.words for one in block.entries] == [("b", "1", "c", "2"), ("d",)]


def test_a_statement_knows_its_line() -> None:
    document = parse("a\nb {\n c\n}\n\nd;", "f")
    assert [one.place for one in document.statements] == [
        Place(file="f", line=line) for line in (1, 2, 6)
    ]
    assert document.statements[1].entries[0].place.line == 3
    assert document.semicolon == Place(file="f", line=6)
    assert parse("a\n", "f").semicolon is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a {\n b\n", "f: line 1: the block of a is never closed (a } is missing)"),
        ("a\n}\n", "f: line 2: a } closes nothing"),
        ("{ a }", "f: line 1: a block begins that belongs to nothing"),
        ("a { } { }", "f: line 1: a block begins that belongs to nothing"),
        ("a {\n" * 31, "f: line 31: blocks are nested more than 30 deep"),
    ],
)
def test_what_is_no_tree_is_refused_with_its_line(text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text, "f")
    assert str(caught.value).startswith(problem)


def test_what_could_be_misunderstood_is_quoted() -> None:
    text = r"""'include' "a b" "" "x;" "{" '"' "\\" "$A" "#" é "@h" "~SEQ(N,2)" """
    plain = parse(text, "f").statements
    assert plain[0].words == (
        "include", "a b", "", "x;", "{", '"', "\\", "$A", "#", "é", "@h", "~SEQ(N,2)",
    )  # fmt: skip
    assert parse(f"$A=gone\n{write(plain)}", "f").statements == plain
