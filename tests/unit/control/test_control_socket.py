"""Server and client together, on a real socket: the ordinary exchange and every bad peer."""

from __future__ import annotations

import asyncio
import fcntl
import os
import select
import socket
import stat
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import pytest

from vipd.control.access import Caller
from vipd.control.client import NoAgent, ask
from vipd.control.handler import Feed, Respond
from vipd.control.messages import (
    ErrorReply,
    FollowRequest,
    Reply,
    Request,
    StatusReply,
    StatusRequest,
    decode_reply,
    encode,
)
from vipd.control.report import AgentReport
from vipd.control.server import LIMITS, ControlServer, Limits
from vipd.errors import VipdError

QUICK = Limits(request_s=0.05, reply_s=0.05)
LONG = 5.0
"""Units: seconds. What a test waits before it counts as failed; never what it takes."""

REPORT = AgentReport(
    node="alpha",
    version="0.1.0",
    generated_at="2026-01-02T03:04:05.678Z",
    uptime_s=1.0,
    instances=(),
)
REQUEST = StatusRequest()
REPLY = StatusReply(status=REPORT)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "control.sock"


def answer(request: Request, _: Caller, respond: Respond) -> None:
    assert isinstance(request, StatusRequest)
    respond(REPLY if request.name is None else ErrorReply(error=request.name))


@asynccontextmanager
async def serving(path: Path, limits: Limits = LIMITS) -> AsyncIterator[ControlServer]:
    """A server on the running loop, whose handler of unhandled errors fails the test."""
    raised: list[dict[str, object]] = []
    before = asyncio.all_tasks()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: raised.append(context))
    server = ControlServer(path, answer, limits)
    await server.start()
    try:
        yield server
    finally:
        await server.close()
        assert asyncio.all_tasks() == before
        assert raised == []


async def asked(path: Path, request: StatusRequest = REQUEST) -> Reply:
    return await asyncio.to_thread(ask, path, request, timeout_s=LONG)


async def served(path: Path) -> Reply:
    """Ask until there is room for one more connection."""

    def insist() -> Reply:
        deadline = time.monotonic() + LONG
        while isinstance(reply := ask(path, REQUEST), ErrorReply):
            assert time.monotonic() < deadline, reply.error
        return reply

    return await asyncio.to_thread(insist)


@asynccontextmanager
async def peer(
    path: Path,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    async with asyncio.timeout(LONG):
        reader, writer = await asyncio.open_unix_connection(path)
        try:
            yield reader, writer
        finally:
            writer.close()
            with suppress(ConnectionResetError, BrokenPipeError):
                await writer.wait_closed()


async def error_in(reader: asyncio.StreamReader) -> str:
    """Read the one line that the server has for a bad peer, then the end of the connection."""
    reply = decode_reply(await reader.readline(), REQUEST)
    assert isinstance(reply, ErrorReply)
    with suppress(ConnectionResetError):
        assert await reader.read() == b""
    return reply.error


# -- the ordinary way -------------------------------------------------------------------------


def test_a_request_is_answered(path: Path) -> None:
    async def scenario() -> None:
        async with serving(path):
            assert await asked(path) == REPLY
            assert await asked(path, StatusRequest(name="web")) == ErrorReply(error="web")

    asyncio.run(scenario())


def test_a_connection_is_one_request_one_reply_and_the_end(path: Path) -> None:
    async def scenario() -> None:
        async with serving(path), peer(path) as (reader, writer):
            writer.write(2 * encode(REQUEST))
            assert await reader.readline() == encode(REPLY)
            assert await reader.read() == b""

    asyncio.run(scenario())


def test_a_request_may_come_byte_by_byte(path: Path) -> None:
    async def scenario() -> None:
        async with serving(path), peer(path) as (reader, writer):
            for byte in encode(REQUEST):
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(0)
            assert await reader.readline() == encode(REPLY)

    asyncio.run(scenario())


def test_a_request_of_exactly_the_limit_is_answered(path: Path) -> None:
    async def scenario() -> None:
        async with serving(path):
            line = encode(REQUEST)[:-1].ljust(LIMITS.request_bytes) + b"\n"
            async with peer(path) as (reader, writer):
                writer.write(line)
                assert await reader.readline() == encode(REPLY)
            async with peer(path) as (reader, writer):
                writer.write(b" " + line)
                assert await error_in(reader) == "a request has at most 65536 bytes"

    asyncio.run(scenario())


def test_many_are_answered_at_once(path: Path) -> None:
    async def scenario() -> None:
        async with serving(path):
            assert set(map(encode, await asyncio.gather(*(asked(path) for _ in range(40))))) == {
                encode(REPLY)
            }

    asyncio.run(scenario())


# -- bad peers --------------------------------------------------------------------------------


@pytest.mark.parametrize("garbage", [b"\x00\xff\n", b"GET / HTTP/1.1\r\n\r\n", b"\n", b"{}\n"])
def test_garbage_gets_an_error(path: Path, garbage: bytes) -> None:
    async def scenario() -> None:
        async with serving(path):
            async with peer(path) as (reader, writer):
                writer.write(garbage)
                assert "not a request" in await error_in(reader)
            assert await asked(path) == REPLY

    asyncio.run(scenario())


def test_half_a_line_gets_an_error_when_the_peer_ends_it_there(path: Path) -> None:
    async def scenario() -> None:
        async with serving(path), peer(path) as (reader, writer):
            writer.write(b'{"command": "sta')
            writer.write_eof()
            assert await error_in(reader) == "the request ended before its newline"

    asyncio.run(scenario())


def test_half_a_line_gets_an_error_when_the_rest_does_not_come(path: Path) -> None:
    async def scenario() -> None:
        async with serving(path, QUICK), peer(path) as (reader, writer):
            writer.write(b'{"command": "sta')
            assert await error_in(reader) == "no request within 0.05 s"

    asyncio.run(scenario())


def flood(path: Path, data: bytes) -> tuple[bytes, int]:
    """Send until the server hangs up; return its line, and how much went out."""
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(LONG)
        peer.connect(str(path))
        sent = 0
        with suppress(BrokenPipeError, ConnectionResetError):
            while sent < len(data):
                sent += peer.send(data[sent : sent + 65536])
        return peer.makefile("rb").readline(), sent


def test_ten_megabytes_get_an_error_and_are_not_read(path: Path) -> None:
    async def scenario() -> None:
        async with serving(path):
            line, sent = await asyncio.to_thread(flood, path, 10_000_000 * b"x")
            assert decode_reply(line, REQUEST) == ErrorReply(
                error="a request has at most 65536 bytes"
            )
            assert sent < 1_000_000
            assert await asked(path) == REPLY

    asyncio.run(scenario())


def test_ten_megabytes_after_the_request_do_no_harm(path: Path) -> None:
    async def scenario() -> None:
        async with serving(path):
            line, sent = await asyncio.to_thread(flood, path, encode(REQUEST) + 10_000_000 * b"x")
            assert line == encode(REPLY)
            assert sent < 1_000_000

    asyncio.run(scenario())


def test_a_silent_peer_is_hung_up_on(path: Path) -> None:
    async def scenario() -> None:
        async with serving(path, QUICK), peer(path) as (reader, _):
            assert await error_in(reader) == "no request within 0.05 s"

    asyncio.run(scenario())


def test_a_peer_that_comes_and_goes_leaves_nothing(path: Path) -> None:
    async def scenario() -> None:
        async with serving(path, Limits(connections=1)):
            for goodbye in (b"", b"{", encode(REQUEST)):
                async with peer(path) as (_, writer):
                    writer.write(goodbye)
                assert await served(path) == REPLY

    asyncio.run(scenario())


def test_a_peer_that_never_reads_is_hung_up_on(path: Path) -> None:
    def at_length(_: Request, __: Caller, respond: Respond) -> None:
        respond(ErrorReply(error=4_000_000 * "x"))

    async def scenario() -> None:
        server = ControlServer(path, at_length, QUICK)
        await server.start()
        with socket.socket(socket.AF_UNIX) as stubborn:
            stubborn.connect(str(path))
            stubborn.sendall(encode(REQUEST))
            await asyncio.to_thread(wait_for_hang_up, stubborn)
            taken = await asyncio.to_thread(read_all, stubborn)
        assert 0 < len(taken) < 4_000_000
        assert not taken.endswith(b"\n")
        await server.close()

    asyncio.run(scenario())


def wait_for_hang_up(peer: socket.socket) -> None:
    """Wait until the other end is closed, without reading what it has sent."""
    poll = select.poll()
    poll.register(peer, 0)
    assert poll.poll(1000 * LONG), "the server should have hung up"


def read_all(peer: socket.socket) -> bytes:
    peer.settimeout(LONG)
    return b"".join(iter(lambda: peer.recv(65536), b""))


def test_more_peers_than_fit_are_told_so_until_there_is_room(path: Path) -> None:
    async def scenario() -> None:
        async with serving(path, Limits(connections=2)):
            async with peer(path), peer(path):
                refusal = await asked(path)
                assert refusal == ErrorReply(error="2 connections are open already; try again")
            assert await served(path) == REPLY

    asyncio.run(scenario())


def test_closing_hangs_up_on_everybody(path: Path) -> None:
    async def scenario() -> None:
        async with peer_and_server(path) as (reader, server):
            await server.close()
            with suppress(ConnectionResetError):
                assert await reader.read() == b""

    asyncio.run(scenario())


@asynccontextmanager
async def peer_and_server(path: Path) -> AsyncIterator[tuple[asyncio.StreamReader, ControlServer]]:
    async with serving(path) as server, peer(path) as (reader, writer):
        writer.write(b"{")
        assert await asked(path) == REPLY  # by now the peer has been accepted
        yield reader, server


# -- the place --------------------------------------------------------------------------------


def test_the_socket_is_for_its_owner_and_group_in_a_directory_for_all(tmp_path: Path) -> None:
    path = tmp_path / "run" / "vipd" / "control.sock"

    async def scenario() -> None:
        async with serving(path):
            assert stat.S_IMODE(path.stat().st_mode) == 0o660
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o755

    before = os.umask(0o077)
    try:
        asyncio.run(scenario())
    finally:
        os.umask(before)


def test_a_directory_that_is_there_keeps_its_mode(path: Path) -> None:
    path.parent.chmod(0o700)

    async def scenario() -> None:
        async with serving(path):
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700

    asyncio.run(scenario())


def test_a_second_agent_is_refused_and_the_first_goes_on(path: Path) -> None:
    async def scenario() -> None:
        async with serving(path):
            second = ControlServer(path, answer)
            with pytest.raises(VipdError) as refusal:
                await second.start()
            assert str(refusal.value) == (
                f"another vipd agent already answers on {path} (pid {os.getpid()}): "
                "stop it first, or give this one a control_socket of its own"
            )
            await second.close()
            assert await asked(path) == REPLY

    asyncio.run(scenario())


def test_an_agent_that_has_not_yet_said_its_pid_refuses_too(path: Path) -> None:
    with Path(f"{path}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(VipdError, match=r"already answers on \S+control.sock: stop it first"):
            asyncio.run(ControlServer(path, answer).start())


def test_a_socket_that_was_left_behind_is_replaced(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    Path(f"{path}.lock").write_text("4194304\n")

    async def scenario() -> None:
        async with serving(path):
            assert await asked(path) == REPLY

    asyncio.run(scenario())
    assert Path(f"{path}.lock").read_text() == f"{os.getpid()}\n"


def test_after_close_the_socket_is_gone_and_the_place_is_free(path: Path) -> None:
    async def scenario() -> None:
        async with serving(path):
            assert await asked(path) == REPLY

    for _ in range(2):
        asyncio.run(scenario())
        assert not path.exists()
        with Path(f"{path}.lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_closing_twice_or_before_the_start_is_harmless(path: Path) -> None:
    async def scenario() -> None:
        server = ControlServer(path, answer)
        await server.close()
        await server.start()
        await server.close()
        await server.close()

    asyncio.run(scenario())


def test_what_is_not_a_socket_is_not_replaced(path: Path) -> None:
    path.write_text("precious")
    with pytest.raises(VipdError, match="something that is not a socket"):
        asyncio.run(ControlServer(path, answer).start())
    assert path.read_text() == "precious"
    with Path(f"{path}.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_place_that_cannot_be_had_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(VipdError, match=r"cannot listen on \S+/file/x.sock: Not a directory"):
        asyncio.run(ControlServer(tmp_path / "file" / "x.sock", answer).start())
    with pytest.raises(VipdError, match=r"cannot listen on .*path too long"):
        asyncio.run(ControlServer(tmp_path / (200 * "x"), answer).start())


# -- a client without an agent ----------------------------------------------------------------


@contextmanager
def impostor(path: Path, said: bytes) -> Iterator[None]:
    """Something that listens, reads a line, says something and hangs up."""

    def speak() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(said)

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        thread = threading.Thread(target=speak)
        thread.start()
        yield
        thread.join(LONG)
        assert not thread.is_alive()


def test_without_a_socket_the_error_says_how_to_start_an_agent(path: Path) -> None:
    with pytest.raises(NoAgent) as error:
        ask(path, REQUEST)
    assert str(error.value) == (
        f"no vipd agent answers on {path}: there is no such socket.\n"
        "Start one with `systemctl start vipd`, or in the foreground with `vipd run`."
    )


def test_a_socket_without_an_agent_says_how_to_start_one(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with pytest.raises(NoAgent, match=r"nobody listens\.\nStart one with `systemctl start vipd`"):
        ask(path, REQUEST)


@contextmanager
def nobody() -> Iterator[None]:
    """Be a user without privileges, if this one is root."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(before)


def test_a_socket_that_is_not_for_this_user_says_who_may_ask(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as agent:
        agent.bind(str(path))
        agent.listen()
        path.parent.chmod(0)
        try:
            with nobody(), pytest.raises(NoAgent, match=r"may not open the socket\.\nAsk as root"):
                ask(path, REQUEST)
        finally:
            path.parent.chmod(0o700)


def test_an_agent_that_hangs_is_not_waited_for(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as hung:
        hung.bind(str(path))
        hung.listen()
        with pytest.raises(NoAgent, match=r"said nothing for 0\.05 s\.\n.*systemctl restart vipd"):
            ask(path, REQUEST, timeout_s=0.05)


def test_an_agent_that_accepts_nobody_is_not_waited_for(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as hung, socket.socket(socket.AF_UNIX) as first:
        hung.bind(str(path))
        hung.listen(0)
        first.connect(str(path))
        with pytest.raises(NoAgent, match="does not accept connections"):
            ask(path, REQUEST, timeout_s=0.05)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"", "it hung up before it had answered"),
        (b'{"ok": true', "it hung up before it had answered"),
        (b"220 mail.example ESMTP\n", "the reply cannot be understood"),
        (17_000_000 * b"x", "it says more than an agent would"),
    ],
)
def test_something_else_that_listens_is_told_apart(path: Path, said: bytes, why: str) -> None:
    with impostor(path, said), pytest.raises(NoAgent, match=why):
        ask(path, REQUEST)


def test_a_path_that_no_socket_can_have_is_told_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(NoAgent, match="path too long"):
        ask(tmp_path / (200 * "x"), REQUEST)


# -- those who follow, and those who wait ------------------------------------------------------


@asynccontextmanager
async def feeding(path: Path, limits: Limits) -> AsyncIterator[None]:
    """A server where whoever asks for everything follows instead, and hears nothing."""
    feed = Feed(lambda _: lambda: None)

    def give(request: Request, _: Caller, respond: Respond) -> Feed | None:
        if isinstance(request, FollowRequest):
            return feed
        respond(REPLY)
        return None

    server = ControlServer(path, give, limits)
    await server.start()
    try:
        yield
    finally:
        await server.close()


def test_who_follows_and_talks_on_is_hung_up_on(path: Path) -> None:
    async def play() -> None:
        async with feeding(path, LIMITS):
            reader, writer = await asyncio.open_unix_connection(path)
            writer.write(encode(FollowRequest()))
            with suppress(OSError):
                for _ in range(1000):
                    writer.write(b"x" * 65536)
                    await writer.drain()
            assert writer.is_closing() or await reader.read() == b""
            writer.close()

    asyncio.run(asyncio.wait_for(play(), LONG))


def test_who_waits_for_long_is_told_how_to_go_on(path: Path) -> None:
    async def play() -> None:
        server = ControlServer(path, lambda _, __, ___: None, Limits(answer_s=0.05))
        await server.start()
        reply = await asked(path)
        assert reply == ErrorReply(error="not known after 0.05 s how it ended: see `vipd status`")
        await server.close()

    asyncio.run(asyncio.wait_for(play(), LONG))
