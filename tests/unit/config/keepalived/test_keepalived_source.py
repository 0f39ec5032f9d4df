"""Lines as they are meant: definitions, conditions, sequences, includes."""

from __future__ import annotations

import pytest

from vipd.config.keepalived.pattern import MOST_PATTERNS, patterns
from vipd.config.keepalived.source import Source
from vipd.errors import ConfigError

FILES = {
    "/etc/k/conf.d/a.conf": "from a\ninclude b.conf",
    "/etc/k/conf.d/b.conf": "from ${_PWD}",
    "/etc/k/self.conf": "include self.conf",
    "/etc/k/left.conf": "include right.conf",
    "/etc/k/right.conf": "include left.conf",
}


def include(pattern: str, directory: str) -> list[tuple[str, str]]:
    """Find what is named, or all that begins with what stands before a star."""
    path = f"{directory}/{pattern}"
    return [
        (name, text)
        for name, text in FILES.items()
        if name == path or ("*" in path and name.startswith(path.partition("*")[0]))
    ]


def lines(text: str, host: str = "lb1") -> list[str]:
    return [line.text for line in Source(host, include).lines(text, "/etc/k/main.conf")]


def refusal(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        lines(text)
    return str(caught.value)


# -- definitions ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$A=1\nx $A\ny ${A}2", ["x 1", "y 12"]),
        ("$A=1\nx $AB ${B} $A.2", ["x $AB ${B} $A.2"]),
        ("  $A = 1\nx", ["$A = 1", "x"]),
        ("$A=\nx${A}y", ["xy"]),
        ("$A=1 # comment\nx $A", ["x 1"]),
        ("$BASE=10.2.${SUB}\n$SUB=0\n${BASE}.1\n$SUB=10\n${BASE}.1", ["10.2.0.1", "10.2.10.1"]),
        ("$ME=@lb1\n$ME priority 2\n@lb2 priority 3", ["priority 2"]),
        ("pid ${_INSTANCE} ${_PWD} ${_HASH}${_BANG}", ["pid lb1 /etc/k #!"]),
        ("$B= \\\n block { \\\n  $N=${N}0 \\\n x ${N} \\\n }\n$N=1\n$B", None),
    ],
)
def test_definitions(text: str, expected: list[str] | None) -> None:
    if expected is None:
        assert refusal(text).endswith("(one that is made of itself has no end)")
    else:
        assert lines(text) == expected


def test_a_definition_of_several_lines_is_read_line_by_line() -> None:
    text = (
        "$VI= \\\nvrrp_instance V${N} { \\\n   @lb1 priority 2 \\\n   @lb2 priority 1 \\\n}\n"
        "$N=1\n$VI\n$N=2\n$VI"
    )
    blocks = ([f"vrrp_instance V{number} {{", "priority 2", "}"] for number in (1, 2))
    assert lines(text) == [line for block in blocks for line in block]


def test_a_line_that_goes_on_is_one_line() -> None:
    assert lines("lvs_sync_daemon eth0 \\\n   id 5\nx") == ["lvs_sync_daemon eth0     id 5", "x"]
    assert lines("the last one \\") == ["the last one"]


@pytest.mark.parametrize("text", ["$A=x${A}\nx ${A}", "$A=${B}\n$B=${A}\n${A}"])
def test_a_definition_of_itself_is_refused(text: str) -> None:
    assert "definitions lead to definitions without end" in refusal(text)


def test_what_grows_without_end_is_refused() -> None:
    doubling = "".join(f"$A{n}=${{A{n + 1}}}${{A{n + 1}}}\n" for n in range(30))
    assert "comes to more than" in refusal(f"{doubling}x ${{A0}}")


def test_what_is_drawn_by_lot_is_refused() -> None:
    assert refusal("x\npriority ${_RANDOM 10 20}") == (
        "/etc/k/main.conf: line 2: ${_RANDOM} has another value each time "
        "(write the number itself: what is drawn by lot cannot be carried over)"
    )


# -- conditions -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "expected"),
    [("main", ["router a", "peer 2", "peer 3"]), ("backup", ["router b", "peer 1", "peer 3"])],
)
def test_a_line_is_for_the_hosts_that_it_names(host: str, expected: list[str]) -> None:
    text = "@main router a\n@backup router b\n@^main peer 1\n@^backup peer 2\n@^other peer 3"
    assert lines(text, host) == expected


def test_the_hosts_of_a_text_are_known() -> None:
    source = Source("lb1", include)
    assert list(source.lines("@a x\n@^b y\n@c", "f")) != []
    assert source.hosts == {"a", "b", "c"}


# -- sequences --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("~SEQ(N, 0, 2) x ${N}", ["x 0", "x 1", "x 2"]),
        ("~SEQ(N, 2) x ${N}", ["x 1", "x 2"]),
        ("~SEQ(N, -2) x ${N}", ["x -1", "x -2"]),
        ("~SEQ(N, 5, -2, 1) x ${N}", ["x 5", "x 3", "x 1"]),
        ("~SEQ(N, 3, 1) x ${N}", ["x 3", "x 2", "x 1"]),
        ("~SEQx(N, 0x9, 1, b) x ${N}", ["x 9", "x a", "x b"]),
        ("~SEQ(A,1,2) ~SEQ(B,3,4) ${A}.${B}", ["1.3", "1.4", "2.3", "2.4"]),
        ("~LST(N, a, b) x ${N}", ["x a", "x b"]),
        ("~LST({A, B}, {1,2},{3,4}) ${A}-${B}", ["1-2", "3-4"]),
        ("$END=2\n~SEQ(N, ${END}) x ${N}", ["x 1", "x 2"]),
        ("$V= \\\n a ${N} { \\\n }\n~SEQ(N, 2) $V", ["a 1 {", "}", "a 2 {", "}"]),
    ],
)
def test_a_line_repeats(text: str, expected: list[str]) -> None:
    assert lines(text) == expected


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("~SEQ(N, x) y", "~SEQ counts whole numbers (such as ~SEQ(N, 1, 3))"),
        ("~SEQ(N, 1, 0, 3) y", "~SEQ counts whole numbers"),
        ("~SEQ() y", "~SEQ begins with the name of a variable"),
        ("~SEQ(N, 1, 9999999) y", "~SEQ repeats more than 65536 times"),
        ("~LST({A, B}, 1) y", "~LST needs 2 values each time"),
    ],
)
def test_what_does_not_repeat_is_refused(text: str, problem: str) -> None:
    assert refusal(text).startswith(f"/etc/k/main.conf: line 1: {problem}")


# -- includes ---------------------------------------------------------------------------------


def test_an_include_is_relative_to_the_file_that_it_stands_in() -> None:
    source = Source("lb1", include)
    found = [
        (line.text, line.place.file, line.place.line)
        for line in source.lines("first\ninclude conf.d/a.conf\nlast", "/etc/k/main.conf")
    ]
    assert found == [
        ("first", "/etc/k/main.conf", 1),
        ("from a", "/etc/k/conf.d/a.conf", 1),
        ("from /etc/k/conf.d", "/etc/k/conf.d/b.conf", 1),
        ("last", "/etc/k/main.conf", 3),
    ]


def test_a_pattern_includes_all_that_it_finds_and_a_file_may_come_twice() -> None:
    assert lines("include conf.d/*\ninclude 'conf.d/b.conf'") == [
        "from a", "from /etc/k/conf.d", "from /etc/k/conf.d", "from /etc/k/conf.d",
    ]  # fmt: skip


@pytest.mark.parametrize("file", ["self.conf", "left.conf"])
def test_a_loop_is_refused(file: str) -> None:
    assert "includes itself (leave out one of the includes)" in refusal(f"include {file}")


@pytest.mark.parametrize("word", ["includea no.conf", "includem no.conf", "includew no*"])
def test_a_strict_include_finds_something_or_is_refused(word: str) -> None:
    check, _, pattern = word.partition(" ")
    assert f"line 1: {check} finds no file" in refusal(word)
    assert pattern in refusal(word)


@pytest.mark.parametrize("word", ["include no.conf", "include no*", "includer no*", "includem n*"])
def test_any_other_include_may_find_nothing_which_is_known(word: str) -> None:
    source = Source("lb1", include)
    assert list(source.lines(word, "/etc/k/main.conf")) == []
    assert [pattern for _, pattern in source.missing] == [word.split()[1]]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("a.conf", ["a.conf"]),
        ("{a,b}.conf", ["a.conf", "b.conf"]),
        ("{a/{,c,d},b}", ["a/", "b", "a/c", "a/d"]),
        ("{a", ["{a"]),
    ],
)
def test_braces_are_several_patterns(written: str, expected: list[str]) -> None:
    assert sorted(patterns(written)) == sorted(expected)


def test_braces_have_an_end() -> None:
    assert len(patterns("{a,b}" * 40)) <= MOST_PATTERNS
