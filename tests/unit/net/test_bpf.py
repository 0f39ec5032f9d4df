"""The assembler of socket filters: byte for byte, and as the kernel runs what it makes."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_filter import passed

from vipd.net.bpf import (
    DROP,
    Jump,
    Line,
    assemble,
    attach,
    jump_if_at_least,
    jump_if_equal,
    jump_if_one_of,
    jump_unless_equal,
    keep,
    load,
    mask,
)

REPEATABLE = settings(derandomize=True, max_examples=100, deadline=None, database=None)


def instructions(program: bytes) -> list[tuple[int, ...]]:
    return [struct.unpack("=HBBI", program[at : at + 8]) for at in range(0, len(program), 8)]


def test_instructions_are_those_of_the_kernels_header() -> None:
    program = assemble(
        load(4, 28), load(2, 12), load(1, 20), mask(0x0FFF), keep(96), DROP, "end", keep(1)
    )
    assert instructions(program) == [
        (0x20, 0, 0, 28),
        (0x28, 0, 0, 12),
        (0x30, 0, 0, 20),
        (0x54, 0, 0, 0x0FFF),
        (0x06, 0, 0, 96),
        (0x06, 0, 0, 0),
        (0x06, 0, 0, 1),
    ]


def test_jumps_count_what_they_skip() -> None:
    program = assemble(
        jump_if_equal(7, "end"),
        jump_unless_equal(8, "end"),
        jump_if_at_least(9, "end"),
        DROP,
        "end",
        keep(1),
    )
    assert instructions(program)[:3] == [(0x15, 3, 0, 7), (0x15, 0, 2, 8), (0x35, 1, 0, 9)]


@pytest.mark.parametrize(
    ("between", "written"),
    [
        (255, [(0x15, 255, 0, 7)]),
        (256, [(0x15, 0, 1, 7), (0x05, 0, 0, 256)]),
        (3000, [(0x15, 0, 1, 7), (0x05, 0, 0, 3000)]),
    ],
)
def test_a_jump_that_eight_bits_cannot_say_is_written_as_two(
    between: int, written: list[tuple[int, ...]]
) -> None:
    program = assemble(jump_if_equal(7, "end"), *[load(1, 0)] * between, "end", DROP)
    assert instructions(program)[: len(written)] == written
    assert len(instructions(program)) == len(written) + between + 1


def test_a_jump_may_become_far_because_another_does() -> None:
    """The second makes the first skip one more than it can say."""
    lines: list[Line] = [jump_if_equal(1, "near"), jump_unless_equal(2, "far")]
    lines += [*[load(1, 0)] * 254, "near", *[load(1, 0)] * 2, "far", DROP]
    program = instructions(assemble(*lines))
    assert program[:4] == [(0x15, 0, 1, 1), (0x05, 0, 0, 256), (0x15, 1, 0, 2), (0x05, 0, 0, 256)]


@pytest.mark.parametrize(
    ("condition", "jumping"),
    [(jump_if_equal, {7}), (jump_unless_equal, {6, 8}), (jump_if_at_least, {7, 8})],
)
@pytest.mark.parametrize("between", [0, 255, 256, 2000])
@pytest.mark.parametrize("first", [6, 7, 8])
def test_the_kernel_jumps_as_far_as_was_meant(
    condition: Callable[[int, str], Jump], jumping: set[int], between: int, first: int
) -> None:
    padding = [jump_if_equal(256, "end")] * between
    program = assemble(load(1, 0), condition(7, "end"), *padding, DROP, "end", keep(9))
    assert bool(passed(program, bytes([first]))) is (first in jumping)


def test_a_load_from_beyond_the_end_drops_the_packet() -> None:
    assert passed(assemble(load(4, 1), keep(9)), b"1234", b"12345") == [b"12345"]


def test_no_more_is_kept_than_was_said() -> None:
    assert passed(assemble(keep(3)), b"12345", b"1") == [b"123", b"1"]


def test_two_places_of_one_name_are_our_mistake() -> None:
    with pytest.raises(AssertionError, match="a name of its own"):
        assemble("here", DROP, "here", DROP)


def test_a_jump_back_is_our_mistake() -> None:
    with pytest.raises(AssertionError, match="forwards"):
        assemble("here", load(1, 0), jump_if_equal(1, "here"), DROP)


@st.composite
def values_and_a_packet(draw: st.DrawFn) -> tuple[list[bytes], bytes]:
    """Values of one length that share much, and a packet that may well begin with one."""
    length = draw(st.sampled_from([4, 6, 16]))
    word = st.sampled_from([b"\0\0\0\1", b"\xff\xff\xff\xff", b"\xc0\0\2\1"]) | st.binary(
        min_size=4, max_size=4
    )
    value = st.lists(word, min_size=4, max_size=4).map(lambda words: b"".join(words)[:length])
    values = draw(st.lists(value, min_size=1, max_size=300))
    return values, draw(st.sampled_from(values) | value)


@REPEATABLE
@given(values_and_a_packet())
def test_one_of_many_values_is_found_by_the_kernel(case: tuple[list[bytes], bytes]) -> None:
    values, packet = case
    program = assemble(*jump_if_one_of(values, 1, "found"), DROP, "found", keep(99))
    assert bool(passed(program, b"\0" + packet)) is (packet in values)


def test_a_program_that_the_kernel_does_not_take_is_an_error() -> None:
    """Linux allows 4096 instructions."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with here, there, pytest.raises(OSError, match="Invalid argument"):
        attach(there, assemble(*[load(1, 0)] * 4096, DROP))
