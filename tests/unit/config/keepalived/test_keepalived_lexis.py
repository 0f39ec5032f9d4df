"""Words of a line: quotes, escapes, comments, braces, semicolons."""

from __future__ import annotations

import pytest

from vipd.config.keepalived.lexis import Mark, split_command, tokens, uncommented
from vipd.config.keepalived.tree import Place
from vipd.errors import ConfigError

HERE = Place(file="f", line=7)


def words(line: str) -> list[str]:
    """The words of a line, and its marks as they are written."""
    marks = {Mark.OPEN: "{", Mark.CLOSE: "}", Mark.END: ";"}
    return [marks.get(token.mark, token.text) for token in tokens(line, HERE)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("priority 100", ["priority", "100"]),
        ("\tpriority\u00a0 100  ", ["priority", "100"]),
        ("a{b}c", ["a", "{", "b", "}", "c"]),
        ('script "/bin/a b" root', ["script", "/bin/a b", "root"]),
        ("""abcd" efg h jkl "mnop""", ["abcd efg h jkl mnop"]),
        ("""x'y "z'""", ['xy "z']),
        ('""', [""]),
        (r'"a\tb\x41\101\\\"\cA\q"', ['a\tbAA\\"\x01q']),
        ("priority 100; x", ["priority", "100", ";", "x"]),
        ("a;b; c;}", ["a;b", ";", "c", ";", "}"]),
        ('"password";', ["password", ";"]),
        ('"a;b"', ["a;b"]),
        ("10.${NET}.1 { x }", ["10.${NET}.1", "{", "x", "}"]),
        ("#no !comment", ["#no", "!comment"]),
    ],
)
def test_words(line: str, expected: list[str]) -> None:
    assert words(line) == expected


@pytest.mark.parametrize("line", ['auth_pass "geheim', "auth_pass 'x\"", '"\\"'])
def test_an_open_quote_is_told_with_file_and_line(line: str) -> None:
    with pytest.raises(ConfigError, match=r"^f: line 7: the quote .* is never closed"):
        words(line)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("! all of it", ""),
        ("eth0#comment", "eth0"),
        ("a ! b # c", "a "),
        ('auth_pass "a#b!c" # d', 'auth_pass "a#b!c" '),
        (r'x "a\"#b" #', r'x "a\"#b" '),
        ("it's #1", "it's "),
        ("ends in \\", "ends in \\"),
    ],
)
def test_a_comment_begins_anywhere_but_in_quotes(line: str, code: str) -> None:
    assert uncommented(line) == code


@pytest.mark.parametrize(
    ("text", "argv"),
    [
        ("/bin/a", ("/bin/a",)),
        ("/bin/a  b\tc", ("/bin/a", "b", "c")),
        ("/bin/sh -c 'exit 0'", ("/bin/sh", "-c", "exit 0")),
        ('/bin/a "b c"d', ("/bin/a", "b cd")),
        (r"/bin/a b\ c", ("/bin/a", "b c")),
        ("/bin/a 'b", ("/bin/a", "'b")),
        ("   ", ()),
    ],
)
def test_a_command_line_is_split_without_a_shell(text: str, argv: tuple[str, ...]) -> None:
    assert split_command(text) == argv
