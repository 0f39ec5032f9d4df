"""Classic BPF: small programs that the kernel runs on every packet which a socket might receive.

Theory of operation. A program is a list of lines: instructions, and names of the places after them,
which jumps go to. There is one register (and one that holds the length of a header, for what is
loaded from behind it). An instruction loads it from an offset in the packet, or compares it and
jumps, forwards only; the last ones say how many bytes of the packet the socket
gets, 0 for none. A load from beyond the end of the packet ends the program with 0.

A conditional jump has eight bits for how far it goes. One that must go further is written as two:
the condition, and an unconditional jump that the condition skips when it does not hold.

Sources: linux/filter.h, Documentation/networking/filter.rst.
"""

from __future__ import annotations

import ctypes
import socket
import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, TypeAlias

_SO_ATTACH_FILTER, _SO_DETACH_FILTER = 26, 27
_INSTRUCTION: Final = struct.Struct("=HBBI")
_LOAD: Final = {4: 0x20, 2: 0x28, 1: 0x30}
"""Load from a fixed offset, by size in bytes."""

_ABSOLUTE_OR_BEHIND: Final = 0x60
"""BPF_ABS and BPF_IND: what makes a load from an offset one from behind the header."""

_JUMP, _JUMP_EQUAL, _JUMP_AT_LEAST = 0x05, 0x15, 0x35
_AND, _RETURN = 0x54, 0x06
_FARTHEST: Final = 0xFF
_WORD: Final = 4

_BESIDE_THE_PACKET: Final = 0xFFFFF000
"""Offsets from here on are not in the packet: the kernel answers them (SKF_AD_OFF)."""


@dataclass(frozen=True, slots=True)
class Step:
    """An instruction after which comes the next."""

    code: int
    value: int


@dataclass(frozen=True, slots=True)
class Jump:
    """A jump to a place if the condition holds; or, `unless`, if it does not."""

    code: int
    value: int
    place: str
    unless: bool = False


Line: TypeAlias = Step | Jump | str


def load(size: int, at: int) -> Step:
    """Load 1, 2 or 4 bytes of the packet."""
    return Step(_LOAD[size], at)


ETHERTYPE: Final = load(4, _BESIDE_THE_PACKET)
PACKET_TYPE: Final = load(4, _BESIDE_THE_PACKET + 4)
RANDOM: Final = load(4, _BESIDE_THE_PACKET + 56)
VLAN_TAG: Final = load(4, _BESIDE_THE_PACKET + 44)
VLAN_TAG_PRESENT: Final = load(4, _BESIDE_THE_PACKET + 48)

AFTER_THE_IPV4_HEADER: Final = Step(0xB1, 0)
"""Notes where the IPv4 header ends with which the packet begins, for `load_after`."""


def load_after(size: int, at: int) -> Step:
    """Load 1, 2 or 4 bytes from what follows the header, at this offset there."""
    return Step(_LOAD[size] ^ _ABSOLUTE_OR_BEHIND, at)


def mask(bits: int) -> Step:
    """Keep only these bits of what was loaded."""
    return Step(_AND, bits)


def keep(size: int) -> Step:
    """Let the packet through, or at most so many bytes of it."""
    return Step(_RETURN, size)


DROP: Final = keep(0)


def jump_if_equal(value: int, place: str) -> Jump:
    """Jump if this was loaded."""
    return Jump(_JUMP_EQUAL, value, place)


def jump_unless_equal(value: int, place: str) -> Jump:
    """Jump if anything else was loaded."""
    return Jump(_JUMP_EQUAL, value, place, unless=True)


def jump_if_at_least(value: int, place: str) -> Jump:
    """Jump if this or more was loaded."""
    return Jump(_JUMP_AT_LEAST, value, place)


def jump_if_one_of(values: Iterable[bytes], at: int, place: str) -> Iterator[Line]:
    """Jump if one of these values stands at an offset of the packet.

    The values are of one length, of some words and perhaps a half. Those that share all but their
    last word are looked for together: addresses of one network take one instruction each.
    """
    networks: defaultdict[bytes, list[bytes]] = defaultdict(list)
    for value in sorted(set(values)):
        head = (len(value) - 1) // _WORD * _WORD
        networks[value[:head]].append(value[head:])
    for network, tails in networks.items():
        elsewhere = f"{place}, if not {network.hex()} at {at}"
        for start in range(0, len(network), _WORD):
            yield load(_WORD, at + start)
            yield jump_unless_equal(_number(network[start : start + _WORD]), elsewhere)
        yield load(len(tails[0]), at + len(network))
        for tail in tails:
            yield jump_if_equal(_number(tail), place)
        yield elsewhere


def _number(word: bytes) -> int:
    return int.from_bytes(word, "big")


def assemble(*lines: Line) -> bytes:
    """The program in the kernel's form."""
    code, places = _split(lines)
    far: set[int] = set()
    while True:
        starts = [
            *accumulate((2 if number in far else 1 for number in range(len(code))), initial=0)
        ]
        found = {
            number
            for number, one in enumerate(code)
            if isinstance(one, Jump) and _skip(starts, number, places[one.place]) > _FARTHEST
        }
        if found <= far:
            break
        far |= found
    return b"".join(
        _write(one, _skip(starts, number, places[one.place]), far=number in far)
        if isinstance(one, Jump)
        else _INSTRUCTION.pack(one.code, 0, 0, one.value)
        for number, one in enumerate(code)
    )


def _split(lines: Sequence[Line]) -> tuple[list[Step | Jump], dict[str, int]]:
    """The instructions, and before which of them each place is."""
    code: list[Step | Jump] = []
    places: dict[str, int] = {}
    for line in lines:
        if isinstance(line, str):
            assert line not in places, "a place has a name of its own"
            places[line] = len(code)
        else:
            code.append(line)
    return code, places


def _skip(starts: Sequence[int], number: int, target: int) -> int:
    """How many instructions lie between the first of a jump and where it goes."""
    skip = starts[target] - starts[number] - 1
    assert skip >= 0, "jumps go forwards"
    return skip


def _write(jump: Jump, skip: int, *, far: bool) -> bytes:
    if far:
        then, other = (1, 0) if jump.unless else (0, 1)
        condition = _INSTRUCTION.pack(jump.code, then, other, jump.value)
        return condition + _INSTRUCTION.pack(_JUMP, 0, 0, skip - 1)
    then, other = (0, skip) if jump.unless else (skip, 0)
    return _INSTRUCTION.pack(jump.code, then, other, jump.value)


def attach(sock: socket.socket, program: bytes) -> None:
    """Let a program judge what a socket receives from now on, instead of any before it.

    Raises: OSError, when the program is longer than the kernel allows (4096 instructions), or
    takes more memory than a socket may have for it (`net.core.optmem_max`).
    """
    code = ctypes.create_string_buffer(program, len(program))
    count = len(program) // _INSTRUCTION.size
    sock.setsockopt(
        socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("@HP", count, ctypes.addressof(code))
    )


def detach(sock: socket.socket) -> None:
    """Let everything through again. Raises: OSError, when no program judges."""
    sock.setsockopt(socket.SOL_SOCKET, _SO_DETACH_FILTER, 0)
