"""Redis looks: what the server says, in any pieces, and what it means."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from looking import look, saying, serving

from vipd.track.connection import Finding
from vipd.track.redis import Questions, Wish, read_answer

PONG = b"+PONG\r\n"


def info(**facts: object) -> bytes:
    text = "# Replication\r\n" + "".join(f"{name}:{value}\r\n" for name, value in facts.items())
    return PONG + b"$%d\r\n%b\r\n" % (len(text), text.encode())


REPLICA = {"role": "slave", "master_host": "192.0.2.1", "master_port": 6379}
UP = {**REPLICA, "master_link_status": "up", "master_last_io_seconds_ago": 3}
DOWN = {**REPLICA, "master_link_status": "down", "master_link_down_since_seconds": 7}
COPYING = {**DOWN, "master_sync_in_progress": 1}
OF = "replica of 192.0.2.1:6379, which it heard 3 s ago"
LINK = "replica, but the link to its master 192.0.2.1:6379"
IS_MASTER = info(role="master", connected_slaves=1)

ANSWERS: list[tuple[bytes, Wish, bool, str]] = [
    (PONG, Wish(), True, "PONG"),
    (b"+OK\r\n" + PONG, Wish(password="s3cret"), True, "PONG"),
    (b"-NOAUTH Authentication required.\r\n", Wish(), False, "Redis wants a password (NOAUTH)"),
    (b"-WRONGPASS no\r\n", Wish(password="x"), False, "Redis refuses the password (WRONGPASS)"),
    (b"-LOADING x\r\n", Wish(), False, "Redis is still loading its data (LOADING)"),
    (b"-ERR what\x1b\r\n", Wish(), False, "Redis says: ERR what"),
    (b"HTTP/1.1 400 Bad\r\n", Wish(), False, "the answer is not Redis: 'HTTP/1.1 400 Bad'"),
    (b"+" + 2000 * b"x", Wish(), False, f"the answer is not Redis: '+{59 * 'x'}...'"),
    (b"$99999999\r\n", Wish(), False, "the answer is not Redis: '$99999999'"),
    (b"$-1\r\n", Wish(), False, "the answer is not Redis: '$-1'"),
    (IS_MASTER, Wish(role="master"), True, "master"),
    (IS_MASTER, Wish(lag_max=10), True, "master"),
    (IS_MASTER, Wish(role="replica"), False, "master"),
    (info(**UP), Wish(role="replica"), True, OF),
    (info(**UP), Wish(role="replica", lag_max=3), True, OF),
    (info(**UP), Wish(lag_max=2), False, f"{OF}, wanted at most 2 s"),
    (info(**UP), Wish(role="master"), False, "replica"),
    (info(**DOWN), Wish(role="replica"), True, f"{LINK} is down for 7 s"),
    (info(**DOWN), Wish(role="replica", lag_max=60), False, f"{LINK} is down for 7 s"),
    (info(**COPYING), Wish(lag_max=60), False, f"{LINK} is copying its data"),
    (
        info(**{**UP, "master_last_io_seconds_ago": -1}),
        Wish(lag_max=60),
        False,
        "replica of 192.0.2.1:6379, its lag unknown",
    ),
    (info(), Wish(role="master"), False, "Redis does not say whether it is master or replica"),
]


@pytest.mark.parametrize("size", [None, 1])
@pytest.mark.parametrize(("answer", "wish", "ok", "text"), ANSWERS)
def test_an_answer_is_judged(
    answer: bytes, wish: Wish, ok: bool, text: str, size: int | None
) -> None:
    questions = Questions(wish)
    size = size or len(answer)
    finding: bytes | Finding = b""
    for at in range(0, len(answer), size):
        finding = questions.take(answer[at : at + size])
        if isinstance(finding, Finding):
            break
    assert isinstance(finding, Finding)
    # What is no Redis is known by its first byte, before there is more to show.
    shown = re.sub(r"'.*'", "'H'", text) if size == 1 and "HTTP" in text else text
    assert (finding.ok, finding.text) == (ok, shown)


def test_everything_is_asked_at_once() -> None:
    assert Wish(password="päss", role="master").request == (
        b"*2\r\n$4\r\nAUTH\r\n$5\r\np\xc3\xa4ss\r\n*1\r\n$4\r\nPING\r\n"
        b"*2\r\n$4\r\nINFO\r\n$11\r\nreplication\r\n"
    )


def test_the_role_that_is_wanted_is_said() -> None:
    with serving(saying(IS_MASTER, stay=True)) as server:
        outcome = look("redis", address="127.0.0.1", port=server.port, role="replica")
    assert re.fullmatch("master in .* ms, wanted replica", outcome.text), outcome.text
    with serving(saying(IS_MASTER, stay=True)) as server:
        outcome = look("redis", address="127.0.0.1", port=server.port, role="master")
    assert re.fullmatch("master in .* ms, with 1 replica", outcome.text), outcome.text


def test_a_server_that_hangs_up_or_is_stuck() -> None:
    with serving(saying()) as server:
        outcome = look("redis", address="127.0.0.1", port=server.port)
    assert outcome.text == "the connection was closed without an answer"
    with serving(saying(stay=True)) as server:
        outcome = look("redis", 50, address="127.0.0.1", port=server.port)
    assert outcome.text.startswith("no answer within 50 ms (connected after ")


PIECES = st.sampled_from(
    [b"+", b"-", b"$", b"4", b"-1", b"\r\n", b"PONG", b"role:", b"slave", b"\n"]
)


@given(st.one_of(st.binary(max_size=99), st.lists(PIECES, max_size=15).map(b"".join)))
def test_no_bytes_raise(data: bytes) -> None:
    if found := read_answer(data):
        assert 0 < found[2] <= len(data)
    Questions(Wish(role="replica", lag_max=1)).take(data)
    Questions(Wish(role="replica", lag_max=1)).take(PONG + b"$%d\r\n%b\r\n" % (len(data), data))
