"""Filters in the language of the kernel: what they drop costs this process nothing.

Source: <linux/filter.h> (classic BPF).
"""

from __future__ import annotations

import ctypes
import socket
import struct
from collections.abc import Iterable
from typing import Final, TypeAlias

LOAD_WORD, LOAD_HALF, LOAD_BYTE, LOAD_WORD_AT_X = 0x20, 0x28, 0x30, 0x40
LOAD_NUMBER, LOAD_X_NUMBER, COPY_TO_X = 0x00, 0x01, 0x07
IF_EQUAL, RETURN = 0x15, 0x06

FIND_ATTRIBUTE: Final = 0xFFFF_F000 + 12
"""What to load from for the place of the netlink attribute of kind X that comes from A on."""

KEEP: Final = 0xFFFF_FFFF
DROP: Final = 0

Line: TypeAlias = tuple[int, int, int, int]
"""What to do, how many lines to skip if it is so and if it is not, and a number."""

_ATTACH_FILTER: Final = 26


def attach(sock: socket.socket, lines: Iterable[Line]) -> None:
    """Let through to a socket only what a filter returns KEEP for. Raises: OSError."""
    program = b"".join(struct.pack("=HBBI", *line) for line in lines)
    code = ctypes.create_string_buffer(program, len(program))
    place = struct.pack("@HP", len(program) // 8, ctypes.addressof(code))
    sock.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, place)
