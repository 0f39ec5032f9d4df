"""The conversation with one HTTP client, and how many there may be. The only door to h11.

Theory of operation. A connection is a task that reads a request head, has it answered, writes that,
and goes on with the next. Everything is bounded: how many connections there are, how large a head
is and how long it may take, how long a client may take to read. Who goes beyond a bound is let go;
what is not HTTP gets an answer that says so, once. Requests have no body: who announces one is told
that there is nothing to be sent here, and it is not read.

h11 reads and writes the protocol and knows nothing of sockets. What it calls an error of the remote
side is an answer here; nothing that a client sends can raise.
"""

from __future__ import annotations

import asyncio
import sys
import traceback
from contextlib import aclosing, suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import h11

from vipd.web.exchange import Answer, Asked, Headers, Respond, Stream, text
from vipd.web.tally import Tally

COMMON: Final[Headers] = (
    ("cache-control", "no-store"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("x-frame-options", "DENY"),
)
"""What every response says."""

NO_SOURCES: Final = ("content-security-policy", "default-src 'none'; frame-ancestors 'none'")
"""What a response says that is not the page."""

_CHUNK: Final = 16 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What clients are granted. Units: as the names end."""

    connections: int = 32
    head_bytes: int = 8 * 1024
    head_s: float = 5.0
    write_s: float = 5.0
    dismiss_s: float = 0.5


LIMITS: Final = Limits()


class Conversations:
    """All clients at once."""

    def __init__(self, respond: Respond, tally: Tally, limits: Limits = LIMITS) -> None:
        self._respond = respond
        self._tally = tally
        self._limits = limits
        self.open = 0
        """How many there are."""

    async def begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Talk to one client until it, or its time, is gone. Never raises for what it does."""
        writer.transport.set_write_buffer_limits(high=_CHUNK)
        self.open += 1
        try:
            if self.open > self._limits.connections:
                self._tally.crowded += 1
                await self._dismiss(reader, writer)
            else:
                await self._talk(_Client(reader, writer, self._limits))
        except (OSError, TimeoutError):
            self._tally.dropped += 1
        except asyncio.CancelledError:
            # This process ends. Before Python 3.12 a task that says so is told as a failure.
            writer.transport.abort()
        except Exception:  # noqa: BLE001  (a bug of ours costs one connection, and is told)
            traceback.print_exc(file=sys.stderr)
        finally:
            self.open -= 1
            await _close(writer, self._limits.write_s)

    async def _dismiss(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Say that there is no room; in a flood not even that.

        Why: what is not read when a connection is closed takes the answer away, too.
        """
        if self.open > 2 * self._limits.connections:
            writer.transport.abort()
            return
        async with asyncio.timeout(self._limits.dismiss_s):
            await reader.read(_CHUNK)
        writer.write(b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\n\r\n")

    async def _talk(self, client: _Client) -> None:
        while True:
            try:
                asked = await client.read()
            except h11.RemoteProtocolError as error:
                self._tally.garbled += 1
                await client.refuse(_status(error.error_status_hint), str(error))
                return
            if asked is None:
                return
            answer = await self._answer(asked)
            await client.write(answer)
            if not client.goes_on():
                return

    async def _answer(self, asked: Asked) -> Answer | Stream:
        """A bug in an answer is told to who asked, and on standard error."""
        try:
            answer = await self._respond(asked)
        except Exception:  # noqa: BLE001  (a bug of ours costs one answer, and is told)
            traceback.print_exc(file=sys.stderr)
            answer = text(HTTPStatus.INTERNAL_SERVER_ERROR, "vipd has failed to answer this")
        status = answer.status if isinstance(answer, Answer) else HTTPStatus.OK
        self._tally.count(asked.path, status)
        return answer


class _Client:
    """One connection."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limits: Limits
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._limits = limits
        self._protocol = h11.Connection(h11.SERVER, max_incomplete_event_size=limits.head_bytes)
        self._spent = False
        self._head_only = False

    async def read(self) -> Asked | None:
        """The next request; None when there is none, or none in time.

        Raises: h11.RemoteProtocolError, OSError.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(self._limits.head_s):
                while True:
                    event = self._protocol.next_event()
                    if event is h11.NEED_DATA:
                        self._protocol.receive_data(await self._reader.read(_CHUNK))
                    elif isinstance(event, h11.Request):
                        return self._asked(event)
                    else:
                        return None
        return None

    def _asked(self, request: h11.Request) -> Asked:
        headers = {
            name.decode("ascii", "replace"): value.decode("latin-1")
            for name, value in request.headers
        }
        # What announces a body would have to be read before the next request.
        self._spent = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
        self._head_only = request.method == b"HEAD"
        target = request.target.decode("ascii", "replace")
        return Asked(
            method=request.method.decode("ascii", "replace"),
            path=target.partition("?")[0],
            headers=headers,
        )

    def goes_on(self) -> bool:
        """Whether another request may follow on this connection."""
        if self._spent or self._protocol.our_state is not h11.DONE:
            return False
        with suppress(h11.ProtocolError):
            self._protocol.next_event()
            self._protocol.start_next_cycle()
            return True
        return False

    async def refuse(self, status: HTTPStatus, why: str) -> None:
        """Answer what was not a request."""
        if self._protocol.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            self._spent = True
            await self.write(text(status, f"this is not a request that can be answered: {why}"))

    async def write(self, answer: Answer | Stream) -> None:
        """Write a response; of one without end, until the client is gone or does not read."""
        if isinstance(answer, Answer):
            await self._write_whole(answer)
            return
        headers = [*COMMON, NO_SOURCES, ("content-type", answer.kind)]
        await self._send(h11.Response(status_code=200, headers=headers, reason=b"OK"))
        await self._stream(answer)

    async def _stream(self, answer: Stream) -> None:
        """Write on and on, until the client hangs up. What it says meanwhile is not awaited, and
        ends it, too."""
        writing = asyncio.create_task(self._write_pieces(answer))
        hanging_up = asyncio.create_task(self._reader.read(1))
        tasks = (writing, hanging_up)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        if isinstance(outcomes[0], Exception):
            raise outcomes[0]

    async def _write_pieces(self, answer: Stream) -> None:
        async with aclosing(answer.pieces) as pieces:
            async for piece in pieces:
                await self._send(h11.Data(data=piece))

    async def _write_whole(self, answer: Answer) -> None:
        given = dict(answer.headers)
        security = () if NO_SOURCES[0] in given else (NO_SOURCES,)
        headers = [
            *COMMON,
            *security,
            ("content-type", answer.kind),
            ("content-length", str(len(answer.body))),
            *answer.headers,
            *((("connection", "close"),) if self._spent else ()),
        ]
        status = answer.status
        head = h11.Response(
            status_code=status.value, headers=headers, reason=status.phrase.encode()
        )
        body = b"" if self._head_only else answer.body
        await self._send(head, h11.Data(data=body), h11.EndOfMessage())

    async def _send(self, *events: h11.Event) -> None:
        """Write, and wait until the client has read most of it."""
        for event in events:
            if data := self._protocol.send(event):
                self._writer.write(data)
        async with asyncio.timeout(self._limits.write_s):
            await self._writer.drain()


def _status(hint: int) -> HTTPStatus:
    try:
        return HTTPStatus(hint)
    except ValueError:
        return HTTPStatus.BAD_REQUEST


async def _close(writer: asyncio.StreamWriter, within_s: float) -> None:
    """Let what is written go out, for a while; then it is over in any case."""
    writer.close()
    try:
        async with asyncio.timeout(within_s):
            await writer.wait_closed()
    except (OSError, TimeoutError):
        writer.transport.abort()
