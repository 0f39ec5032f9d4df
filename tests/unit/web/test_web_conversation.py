"""Talking HTTP to whoever comes: the ordinary exchange, every bound, and garbage."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus

import pytest

from vipd.web.conversation import LIMITS, Conversations, Limits
from vipd.web.exchange import Answer, Asked, Stream, text
from vipd.web.tally import Tally

LONG_S = 10.0
"""What a test waits before it counts as failed; never what it takes."""

GET = b"GET /metrics HTTP/1.1\r\nhost: alpha\r\n\r\n"
LARGE = 32 * 1024 * 1024


async def respond(asked: Asked) -> Answer | Stream:
    match asked.path:
        case "/bug":
            raise RuntimeError("ours")
        case "/large":
            return Answer(body=bytes(LARGE))
        case "/endless":
            return Stream(kind="text/event-stream", pieces=endless())
        case path:
            return text(HTTPStatus.OK, f"{asked.method} {path}")


async def endless() -> AsyncGenerator[bytes, None]:
    while True:
        yield bytes(65536)
        await asyncio.sleep(0)


async def until(true: Callable[[], bool]) -> None:
    """Let the loop run until something is so."""
    for _ in iter(true, True):
        await asyncio.sleep(0)


class Server:
    """Conversations on a real socket; what the loop complains of fails the test."""

    def __init__(self, limits: Limits) -> None:
        self.tally = Tally()
        self.conversations = Conversations(respond, self.tally, limits)

    @asynccontextmanager
    async def client(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield reader, writer
        finally:
            writer.transport.abort()

    async def said(self, request: bytes) -> bytes:
        """All that is answered to some bytes, until the server hangs up or waits for more."""
        async with self.client() as (reader, writer):
            writer.write(request)
            with suppress(OSError):
                writer.write_eof()
                return await reader.read()
        return b""

    async def run(self, act: Callable[[Server], Awaitable[None]]) -> None:
        raised: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, why: raised.append(why))
        server = await asyncio.start_server(self.conversations.begin, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            async with asyncio.timeout(LONG_S):
                await act(self)
                await until(lambda: self.conversations.open == 0)
        finally:
            server.close()
            await server.wait_closed()
        assert raised == []


def serve(act: Callable[[Server], Awaitable[None]], limits: Limits = LIMITS) -> None:
    asyncio.run(Server(limits).run(act))


def test_a_request_is_answered_with_what_keeps_a_browser_safe() -> None:
    async def act(server: Server) -> None:
        head, _, body = (await server.said(GET)).partition(b"\r\n\r\n")
        first, *headers = head.decode().split("\r\n")
        assert (first, body) == ("HTTP/1.1 200 OK", b"GET /metrics\n")
        assert "cache-control: no-store" in headers
        assert "x-content-type-options: nosniff" in headers
        assert "content-security-policy: default-src 'none'; frame-ancestors 'none'" in headers
        assert "cross-origin-resource-policy: same-origin" in headers
        assert not [one for one in headers if one.lower().startswith("access-control")]
        assert server.tally.requests == {("/metrics", 200): 1}

    serve(act)


def test_several_requests_go_over_one_connection_also_all_at_once() -> None:
    async def act(server: Server) -> None:
        async with server.client() as (reader, writer):
            for _ in range(3):
                writer.write(GET)
                assert await reader.readuntil(b"GET /metrics\n")
            writer.write(3 * GET)
            for _ in range(3):
                assert await reader.readuntil(b"GET /metrics\n")

    serve(act)


def test_head_is_answered_without_a_body() -> None:
    async def act(server: Server) -> None:
        said = await server.said(GET.replace(b"GET", b"HEAD", 1))
        assert b"content-length: 14\r\n" in said
        assert said.endswith(b"\r\n\r\n")

    serve(act)


@pytest.mark.parametrize(
    "request_head",
    [
        b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n",
    ],
)
def test_a_body_is_not_read(request_head: bytes) -> None:
    async def act(server: Server) -> None:
        async with server.client() as (reader, writer):
            writer.write(request_head)
            said = await reader.read()
        assert said.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"connection: close\r\n" in said.lower()

    serve(act)


def test_an_old_client_is_answered_and_hung_up_on() -> None:
    async def act(server: Server) -> None:
        async with server.client() as (reader, writer):
            writer.write(b"GET /old HTTP/1.0\r\n\r\n")
            assert (await reader.read()).endswith(b"GET /old\n")

    serve(act)


# -- bounds -----------------------------------------------------------------------------------


def test_a_head_that_is_too_large_is_refused() -> None:
    async def act(server: Server) -> None:
        said = await server.said(b"GET / HTTP/1.1\r\nhost: a\r\nx: " + 9000 * b"x")
        assert said.startswith(b"HTTP/1.1 431 ")
        assert server.tally.garbled == 1

    serve(act)


def test_who_says_nothing_or_half_of_it_is_hung_up_on() -> None:
    async def act(server: Server) -> None:
        for begun in (b"", b"GET / HTT", GET):
            async with server.client() as (reader, writer):
                writer.write(begun)
                said = await reader.read()
                assert said.startswith(b"HTTP/1.1 200 ") if begun == GET else said == b""

    serve(act, Limits(head_s=0.05))


def test_who_does_not_read_is_let_go() -> None:
    async def act(server: Server) -> None:
        for path in (b"/large", b"/endless"):
            async with server.client() as (reader, writer):
                reader._transport.pause_reading()  # type: ignore[attr-defined]
                writer.write(GET.replace(b"/metrics", path))
                server.tally.dropped = 0
                await until(lambda: server.tally.dropped > 0)

    serve(act, Limits(write_s=0.05))


def test_a_stream_ends_when_its_client_is_gone() -> None:
    async def act(server: Server) -> None:
        async with server.client() as (reader, writer):
            writer.write(GET.replace(b"/metrics", b"/endless"))
            await reader.readexactly(200_000)
        await until(lambda: server.conversations.open == 0)

    serve(act)


def test_there_is_no_room_for_one_too_many_until_another_goes() -> None:
    async def act(server: Server) -> None:
        async with server.client() as (_, first), server.client() as (reader, second):
            first.write(b"G")
            second.write(b"G")
            await until(lambda: server.conversations.open == 2)
            said = await server.said(GET)
            assert said.startswith(b"HTTP/1.1 503 ")
            assert server.tally.crowded == 1
            second.write(GET[1:])
            assert await reader.readuntil(b"\n")
        await until(lambda: server.conversations.open == 0)
        assert (await server.said(GET)).startswith(b"HTTP/1.1 200 ")

    serve(act, Limits(connections=2))


# -- what nobody should send ------------------------------------------------------------------


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\x00\x00\x00\x00\r\n\r\n",
        b"GET  HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\ncontent-length: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost a\r\n\r\n",
    ],
)
def test_what_is_no_request_gets_an_answer_that_says_so(garbage: bytes) -> None:
    async def act(server: Server) -> None:
        said = await server.said(garbage)
        assert said.split(b" ")[1] in {b"400", b"501"}, said
        assert b"this is not a request that can be answered" in said
        assert server.tally.garbled == 1

    serve(act)


def test_nothing_that_is_sent_raises() -> None:
    """A request with bytes changed, removed and put in; seeded, so that what fails fails again."""
    chance = random.Random(9568)

    def spoilt() -> bytes:
        data = bytearray(GET + GET)
        for _ in range(chance.randint(1, 12)):
            place = chance.randrange(len(data))
            match chance.randrange(4):
                case 0:
                    data[place] = chance.randrange(256)
                case 1:
                    del data[place : place + chance.randint(1, 9)]
                case 2:
                    data[place:place] = chance.randbytes(chance.randint(1, 9))
                case _:
                    data[place:place] = chance.choice((b"\r\n", b"\0", b":", b" ", b"\xff"))
            data = data or bytearray(b"x")
        return bytes(data)

    async def act(server: Server) -> None:
        for _ in range(8):
            said = await asyncio.gather(*(server.said(spoilt()) for _ in range(30)))
            assert all(one == b"" or one.startswith(b"HTTP/1.1 ") for one in said)
        assert (await server.said(GET)).endswith(b"GET /metrics\n")

    serve(act)


def test_a_bug_of_ours_costs_one_answer_and_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    async def act(server: Server) -> None:
        said = await server.said(GET.replace(b"/metrics", b"/bug"))
        assert said.startswith(b"HTTP/1.1 500 ")
        assert (await server.said(GET)).endswith(b"GET /metrics\n")
        assert server.tally.requests == {("other", 500): 1, ("/metrics", 200): 1}

    serve(act)
    assert "RuntimeError: ours" in capsys.readouterr().err
