"""Hellos as bytes: literal ones, what is skipped, what is refused, and what fits."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vipd.core.model import Family, State
from vipd.wire.hello import (
    LONGEST_DATAGRAM,
    Hello,
    HelloFault,
    Readiness,
    Speaker,
    decode,
    encode,
)

SPEAKER = Speaker(life=b"lifelife", node="h1", version="0.5", maintenance=True)
WEB = Readiness(
    vrid=51,
    families=(Family.IPV4, Family.IPV6),
    state=State.FAULT,
    ready=False,
    why="eth0",
    priority=150,
    effective_priority=100,
    version=3,
    interval_cs=100,
    preempts=True,
    addresses=b"hashhash",
)
HEAD = b"\0\x10" + b"lifelife" + b"\1" + b"\2h1" + b"\x030.5"
ROUTER = b"\0\x16" + bytes([51, 3, 3, 2, 150, 100, 3, 0, 100]) + b"hashhash" + b"\4eth0"
BYTES = b"vipd\1" + HEAD + ROUTER
HELLO = Hello(speaker=SPEAKER, routers=(WEB,))


def test_a_hello_is_these_bytes_and_no_others() -> None:
    assert encode(HELLO) == (BYTES,)
    assert decode(BYTES) == HELLO


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("families", [(Family.IPV4,), (Family.IPV6,), (Family.IPV4, Family.IPV6)])
def test_every_state_and_family_is_read_as_it_was_written(
    state: State, families: tuple[Family, ...]
) -> None:
    said = replace(WEB, state=state, families=families, ready=True, preempts=False, why="")
    (datagram,) = encode(replace(HELLO, routers=(said, WEB)))
    assert decode(datagram) == replace(HELLO, routers=(said, WEB))


def longer(block: bytes, more: bytes) -> bytes:
    return (len(block) - 2 + len(more)).to_bytes(2, "big") + block[2:] + more


def test_what_a_later_version_adds_is_skipped() -> None:
    grown = b"vipd\1" + longer(HEAD, b"more") + longer(ROUTER, bytes(300)) + ROUTER
    assert decode(grown) == replace(HELLO, routers=(WEB, WEB))
    flags = BYTES.replace(b"lifelife\1", b"lifelife\xff").replace(b"\3\3\2", b"\3\3\xfe")
    assert decode(flags) == HELLO


def test_a_hello_may_say_nothing_of_any_router() -> None:
    assert decode(b"vipd\1" + HEAD) == replace(HELLO, routers=())
    assert encode(replace(HELLO, routers=())) == (b"vipd\1" + HEAD,)


REFUSED = {
    "nothing": (b"", HelloFault.FOREIGN),
    "another protocol": (b"\x31\x33\x64\x01" + bytes(40), HelloFault.FOREIGN),
    "another major version": (BYTES.replace(b"vipd\1", b"vipd\2"), HelloFault.VERSION),
    "no version": (b"vipd", HelloFault.VERSION),
    "no head": (b"vipd\1", HelloFault.MALFORMED),
    "too long": (BYTES + ROUTER * (LONGEST_DATAGRAM // len(ROUTER)), HelloFault.MALFORMED),
    "an empty head": (b"vipd\1\0\0", HelloFault.MALFORMED),
    "a head without the version": (b"vipd\1\0\x0c" + HEAD[2:14], HelloFault.MALFORMED),
    "a node longer than its head": (BYTES.replace(b"\2h1", b"\xffh1"), HelloFault.MALFORMED),
    "an empty router": (BYTES + b"\0\0", HelloFault.MALFORMED),
    "half a length": (BYTES + b"\0", HelloFault.MALFORMED),
    "a reason longer than its block": (
        BYTES.replace(b"\4eth0", b"\5eth0"),
        HelloFault.MALFORMED,
    ),
    "VRID 0": (BYTES.replace(b"\x33\3\3", b"\0\3\3"), HelloFault.MALFORMED),
    "no family": (BYTES.replace(b"\x33\3\3", b"\x33\0\3"), HelloFault.MALFORMED),
    "a family that nobody knows": (BYTES.replace(b"\x33\3\3", b"\x33\4\3"), HelloFault.MALFORMED),
    "a state that nobody knows": (BYTES.replace(b"\x33\3\3", b"\x33\3\4"), HelloFault.MALFORMED),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_not_a_hello_has_a_name(what: str) -> None:
    payload, fault = REFUSED[what]
    assert decode(payload) is fault


def test_a_hello_that_is_cut_anywhere_is_none() -> None:
    whole_without_the_router = len(BYTES) - len(ROUTER)
    lengths = set(range(len(BYTES))) - {whole_without_the_router}
    assert not any(isinstance(decode(BYTES[:length]), Hello) for length in lengths)


def told(raw: bytes) -> str:
    """What is read of a text of these bytes as the reason."""
    router = longer(ROUTER[:19], bytes([len(raw)]) + raw)
    hello = decode(b"vipd\1" + HEAD + router)
    assert isinstance(hello, Hello)
    return hello.routers[0].why


def test_texts_of_strangers_are_printable_and_short() -> None:
    assert told("läuft".encode()) == "läuft"
    assert told(b"\x1b[2Jgone\n\0") == "?[2Jgone??"
    assert told("right\u202eleft\u2028".encode()) == "right?left?"
    assert told(b"\xff\xc3") == "??"
    assert told(b"x" * 255) == "x" * 60
    assert told("ä".encode() * 40 + b"x") == "ä" * 30


def test_what_is_too_long_is_cut_in_whole_characters() -> None:
    speaker = replace(SPEAKER, node="x" + "ä" * 60, version="v" * 40)
    (datagram,) = encode(Hello(speaker=speaker, routers=(replace(WEB, why="w" * 80),)))
    hello = decode(datagram)
    assert isinstance(hello, Hello)
    assert hello.speaker.node == "x" + "ä" * 31
    assert hello.speaker.version == "v" * 32
    assert hello.routers[0].why == "w" * 60


def test_255_routers_go_into_datagrams_that_pass_everywhere() -> None:
    routers = tuple(replace(WEB, vrid=vrid, why="w" * 60) for vrid in range(1, 256))
    datagrams = encode(replace(HELLO, routers=routers))
    assert max(map(len, datagrams)) <= LONGEST_DATAGRAM
    assert len(datagrams) == 19
    hellos = [decode(each) for each in datagrams]
    assert [one for each in hellos if isinstance(each, Hello) for one in each.routers] == [*routers]
    healthy = [replace(one, why="") for one in routers]
    assert len(encode(replace(HELLO, routers=tuple(healthy)))) == 5
