"""DNS looks: which datagrams are the answer, and what it means."""

from __future__ import annotations

import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from looking import DEADLINE_S, free_port, look

from vipd.track.dns import Message, decode, encode_name, judge, query

QUESTION = encode_name("www.example") + struct.pack("!HH", 1, 1)
ALIAS = b"\xc0\x0c" + struct.pack("!HHIH", 5, 1, 60, 2) + b"\xc0\x0c"
ANSWER, NO_ERROR, NX_DOMAIN, CUT_SHORT = 0x8180, 0, 3, 0x0200


def record(address: str, kind: int = 1) -> bytes:
    data = ip_address(address).packed
    return b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 60, len(data)) + data


def reply(
    *records: bytes, number: int = 7, flags: int = ANSWER, question: bytes = QUESTION
) -> bytes:
    return struct.pack("!6H", number, flags, 1, len(records), 0, 0) + question + b"".join(records)


def read(data: bytes) -> Message | None:
    return decode(data, 7, QUESTION)


def test_an_answer_is_read() -> None:
    packed = ip_address("192.0.2.1").packed, ip_address("192.0.2.2").packed
    answer = reply(record("192.0.2.1"), ALIAS, record("2001:db8::1", 28), record("192.0.2.2"))
    assert read(answer) == Message(code=0, truncated=False, found=packed)
    named = b"\3www\7EXAMPLE\0" + record("192.0.2.1")[2:]
    upper = QUESTION.replace(b"example", b"EXAMPLE")
    message = Message(code=0, truncated=False, found=packed[:1])
    assert read(reply(named, question=upper)) == message


@pytest.mark.parametrize(
    "data",
    [
        b"",
        query(7, QUESTION),
        reply(record("192.0.2.1"), number=8),
        reply(record("192.0.2.1"), flags=ANSWER | 0x0800),
        reply(record("192.0.2.1"), question=encode_name("www.example") + b"\0\x1c\0\1"),
        reply(record("192.0.2.1"), question=encode_name("www.exemple") + b"\0\1\0\1"),
        reply(record("192.0.2.1"))[:-1],
        reply(record("192.0.2.1"))[:-6],
        reply(b"\x80" + record("192.0.2.1")),
        reply(b"\3ww"),
        b"\0\7\x81\x80\0\0\0\0\0\0\0\0" + QUESTION,
    ],
)
def test_what_is_not_the_answer_is_passed_over(data: bytes) -> None:
    assert read(data) is None


JUDGED: list[tuple[bytes, str | None, bool, str]] = [
    (reply(record("192.0.2.1")), None, True, "answered 192.0.2.1"),
    (
        reply(*(record(f"192.0.2.{number}") for number in range(5))),
        "192.0.2.4",
        True,
        "answered 192.0.2.0, 192.0.2.1, 192.0.2.2 and 2 more",
    ),
    (reply(record("192.0.2.1")), "192.0.2.9", False, "answered 192.0.2.1, wanted 192.0.2.9"),
    (
        reply(record("192.0.2.1"), flags=ANSWER | CUT_SHORT),
        "192.0.2.9",
        False,
        "answered 192.0.2.1, wanted 192.0.2.9 (the answer was cut short)",
    ),
    (reply(), None, False, "an answer without any record of that type"),
    (reply(b"\xc0", flags=ANSWER | CUT_SHORT), None, False, "the answer was cut short"),
    (reply(flags=ANSWER | 3), None, False, "NXDOMAIN: there is no such name"),
    (reply(flags=ANSWER | 5), None, False, "REFUSED: the server does not answer this host"),
    (reply(flags=ANSWER | 9), None, False, "error 9"),
    (reply(record("192.0.2.1")[:-4] + b"mail"), None, True, "answered 109.97.105.108"),
    (reply(b"\0" + struct.pack("!HHIH", 1, 1, 0, 3) + b"abc"), None, True, "answered 1 record"),
]


@pytest.mark.parametrize(("data", "expect", "ok", "text"), JUDGED)
def test_an_answer_is_judged(data: bytes, expect: str | None, ok: bool, text: str) -> None:
    message = read(data)
    assert message is not None
    finding = judge(message, ip_address(expect) if expect else None)
    assert (finding.ok, finding.text + finding.detail) == (ok, text)


def test_names_are_written() -> None:
    assert encode_name(".") == encode_name("") == b"\0"
    assert encode_name("a.example.") == b"\1a\7example\0"
    assert encode_name("bücher.example") == b"\x0dxn--bcher-kva\7example\0"
    for wrong in ("a..example", 64 * "a", ".".join(100 * ["abc"])):
        with pytest.raises(ValueError, match=r"name|label"):
            encode_name(wrong)


@given(st.binary(max_size=80), st.integers(0, 3), st.integers(0, 0x8FFF))
def test_no_bytes_raise(rest: bytes, count: int, flags: int) -> None:
    head = struct.pack("!6H", 7, flags | 0x8000, 1, count, 0, 0)
    if message := decode(head + QUESTION + rest, 7, QUESTION):
        assert judge(message, None).text
    assert decode(rest, 7, QUESTION) is None


@contextmanager
def name_server(answers: Callable[[bytes], list[bytes]]) -> Iterator[int]:
    """Answers one query with these datagrams."""

    def serve() -> None:
        data, peer = server.recvfrom(1000)
        for answer in answers(data):
            server.sendto(answer, peer)

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(DEADLINE_S)
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        thread.join(DEADLINE_S)


def test_a_look_waits_for_the_answer_to_its_own_question() -> None:
    def answers(data: bytes) -> list[bytes]:
        number, *_ = struct.unpack_from("!H", data)
        good = reply(record("192.0.2.1"), number=number, question=data[12:])
        return [b"", b"rubbish", reply(number=number ^ 1, question=data[12:]), good]

    with name_server(answers) as port:
        outcome = look("dns", server="127.0.0.1", port=port, name="www.example", type="A")
    assert outcome.ok
    assert re.fullmatch(r"answered 192\.0\.2\.1 in .* m?s", outcome.text)


def test_nobody_answers() -> None:
    with name_server(lambda _: []) as port:
        outcome = look("dns", 50, server="127.0.0.1", port=port, name="www.example", type="A")
    assert (outcome.ok, outcome.text) == (False, f"no answer within 50 ms from 127.0.0.1:{port}")
    with free_port() as port:
        outcome = look("dns", server="127.0.0.1", port=port, name="www.example", type="A")
    assert (outcome.ok, outcome.text) == (False, f"connection refused by 127.0.0.1:{port}")
