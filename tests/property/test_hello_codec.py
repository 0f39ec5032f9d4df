"""The codec of hellos over all that can be said, and over whatever may arrive."""

from __future__ import annotations

import dataclasses

from hypothesis import given, settings
from hypothesis import strategies as st

from vipd.core.model import Family, State
from vipd.wire.hello import (
    LONGEST_DATAGRAM,
    LONGEST_NODE,
    LONGEST_VERSION,
    LONGEST_WHY,
    Hello,
    HelloFault,
    Readiness,
    Speaker,
    decode,
    encode,
)

REPEATABLE = settings(derandomize=True, max_examples=200, deadline=None, database=None)
BYTE = st.integers(0, 255)
LONGEST_CHARACTER = 4
"""Units: bytes. RFC: 3629 §3."""

FAMILIES = st.sampled_from([(Family.IPV4,), (Family.IPV6,), (Family.IPV4, Family.IPV6)])


def texts(longest: int) -> st.SearchStrategy[str]:
    """What may be said in so many bytes, and comes out as it went in."""
    printable = st.characters(
        exclude_categories=["C", "Z"], include_characters=" ", exclude_characters="\ufffd"
    )
    return st.text(printable, max_size=longest // LONGEST_CHARACTER)


SPEAKERS = st.builds(
    Speaker,
    life=st.binary(min_size=8, max_size=8),
    node=texts(LONGEST_NODE),
    version=texts(LONGEST_VERSION),
    maintenance=st.booleans(),
)
ROUTERS = st.builds(
    Readiness,
    vrid=st.integers(1, 255),
    families=FAMILIES,
    state=st.sampled_from(State),
    ready=st.booleans(),
    why=texts(LONGEST_WHY),
    priority=BYTE,
    effective_priority=BYTE,
    version=BYTE,
    interval_cs=st.integers(0, 65_535),
    preempts=st.booleans(),
    addresses=st.binary(min_size=8, max_size=8),
)
HELLOS = st.builds(Hello, speaker=SPEAKERS, routers=st.lists(ROUTERS, max_size=30).map(tuple))


def assert_harmless(hello: Hello | HelloFault) -> None:
    """What is accepted can be printed anywhere, and be said again."""
    if isinstance(hello, HelloFault):
        return
    for text in (hello.speaker.node, hello.speaker.version, *(one.why for one in hello.routers)):
        assert text.isprintable()
        assert len(text.encode()) <= LONGEST_NODE
    again = [decode(each) for each in encode(hello)]
    assert {each.speaker for each in again if isinstance(each, Hello)} == {hello.speaker}
    told = [one for each in again if isinstance(each, Hello) for one in each.routers]
    assert tuple(told) == hello.routers


@REPEATABLE
@given(HELLOS)
def test_what_is_encoded_is_decoded(hello: Hello) -> None:
    datagrams = encode(hello)
    assert all(len(each) <= LONGEST_DATAGRAM for each in datagrams)
    parts = [decode(each) for each in datagrams]
    assert all(isinstance(each, Hello) and each.speaker == hello.speaker for each in parts)
    told = [one for each in parts if isinstance(each, Hello) for one in each.routers]
    assert tuple(told) == hello.routers


@REPEATABLE
@given(st.binary(max_size=200).map(b"vipd\1".__add__) | st.binary(max_size=40))
def test_random_bytes_never_raise(payload: bytes) -> None:
    assert_harmless(decode(payload))


@REPEATABLE
@given(
    HELLOS,
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 9), st.binary(max_size=9)), max_size=4),
)
def test_mutated_hellos_never_raise(hello: Hello, edits: list[tuple[int, int, bytes]]) -> None:
    payload = encode(hello)[0]
    for at, removed, inserted in edits:
        start = at % (len(payload) + 1)
        payload = payload[:start] + inserted + payload[start + removed :]
    assert_harmless(decode(payload))


@REPEATABLE
@given(SPEAKERS, ROUTERS, st.binary(max_size=9))
def test_texts_of_any_bytes_come_out_harmless(
    speaker: Speaker, router: Readiness, raw: bytes
) -> None:
    marked = dataclasses.replace(speaker, node="@" * len(raw))
    (payload,) = encode(Hello(speaker=marked, routers=(router,)))
    hello = decode(payload.replace(b"@" * len(raw), raw, 1))
    assert isinstance(hello, Hello | HelloFault)
    assert_harmless(hello)
