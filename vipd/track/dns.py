"""Whether a name server answers, and with what it should.

Theory of operation. One question over UDP, from a port that the kernel chooses and with a random
number, on a connected socket: so what arrives is from the server, and what is not the answer to
this very question is passed over. The codec reads what a look needs: the question, and of each
answer its type and its data.

Sources: RFC 1035 §4; RFC 5452 §9 (what makes an answer hard to forge); RFC 8020 (NXDOMAIN).
"""

from __future__ import annotations

import os
import socket
import struct
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from vipd.core.config import TrackerConfig
from vipd.core.model import IPAddress
from vipd.track.connection import Dialogue, Finding
from vipd.track.outcome import Tracker
from vipd.track.polling import Polling
from vipd.track.target import Target

PORT: Final = 53
TYPES: Final = {
    "A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33,
    "CAA": 257,
}  # fmt: skip
"""RFC: 1035 §3.2.2, 3596 §2.1, 2782, 8659 §4.1."""

_INTERNET: Final = 1
_HEADER: Final = struct.Struct("!6H")
_RECORD: Final = struct.Struct("!HHIH")
_RESPONSE, _TRUNCATED, _RECURSION_DESIRED = 0x8000, 0x0200, 0x0100
_OPCODE, _CODE = 0x7800, 0x000F
_POINTER: Final = 0xC0
_NUMBER_BYTES: Final = 2
_LABEL_MAX: Final = 63
_NAME_MAX: Final = 255
_SHOWN: Final = 3
_CODES: Final = {
    1: "FORMERR: the server does not understand the question",
    2: "SERVFAIL: the server cannot find out",
    3: "NXDOMAIN: there is no such name",
    4: "NOTIMP: the server does not do that",
    5: "REFUSED: the server does not answer this host",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """An answer: its code, whether it was cut short, and the data of the records of one type."""

    code: int
    truncated: bool
    found: tuple[bytes, ...]


def encode_name(name: str) -> bytes:
    """A name as the wire has it. Raises: ValueError, for what is none."""
    labels = [label.encode("idna") for label in name.rstrip(".").split(".") if name.rstrip(".")]
    if not all(0 < len(label) <= _LABEL_MAX for label in labels):
        raise ValueError(f"{name} is no name")
    encoded = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    if len(encoded) > _NAME_MAX:
        raise ValueError(f"{name} is longer than a name may be")
    return encoded


def query(number: int, question: bytes) -> bytes:
    """The datagram that asks a question."""
    return _HEADER.pack(number, _RECURSION_DESIRED, 1, 0, 0, 0) + question


def decode(data: bytes, number: int, question: bytes) -> Message | None:
    """Read the answer to a question; None for what is not that, or cannot be read."""
    end = _HEADER.size + len(question)
    if len(data) < end:
        return None
    theirs, flags, questions, answers, _, _ = _HEADER.unpack_from(data)
    if (theirs, questions, flags & (_RESPONSE | _OPCODE)) != (number, 1, _RESPONSE):
        return None
    if not _same(data[_HEADER.size : end], question):
        return None
    truncated = bool(flags & _TRUNCATED)
    kind = int.from_bytes(question[-4:-2], "big")
    found = _records(data, end, answers, kind)
    if found is None and not truncated:
        return None
    return Message(code=flags & _CODE, truncated=truncated, found=found or ())


def _same(theirs: bytes, ours: bytes) -> bool:
    """Names are equal in small and in capital letters; type and class are numbers."""
    return theirs[:-4].lower() == ours[:-4].lower() and theirs[-4:] == ours[-4:]


def _records(data: bytes, at: int, count: int, kind: int) -> tuple[bytes, ...] | None:
    """The data of the records of a type; None when they cannot be read."""
    found = []
    for _ in range(count):
        at = _skip_name(data, at)
        if at + _RECORD.size > len(data):
            return None
        theirs, network, _, size = _RECORD.unpack_from(data, at)
        at += _RECORD.size
        if at + size > len(data):
            return None
        if (theirs, network) == (kind, _INTERNET):
            found.append(data[at : at + size])
        at += size
    return tuple(found)


def _skip_name(data: bytes, at: int) -> int:
    """Where a name ends; beyond the data when it cannot be read."""
    while at < len(data):
        length = data[at]
        if length >= _POINTER:
            return at + 2
        if length > _LABEL_MAX:
            break
        at += 1 + length
        if not length:
            return at
    return len(data)


class Question:
    """One question, asked with a number of its own."""

    __slots__ = ("_expect", "_number", "_question")

    def __init__(self, question: bytes, expect: IPAddress | None) -> None:
        self._question = question
        self._expect = expect
        self._number = int.from_bytes(os.urandom(_NUMBER_BYTES))

    def begin(self) -> bytes:
        """Ask."""
        return query(self._number, self._question)

    def take(self, data: bytes) -> bytes | Finding:
        """Judge the answer; wait on after what is none."""
        message = decode(data, self._number, self._question)
        return b"" if message is None else judge(message, self._expect)

    def end(self) -> Finding:
        """Datagrams have no end."""
        return Finding(ok=False, text=self.stuck())

    def stuck(self) -> str:
        """What is missing."""
        return "no answer"


def judge(message: Message, expect: IPAddress | None) -> Finding:
    """What an answer means."""
    if message.code:
        text = _CODES.get(message.code, f"error {message.code}")
        return Finding(ok=False, text=text)
    if not message.found:
        text = "an answer without any record of that type"
        return Finding(ok=False, text="the answer was cut short" if message.truncated else text)
    good = expect is None or expect.packed in message.found
    detail = "" if good else f", wanted {expect}"
    if not good and message.truncated:
        detail += " (the answer was cut short)"
    return Finding(ok=good, text=f"answered {_shown(message.found)}", timed=True, detail=detail)


def _shown(found: tuple[bytes, ...]) -> str:
    addresses = [str(ip_address(each)) for each in found if len(each) in (4, 16)]
    if len(addresses) != len(found):
        return "1 record" if len(found) == 1 else f"{len(found)} records"
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return ", ".join(addresses[:_SHOWN]) + more


def make(config: TrackerConfig) -> Tracker:
    """A tracker of the kind `dns`."""
    options = config.options
    kind = TYPES[options.get("type") or "A"]
    question = encode_name(options["name"]) + struct.pack("!HH", kind, _INTERNET)
    expect = ip_address(options["expect"]) if options.get("expect") else None
    target = Target(options["server"], options.get("port") or PORT, socket.SOCK_DGRAM)
    return Polling(config, Dialogue(config, target, lambda: Question(question, expect)))
