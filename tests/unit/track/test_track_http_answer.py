"""Reading answers: every form that servers have, in any pieces, and rubbish."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vipd.track.http_answer import HEAD_MAX, Answer, Reader

OK = b"HTTP/1.1 200 OK\r\n"
BODY_MAX = 64


def read(data: bytes, *, body_max: int = BODY_MAX, size: int | None = None) -> Answer:
    """Read some bytes, `size` at a time, and the end of the connection."""
    reader = Reader(body_max)
    size = size or max(len(data), 1)
    for at in range(0, len(data), size):
        if answer := reader.feed(data[at : at + size]):
            return answer
    return reader.end()


GOOD = {
    "a length": (OK + b"Content-Length: 2\r\n\r\nok", 200, b"ok", True),
    "a length and more": (OK + b"Content-Length: 2\r\n\r\nok and more", 200, b"ok", True),
    "twice the same length": (OK + b"Content-Length: 2, 2\r\n\r\nok", 200, b"ok", True),
    "until the end": (OK + b"\r\nok", 200, b"ok", True),
    "chunks": (
        OK + b"Transfer-Encoding: chunked\r\n\r\n1;ext=1\r\no\r\n01\r\nk\r\n0\r\n\r\n",
        200,
        b"ok",
        True,
    ),
    "chunks, whatever the length": (
        OK + b"Content-Length: 99\r\nTRANSFER-ENCODING: gzip, Chunked\r\n\r\n2\r\nok\r\n0\r\n",
        200,
        b"ok",
        True,
    ),
    "another coding": (OK + b"Transfer-Encoding: x\r\n\r\nok", 200, b"ok", True),
    "bare line feeds": (b"HTTP/1.0 200 OK\nContent-Length: 2\n\nok", 200, b"ok", True),
    "no reason": (b"HTTP/1.1 503\r\n\r\n", 503, b"", True),
    "an empty reason": (b"HTTP/1.1 200 \r\n\r\n", 200, b"", True),
    "a folded field, a blank before a colon": (
        OK + b"X: a\r\n  b\r\nContent-Length : 2\r\n\r\nok",
        200,
        b"ok",
        True,
    ),
    "interim answers": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n" + OK + b"\r\nok",
        200,
        b"ok",
        True,
    ),
    "no body can follow": (b"HTTP/1.1 204 None\r\nContent-Length: 9\r\n\r\n", 204, b"", True),
    "more than is wanted": (OK + b"Content-Length: 99\r\n\r\n" + 99 * b"x", 200, 64 * b"x", False),
    "more chunks than are wanted": (
        OK + b"Transfer-Encoding: chunked\r\n\r\n63\r\n" + 99 * b"x",
        200,
        64 * b"x",
        False,
    ),
    "as much as is wanted": (OK + b"Content-Length: 64\r\n\r\n" + 64 * b"x", 200, 64 * b"x", True),
}


@pytest.mark.parametrize("size", [None, 1, 7])
@pytest.mark.parametrize("name", GOOD)
def test_what_servers_say_is_read_in_any_pieces(name: str, size: int | None) -> None:
    data, status, body, whole = GOOD[name]
    expected = Answer(status=status, body=body, whole=whole)
    assert read(data, size=size) == expected


FAULTS = {
    b"": "the connection was closed without an answer",
    b"HTTP/1.1 200": "the answer breaks off: 'HTTP/1.1 200'",
    b"SSH-2.0-OpenSSH_9.2\r\n": "the answer is not HTTP: 'SSH-2.0-OpenSSH_9.2'",
    b"\x15\x03\x01\x00\x02\x02F": "the server speaks TLS here: use https",
    b"HTTP/1.1 099 No\r\n\r\n": "the head of the answer is malformed: 'HTTP/1.1 099 No'",
    OK + b"what is this\r\n\r\n": (
        "the head of the answer is malformed: 'HTTP/1.1 200 OK  what is this'"
    ),
    OK + b"A: \0\r\n\r\n": "the head of the answer is malformed: 'HTTP/1.1 200 OK  A:'",
    OK + b"A: " + HEAD_MAX * b"x": "the head of the answer has more than 65536 bytes",
    OK + b"Content-Length: 3\r\n\r\nok": "the body breaks off",
    OK + b"Content-Length: -1\r\n\r\nok": "the length of the body is malformed",
    OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nok": "the length of the body is malformed",
    OK + b"Transfer-Encoding: chunked\r\n\r\nxx\r\n": "a chunk is malformed",
    OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n": "a chunk is malformed",
    OK + b"Transfer-Encoding: chunked\r\n\r\n1;" + 2000 * b"x": "a chunk is malformed",
    OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nabc": "the body breaks off",
}


@pytest.mark.parametrize("data", FAULTS, ids=lambda data: repr(data[:40]))
def test_what_is_wrong_is_said(data: bytes) -> None:
    assert read(data).fault == FAULTS[data]


def test_without_a_wish_for_the_body_the_head_is_enough() -> None:
    reader = Reader(0)
    assert reader.feed(OK) is None
    assert reader.feed(b"Content-Length: 9\r\n\r\n") == Answer(status=200)


def test_a_redirect_says_where_to() -> None:
    assert read(b"HTTP/1.1 301 M\r\nLOCATION: /x\x1b[1m\r\n\r\n").location == "/x [1m"


PIECES = st.sampled_from(
    [
        OK,
        b"HTTP/1.1 100 C\r\n\r\n",
        b"Content-Length: 5\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"\r\n",
        b"\n",
        b" ",
        b"5\r\n",
        b"0\r\n",
        b"abcde",
        b"A: b\r\n",
        b":",
        b"\0",
        b"\xff",
    ]
)
RUBBISH = st.one_of(st.binary(max_size=200), st.lists(PIECES, max_size=12).map(b"".join))


@given(RUBBISH, st.integers(1, 50))
def test_no_bytes_raise_and_pieces_do_not_matter(data: bytes, size: int) -> None:
    whole, in_pieces = read(data), read(data, size=size)
    assert len(whole.body) <= BODY_MAX
    if not whole.fault and whole.status:
        assert in_pieces == whole


@given(st.lists(st.binary(min_size=1, max_size=9), max_size=6), st.integers(1, 20))
def test_chunks_are_put_together(chunks: list[bytes], size: int) -> None:
    data = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    head = OK + b"Transfer-Encoding: chunked\r\n\r\n"
    answer = read(head + data + b"0\r\n\r\n", size=size)
    assert (answer.fault, answer.body) == ("", b"".join(chunks))
