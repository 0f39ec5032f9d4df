"""keepalived's language: any text is read or refused, and what is written is read back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vipd.config.keepalived.convert import convert
from vipd.config.keepalived.keyword_global import TABLES
from vipd.config.keepalived.parse import Document, parse
from vipd.config.keepalived.tree import Place, Statement, write
from vipd.config.load import parse as parse_toml
from vipd.errors import ConfigError, ConfigProblem

pytestmark = pytest.mark.slow

HERE = Place(file="f", line=1)
KEYWORDS = sorted({word for table in TABLES.values() for word in table})
MARKS = ["{", "}", "{", "}", ";", "\n", "\n", "\n", " ", '"', "'", "\\", "#", "!", "\x00"]
LANGUAGE = ["$A=", "$A", "${A}", "@h1 ", "@^h1 ", "~SEQ(N, 3) ", "~LST({A, B}, {1, 2}) "]
VALUES = [
    "1", "2", "3", "100", "255", "-20", "0.5", "eth0", "eth1", "192.0.2.100/24", "198.51.100.7",
    "2001:db8::1/64", "2001:db8::7", "dev", "weight", "reverse", "VI_1", "VI_2", "/bin/a b", "top",
    "MASTER", "PASS", "AH", "nobody", "off", "é",
]  # fmt: skip
PIECES = [*KEYWORDS, *MARKS, *LANGUAGE, *VALUES, "include x\n"]

words = st.one_of(st.sampled_from(KEYWORDS), st.text(max_size=8))
statements = st.recursive(
    st.builds(
        lambda found: Statement(words=tuple(found), place=HERE),
        st.lists(words, min_size=1, max_size=4),
    ),
    lambda inner: st.builds(
        lambda found, block: Statement(words=tuple(found), block=tuple(block), place=HERE),
        st.lists(words, min_size=1, max_size=3),
        st.lists(inner, max_size=4),
    ),
    max_leaves=12,
)
texts = st.one_of(st.text(max_size=300), st.lists(st.sampled_from(PIECES)).map(" ".join))


def problems(read: Callable[[], object]) -> tuple[ConfigProblem, ...]:
    """What reading is refused for."""
    try:
        read()
    except ConfigError as error:
        return error.problems
    return ()


@given(texts)
def test_any_text_is_read_or_refused_with_its_line(text: str) -> None:
    refused = problems(lambda: parse(text, "f", host="h1"))
    assert all(problem.path.startswith("line ") for problem in refused)


@given(st.lists(statements, max_size=4))
def test_what_is_written_is_read_back(tree: list[Statement]) -> None:
    assert parse(write(tree), "f", host="h1").statements == tuple(tree)


@given(st.lists(st.sampled_from([*KEYWORDS, *VALUES, "{", "}", "\n"])).map(" ".join))
def test_whatever_can_be_read_is_imported_as_toml(text: str) -> None:
    """That nothing is wrong with the result is not promised; that it is told is."""
    if problems(lambda: parse(text, "f", host="h1")):
        return
    result = convert(parse(text, "f", host="h1"), "f", lambda name: f"/usr/bin/{name}")
    assert problems(lambda: parse_toml(result.toml, "vipd.toml", {})) == result.problems
    assert not any("not valid TOML" in problem.problem for problem in result.problems)


values = st.lists(st.sampled_from(VALUES), max_size=4)
lines = st.lists(
    st.builds(
        lambda found: Statement(words=tuple(found), place=HERE),
        st.lists(st.sampled_from(VALUES), min_size=1, max_size=4),
    ),
    max_size=4,
)


def blocks(of: str) -> st.SearchStrategy[list[Statement]]:
    """What may stand in a block: its keywords, with whatever values and lines."""
    return st.lists(
        st.builds(
            lambda keyword, found, inner: Statement(
                words=(keyword, *found),
                block=tuple(inner) if TABLES[of][keyword].block else None,
                place=HERE,
            ),
            st.sampled_from(sorted(TABLES[of])),
            values,
            lines,
        ),
        max_size=14,
    )


@given(
    blocks("global_defs"), blocks("vrrp_instance"), blocks("vrrp_script"), blocks("vrrp_sync_group")
)
def test_any_values_are_imported_as_toml(
    settings: list[Statement],
    instance: list[Statement],
    script: list[Statement],
    group: list[Statement],
) -> None:
    tree = [
        block(("global_defs",), settings),
        block(("vrrp_script", "top"), [*script, line("script", "/bin/a b")]),
        block(("vrrp_instance", "VI_1"), [*instance, *needed("5")]),
        block(("vrrp_instance", "VI_2"), [*instance, *needed("6")]),
        block(("vrrp_sync_group", "GROUP"), group),
    ]
    result = convert(Document(statements=tuple(tree)), "f", lambda _: None)
    assert problems(lambda: parse_toml(result.toml, "vipd.toml", {})) == result.problems
    assert not any("not valid TOML" in problem.problem for problem in result.problems)


def block(words: tuple[str, ...], entries: list[Statement]) -> Statement:
    return Statement(words=words, block=tuple(entries), place=HERE)


def needed(number: str) -> list[Statement]:
    """What no instance can be without."""
    addresses = block(("virtual_ipaddress",), [line(f"192.0.2.{number}")])
    return [line("virtual_router_id", number), line("interface", "eth0"), addresses]


def line(*words: str) -> Statement:
    return Statement(words=words, place=HERE)
