"""What an HTTP/1.1 server answers, read as far as a look needs it.

Theory of operation. The head is judged as a whole: a status line and fields, or it is no HTTP. What
real servers do is borne: lines that end in a bare line feed, no reason, folded fields, blanks
before a colon. Interim answers (1xx) are skipped. The body is read only for a pattern, as far as
the pattern may see, by the framing of RFC 9112 §6: chunks, then a length, then the end of the
connection. Nothing that a server says raises anything.

Sources: RFC 9112.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from vipd.track.connection import printable

HEAD_MAX: Final = 64 * 1024
_LINE_MAX: Final = 1024
_PREFIX: Final = b"HTTP/1."
_TLS_ALERT: Final = b"\x15\x03"

_BLANK: Final = re.compile(rb"\n\r?\n")
_HEAD: Final = re.compile(
    rb"HTTP/1\.[0-9] ([1-5][0-9][0-9])(?: [^\r\n\0]*+)?\r?\n"
    rb"((?:[!-9;-~]++[ \t]*+:[^\n\0]*+\n|[ \t][^\n\0]*+\n)*+)\r?\n"
)
"""A status line and fields. The repetitions never give back, so the time is linear."""

_FOLD: Final = re.compile(rb"\r?\n[ \t]+")
_CHUNK_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?\r?")
_BODILESS: Final = frozenset({204, 304})


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer. `fault` says what is wrong with its form; a body read to its end is `whole`."""

    status: int = 0
    location: str = ""
    body: bytes = b""
    whole: bool = True
    fault: str = ""


class Reader:
    """Reads one answer. `body_max` of 0 is for who wants no body, or gets none (HEAD)."""

    __slots__ = ("_body", "_buffer", "_location", "_status", "_want")

    def __init__(self, body_max: int) -> None:
        self._want = body_max
        self._buffer = b""
        self._status = 0
        self._location = ""
        self._body: _Body | None = None

    def feed(self, data: bytes) -> Answer | None:
        """Take the next bytes; None when the answer goes on."""
        if self._body is not None:
            return self._more_body(data)
        self._buffer = self._buffer + data if self._buffer else data
        while (head := _HEAD.match(self._buffer)) is not None:
            status = int(head[1])
            rest = self._buffer[head.end() :]
            if status >= 200 or status == 101:
                return self._begin_body(status, head[2], rest)
            self._buffer = rest
        return self._unfinished_head()

    def end(self) -> Answer:
        """The server has ended the connection."""
        if self._body is not None:
            if self._body.until_end:
                return self._answer(whole=True)
            return self._answer(fault="the body breaks off")
        if self._buffer:
            return Answer(fault=f"the answer breaks off: '{printable(self._buffer)}'")
        return Answer(fault="the connection was closed without an answer")

    @property
    def begun(self) -> bool:
        """Whether anything has come."""
        return bool(self._buffer) or self._body is not None

    def _unfinished_head(self) -> Answer | None:
        buffer = self._buffer
        if buffer.startswith(_TLS_ALERT):
            return Answer(fault="the server speaks TLS here: use https")
        if buffer[: len(_PREFIX)] != _PREFIX[: len(buffer)]:
            return Answer(fault=f"the answer is not HTTP: '{printable(buffer)}'")
        if _BLANK.search(buffer):
            return Answer(fault=f"the head of the answer is malformed: '{printable(buffer)}'")
        if len(buffer) > HEAD_MAX:
            return Answer(fault=f"the head of the answer has more than {HEAD_MAX} bytes")
        return None

    def _begin_body(self, status: int, fields: bytes, rest: bytes) -> Answer | None:
        self._status = status
        if 300 <= status < 400:
            self._location = printable(b", ".join(_field(fields, b"location")), 120)
        if not self._want or status in _BODILESS:
            return _bare(status, self._location)
        coding = b",".join(_field(fields, b"transfer-encoding")).lower()
        lengths = {
            one.strip() for each in _field(fields, b"content-length") for one in each.split(b",")
        }
        if coding:
            chunked = coding.rpartition(b",")[2].strip() == b"chunked"
            self._body = _Chunks() if chunked else _Plain(None)
        elif not lengths:
            self._body = _Plain(None)
        elif len(lengths) == 1 and re.fullmatch(rb"[0-9]{1,18}", length := lengths.pop()):
            self._body = _Plain(int(length))
        else:
            return self._answer(fault="the length of the body is malformed")
        return self._more_body(rest)

    def _more_body(self, data: bytes) -> Answer | None:
        assert self._body is not None
        self._body.feed(data)
        if self._body.fault:
            return self._answer(fault=self._body.fault)
        if self._body.ended:
            return self._answer(whole=len(self._body.data) <= self._want)
        if len(self._body.data) >= self._want:
            return self._answer(whole=False)
        return None

    def _answer(self, *, whole: bool = False, fault: str = "") -> Answer:
        return Answer(
            status=self._status,
            location=self._location,
            body=bytes(self._body.data[: self._want]) if self._body is not None else b"",
            whole=whole,
            fault=fault,
        )


@lru_cache(maxsize=32)
def _bare(status: int, location: str) -> Answer:
    """An answer of which no more is wanted: the same in every look, most of the time."""
    return Answer(status=status, location=location)


class _Plain:
    """A body that is as long as it says, or lasts until the connection ends."""

    fault = ""

    def __init__(self, length: int | None) -> None:
        self.data = bytearray()
        self._length = length

    @property
    def until_end(self) -> bool:
        return self._length is None

    @property
    def ended(self) -> bool:
        return self._length is not None and len(self.data) >= self._length

    def feed(self, data: bytes) -> None:
        self.data += data
        if self._length is not None:
            del self.data[self._length :]


class _Chunks:
    """A body in chunks; what follows the last one is not wanted. RFC: 9112 §7.1."""

    until_end = False

    def __init__(self) -> None:
        self.data = bytearray()
        self.ended = False
        self.fault = ""
        self._buffer = b""
        self._left = 0
        self._after_chunk = False

    def feed(self, data: bytes) -> None:
        self._buffer += data
        while self._buffer and not self.ended and not self.fault:
            if self._left:
                self._take_data()
            elif not self._take_line():
                return

    def _take_data(self) -> None:
        part, self._buffer = self._buffer[: self._left], self._buffer[self._left :]
        self.data += part
        self._left -= len(part)
        self._after_chunk = not self._left

    def _take_line(self) -> bool:
        """Read the line before a chunk, or the empty one after it; False when it goes on."""
        line, newline, rest = self._buffer.partition(b"\n")
        if not newline:
            self.fault = "a chunk is malformed" if len(line) > _LINE_MAX else ""
            return False
        self._buffer = rest
        if self._after_chunk:
            self._after_chunk = False
            self.fault = "" if line in (b"", b"\r") else "a chunk is malformed"
        elif size := _CHUNK_SIZE.fullmatch(line):
            self._left = int(size[1], 16)
            self.ended = not self._left
        else:
            self.fault = "a chunk is malformed"
        return True


_Body = _Plain | _Chunks


def _field(fields: bytes, name: bytes) -> list[bytes]:
    """The values of the fields of a name, which is written in small letters."""
    lines = (line.partition(b":") for line in _FOLD.sub(b" ", fields).splitlines())
    return [value.strip() for found, _, value in lines if found.strip().lower() == name]
