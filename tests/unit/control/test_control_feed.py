"""Answers that come later, and answers without end: a real server, and peers that do not wait."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from vipd.control.access import Caller
from vipd.control.client import ask, follow
from vipd.control.handler import Feed, Respond
from vipd.control.messages import (
    AnnounceRequest,
    ErrorReply,
    FollowRequest,
    OrderReply,
    Request,
    decode_event,
    encode,
)
from vipd.control.report import EventReport
from vipd.control.server import LIMITS, ControlServer, Limits
from vipd.errors import VipdError

LONG = 5.0
"""Units: seconds. What a test waits before it counts as failed; never what it takes."""

QUICK = Limits(request_s=0.05, reply_s=0.05)
NOT_A_FEED_FOR_LONG = Limits(request_s=0.05, answer_s=0.05, reply_s=0.05)
DONE = OrderReply(text="done")
FOLLOW = encode(FollowRequest())


def event(seq: int, text: str = "it happened") -> EventReport:
    return EventReport(
        seq=seq, at="2026-01-02T03:04:05.678Z", kind="order", code="announce", text=text
    )


@dataclass
class Desk:
    """Answers orders when it is told to, and tells events to whoever follows."""

    waiting: list[Respond] = field(default_factory=list)
    callers: list[Caller] = field(default_factory=list)
    followers: list[Callable[[EventReport], None]] = field(default_factory=list)
    left: int = 0

    def answer(self, request: Request, caller: Caller, respond: Respond) -> Feed | None:
        self.callers.append(caller)
        if isinstance(request, FollowRequest):
            if request.name is None:
                return Feed(self._attach)
            respond(ErrorReply(error=f"there is no instance {request.name}"))
        else:
            self.waiting.append(respond)
        return None

    def tell(self, *events: EventReport) -> None:
        for one in events:
            for follower in tuple(self.followers):
                follower(one)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Let the loop run until this is so."""
        async with asyncio.timeout(LONG):
            while not condition():  # noqa: ASYNC110  (what is waited for sets no event)
                await asyncio.sleep(0)

    def _attach(self, follower: Callable[[EventReport], None]) -> Callable[[], None]:
        self.followers.append(follower)

        def detach() -> None:
            self.followers.remove(follower)
            self.left += 1

        return detach


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "control.sock"


@pytest.fixture
def desk() -> Desk:
    return Desk()


@asynccontextmanager
async def serving(path: Path, desk: Desk, limits: Limits = LIMITS) -> AsyncIterator[ControlServer]:
    """A server on the running loop, whose handler of unhandled errors fails the test."""
    raised: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: raised.append(context))
    server = ControlServer(path, desk.answer, limits)
    await server.start()
    try:
        yield server
    finally:
        await server.close()
        assert raised == []


Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def peer(path: Path, words: bytes) -> AsyncIterator[Streams]:
    """A peer that has said something."""
    async with asyncio.timeout(LONG):
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(words)
        try:
            yield reader, writer
        finally:
            writer.close()
            with suppress(ConnectionResetError, BrokenPipeError):
                await writer.wait_closed()


async def hung_up(reader: asyncio.StreamReader) -> bytes:
    """What comes before the end of the connection."""
    with suppress(ConnectionResetError):
        return await reader.read()
    return b""


# -- answers that come later ------------------------------------------------------------------


def test_an_answer_may_come_when_it_is_known(path: Path, desk: Desk) -> None:
    async def scenario() -> None:
        async with serving(path, desk, QUICK):
            asked = asyncio.create_task(
                asyncio.to_thread(ask, path, AnnounceRequest(name="web"), timeout_s=LONG)
            )
            await desk.until(lambda: bool(desk.waiting))
            assert not asked.done()
            desk.waiting.pop()(DONE)
            assert await asked == DONE

    asyncio.run(scenario())


def test_who_waits_for_an_answer_is_not_hung_up_on_like_one_who_asks_nothing(
    path: Path, desk: Desk
) -> None:
    async def scenario() -> None:
        async with serving(path, desk, QUICK):
            order = encode(AnnounceRequest(name="web"))
            async with peer(path, order) as (reader, _), peer(path, b"") as (silent, _):
                assert b"no request within 0.05 s" in await hung_up(silent)
                await desk.until(lambda: bool(desk.waiting))
                desk.waiting.pop()(DONE)
                assert await reader.readline() == encode(DONE)

    asyncio.run(scenario())


def test_a_wait_without_end_has_one(path: Path, desk: Desk) -> None:
    async def scenario() -> None:
        async with serving(path, desk, NOT_A_FEED_FOR_LONG):
            async with peer(path, encode(AnnounceRequest(name="web"))) as (reader, _):
                assert b"how it ended: see `vipd status`" in await hung_up(reader)
            desk.waiting.pop()(DONE)

    asyncio.run(scenario())


def test_an_answer_for_who_has_gone_is_for_nobody(path: Path, desk: Desk) -> None:
    async def scenario() -> None:
        async with serving(path, desk):
            async with peer(path, encode(AnnounceRequest(name="web"))):
                await desk.until(lambda: bool(desk.waiting))
            async with peer(path, encode(AnnounceRequest(name="web"))) as (reader, _):
                await desk.until(lambda: len(desk.waiting) == 2)
                for respond in desk.waiting:
                    respond(DONE)
                assert await hung_up(reader) == encode(DONE)

    asyncio.run(scenario())


def test_who_waits_may_close_its_side_and_is_answered(path: Path, desk: Desk) -> None:
    async def scenario() -> None:
        order = encode(AnnounceRequest(name="web"))
        async with serving(path, desk), peer(path, order) as (reader, writer):
            writer.write_eof()
            await desk.until(lambda: bool(desk.waiting))
            desk.waiting.pop()(DONE)
            assert await hung_up(reader) == encode(DONE)

    asyncio.run(scenario())


def test_one_that_waits_holds_up_nobody(path: Path, desk: Desk) -> None:
    async def scenario() -> None:
        async with serving(path, desk):
            order = encode(AnnounceRequest(name="web"))
            async with peer(path, order) as (first, _), peer(path, order) as (second, _):
                await desk.until(lambda: len(desk.waiting) == 2)
                desk.waiting[1](DONE)
                assert await second.readline() == encode(DONE)
                desk.waiting[0](ErrorReply(error="no"))
                assert await first.readline() == encode(ErrorReply(error="no"))

    asyncio.run(scenario())


# -- answers without end ----------------------------------------------------------------------


def test_who_follows_is_told_each_event_for_longer_than_an_answer_may_take(
    path: Path, desk: Desk
) -> None:
    async def scenario() -> None:
        server = serving(path, desk, NOT_A_FEED_FOR_LONG)
        async with server, peer(path, FOLLOW) as (reader, _), peer(path, b"") as (silent, _):
            await hung_up(silent)
            await desk.until(lambda: bool(desk.followers))
            desk.tell(event(1), event(2))
            assert decode_event(await reader.readline()) == event(1)
            assert decode_event(await reader.readline()) == event(2)

    asyncio.run(scenario())


def test_who_stops_following_is_forgotten(path: Path, desk: Desk) -> None:
    async def scenario() -> None:
        async with serving(path, desk):
            async with peer(path, FOLLOW), peer(path, FOLLOW) as (reader, _):
                await desk.until(lambda: len(desk.followers) == 2)
                async with peer(path, FOLLOW):
                    await desk.until(lambda: len(desk.followers) == 3)
                await desk.until(lambda: desk.left == 1)
                desk.tell(event(1))
                assert decode_event(await reader.readline()) == event(1)
            await desk.until(lambda: desk.left == 3)
            assert desk.followers == []

    asyncio.run(scenario())


def test_what_a_follower_says_later_is_of_no_account(path: Path, desk: Desk) -> None:
    async def scenario() -> None:
        async with serving(path, desk), peer(path, FOLLOW) as (reader, writer):
            await desk.until(lambda: bool(desk.followers))
            writer.write(encode(AnnounceRequest(name="web")) + 100_000 * b"x")
            writer.write_eof()
            desk.tell(event(1))
            assert decode_event(await reader.readline()) == event(1)
            assert len(desk.callers) == 1

    asyncio.run(scenario())


def test_a_follower_that_does_not_read_is_let_go_and_the_others_hear_all(
    path: Path, desk: Desk
) -> None:
    """What is kept for it is bounded: the kernel's buffer, then ours."""
    told = 400
    long_text = 10_000 * "x"

    async def scenario() -> None:
        async with serving(path, desk, Limits(feed_bytes=100_000)):
            with socket.socket(socket.AF_UNIX) as stubborn:
                stubborn.connect(str(path))
                stubborn.sendall(FOLLOW)
                async with peer(path, FOLLOW) as (reader, _):
                    await desk.until(lambda: len(desk.followers) == 2)
                    for seq in range(told):
                        desk.tell(event(seq, long_text))
                        assert decode_event(await reader.readline()).seq == seq
                    await desk.until(lambda: desk.left == 1)
                    assert len(desk.followers) == 1

    asyncio.run(scenario())


def test_those_who_follow_leave_room_for_those_who_ask(path: Path, desk: Desk) -> None:
    async def scenario() -> None:
        async with serving(path, desk, Limits(connections=3, feeds=2)):
            async with peer(path, FOLLOW), peer(path, FOLLOW):
                await desk.until(lambda: len(desk.followers) == 2)
                async with peer(path, FOLLOW) as (third, _):
                    assert b"2 follow the events already; try again" in await hung_up(third)
                async with peer(path, encode(AnnounceRequest(name="web"))) as (reader, _):
                    await desk.until(lambda: bool(desk.waiting))
                    desk.waiting.pop()(DONE)
                    assert await reader.readline() == encode(DONE)
            await desk.until(lambda: desk.left == 2)
            async with peer(path, FOLLOW):
                await desk.until(lambda: len(desk.followers) == 1)

    asyncio.run(scenario())


def test_a_feed_that_is_refused_is_an_ordinary_answer(path: Path, desk: Desk) -> None:
    async def scenario() -> None:
        async with serving(path, desk):
            with pytest.raises(VipdError, match="there is no instance wbe"):
                await asyncio.to_thread(next, follow(path, FollowRequest(name="wbe")))

    asyncio.run(scenario())


def test_the_client_follows_until_the_agent_ends(path: Path, desk: Desk) -> None:
    heard: list[EventReport] = []

    def listen() -> None:
        heard.extend(follow(path, FollowRequest()))

    async def scenario() -> None:
        async with serving(path, desk):
            listening = asyncio.create_task(asyncio.to_thread(listen))
            await desk.until(lambda: bool(desk.followers))
            desk.tell(event(1), event(2))
            await desk.until(lambda: len(heard) == 2)
        with suppress(VipdError):
            await listening
        assert [one.seq for one in heard] == [1, 2]

    asyncio.run(scenario())


def test_closing_lets_every_follower_and_everybody_who_waits_go(path: Path, desk: Desk) -> None:
    async def scenario() -> None:
        async with serving(path, desk) as server:
            order = encode(AnnounceRequest(name="web"))
            async with peer(path, FOLLOW) as (follower, _), peer(path, order) as (waiting, _):
                await desk.until(lambda: bool(desk.followers and desk.waiting))
                await server.close()
                assert await hung_up(follower) == b""
                assert await hung_up(waiting) == b""
                assert (desk.followers, desk.left) == ([], 1)
                desk.waiting.pop()(DONE)

    asyncio.run(scenario())
