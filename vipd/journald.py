"""journald: records whose fields can be searched for, by its native protocol.

Theory of operation. One record is one datagram: a line `FIELD=value` for each field; a value that
has line breaks itself follows the field's name, a line break and its length in 64 bits. The sender
never waits: a journal that stalls must not cost anyone their address. What it does not take is
counted, and the next record that it takes says so.
Sources: systemd.journal-fields(7), https://systemd.io/JOURNAL_NATIVE_PROTOCOL
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Final, TextIO, TypeAlias

Fields: TypeAlias = Mapping[str, str]
"""A record: its fields and what they say. The journal writes their names in capitals."""

ADDRESS: Final = Path("/run/systemd/journal/socket")
VALUE_LONGEST: Final = 16_384
"""A value is cut here, so that a record fits into one datagram (212992 bytes, from socket(7))."""

DROPPED: Final = "dropped"
"""The field that tells how many records before this one the journal did not take."""


def is_journal(stream: TextIO, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether a stream leads to the journal. Source: $JOURNAL_STREAM in systemd.exec(5)."""
    try:
        seen = os.fstat(stream.fileno())
    except OSError:
        return False
    return environment.get("JOURNAL_STREAM") == f"{seen.st_dev}:{seen.st_ino}"


def encode(fields: Fields) -> bytes:
    """The datagram of one record."""
    return b"".join(_field(name, value) for name, value in fields.items())


def _field(name: str, value: str) -> bytes:
    key, data = name.upper().encode(), value[:VALUE_LONGEST].encode(errors="replace")
    if b"\n" in data:
        return key + b"\n" + struct.pack("<Q", len(data)) + data + b"\n"
    return key + b"=" + data + b"\n"


class Journald:
    """Writes to the journal, or drops what it does not take."""

    def __init__(self, address: Path = ADDRESS) -> None:
        self._address = str(address)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.dropped = 0

    def close(self) -> None:
        """Write no more."""
        self._socket.close()

    def write(self, fields: Fields) -> None:
        """Write a record. Why: with its address each time, for the journal may be a new one."""
        told = {DROPPED: str(self.dropped)} if self.dropped else {}
        try:
            self._socket.sendto(encode({**fields, **told}), self._address)
        except OSError:
            self.dropped += 1
        else:
            self.dropped = 0
