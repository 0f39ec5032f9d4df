"""TCP looks at servers on loopback."""

from __future__ import annotations

import re
from typing import Any

import pytest
from looking import free_port, look, saying, serving

TALKS: list[tuple[bytes, dict[str, Any], bool, str]] = [
    (b"", {}, True, "connected in .*"),
    (b"220 mail\r\n", {"expect": "^220 "}, True, "answered '220 mail' in .*"),
    (b"+PONG\r\n", {"send": "PING\r\n"}, True, r"answered '\+PONG' in .*"),
    (
        b"421 busy\r\n",
        {"expect": "^220 "},
        False,
        "answered '421 busy', without /\\^220 /; then the connection was closed",
    ),
    (b"", {"expect": "x"}, False, "no answer; then the connection was closed"),
    (9999 * b"a", {"expect": "b"}, False, "answered 'a+...', without /b/"),
    (b"", {"expect": "(a*)*"}, False, ".* may take for ever, so it is not tried"),
]


@pytest.mark.parametrize(("answer", "options", "ok", "said"), TALKS)
def test_a_server_is_judged(answer: bytes, options: dict[str, Any], ok: bool, said: str) -> None:
    with serving(saying(answer, ask="send" in options)) as server:
        outcome = look("tcp", address="127.0.0.1", port=server.port, **options)
    assert outcome.ok is ok
    assert re.fullmatch(said, outcome.text), outcome.text


def test_an_answer_may_come_in_pieces() -> None:
    with serving(saying(b"2", b"2", b"0 hello", ask=False, stay=True)) as server:
        assert look("tcp", address="127.0.0.1", port=server.port, expect="220 h").ok


def test_a_server_that_says_nothing_or_the_wrong_thing_is_waited_for_no_longer_than_allowed() -> (
    None
):
    with serving(saying(ask=False, stay=True)) as server:
        outcome = look("tcp", 50, address="127.0.0.1", port=server.port, expect="220")
    assert outcome.text.startswith("no answer within 50 ms (connected after ")
    with serving(saying(b"hm", ask=False, stay=True)) as server:
        outcome = look("tcp", 50, address="127.0.0.1", port=server.port, expect="220")
    assert outcome.text.startswith("answered 'hm', without /220/ within 50 ms (connected after ")


def test_nobody_listens() -> None:
    with free_port() as port:
        outcome = look("tcp", address="127.0.0.1", port=port)
    assert (outcome.ok, outcome.text) == (False, f"connection refused by 127.0.0.1:{port}")
