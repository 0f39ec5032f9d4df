"""A look from the outside: partial writes, several addresses, cancelling, and what stays open."""

from __future__ import annotations

import asyncio
import errno
import select
import socket
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from looking import DEADLINE_S, free_port, saying, serving

from vipd.core.units import MILLISECOND, SECOND
from vipd.track.connection import Finding, Look, Reply, in_words, printable
from vipd.track.outcome import Outcome
from vipd.track.readiness import readiness
from vipd.track.target import Endpoint, Target, unix

MUCH = 8 * 2**20


class Talk:
    """Says a lot, and is content with the first answer, or never."""

    def __init__(self, *, says: int = 0, content: bool = True) -> None:
        self._says = says
        self._content = content

    def begin(self) -> bytes:
        return bytes(self._says)

    def take(self, data: bytes) -> Reply:
        return Finding(ok=True, text=f"heard {data.decode()}") if self._content else b""

    def end(self) -> Finding:
        return Finding(ok=False, text="hung up")

    def stuck(self) -> str:
        return "no answer"


def look_at(target: Target, talk: Talk) -> Outcome:
    """What a look says."""

    async def scenario() -> Outcome:
        done: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        look = Look(5 * SECOND, talk, done.set_result)
        look.begin(target)
        outcome = await asyncio.wait_for(done, DEADLINE_S)
        look.cancel()
        return outcome

    return asyncio.run(scenario())


def local(port: int) -> Endpoint:
    (endpoint,) = Target("127.0.0.1", port).endpoints
    return endpoint


def test_what_does_not_go_out_at_once_goes_out_later() -> None:
    def count(connection: socket.socket) -> None:
        left = MUCH
        while left:
            left -= len(connection.recv(2**20))
        connection.sendall(b"all")
        connection.recv(1)

    with serving(count) as server:
        assert look_at(Target.at(local(server.port)), Talk(says=MUCH)).text == "heard all"


def test_the_next_address_of_a_name_is_tried() -> None:
    with free_port() as port, serving(saying(b"you", ask=False)) as server:
        target = Target.at(local(port), local(server.port))
        assert look_at(target, Talk()).text == "heard you"
        refused = look_at(Target.at(local(port), local(port)), Talk())
    assert refused.text == f"connection refused by 127.0.0.1:{port}"


def test_a_server_that_never_ends_is_left() -> None:
    with serving(saying(*(64 * [bytes(2**16)]), ask=False)) as server:
        outcome = look_at(Target.at(local(server.port)), Talk(content=False))
        assert outcome.text == f"127.0.0.1:{server.port} answers without end"


def test_a_queue_that_is_full(tmp_path: Path) -> None:
    path = str(tmp_path / "full.sock")
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as first:
        listener.bind(path)
        listener.listen(0)
        first.connect(path)
        outcome = look_at(Target.at(unix(path)), Talk())
    assert outcome.text == f"the queue of {path} is full: the server accepts nothing"


def descriptors() -> set[str]:
    """What this process has open."""
    found = set()
    for each in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # One of them was there to list them.
            found.add(str(each.readlink()))
    return found


def cancelled(endpoint: Endpoint) -> list[Outcome]:
    """What a look says that is cancelled at once, twice; whatever it opened is closed then."""
    said: list[Outcome] = []

    async def scenario() -> None:
        readiness()  # It stays for as long as the loop.
        before = descriptors()
        look = Look(50 * MILLISECOND, Talk(), said.append)
        look.begin(Target.at(endpoint))
        look.cancel()
        look.cancel()
        assert descriptors() == before

    asyncio.run(scenario())
    return said


def test_a_look_that_is_cancelled_says_how_far_it_came_and_only_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        (outcome,) = cancelled(local(silent.getsockname()[1]))
    assert outcome.text.startswith("no answer within 50 ms (connected after ")
    assert outcome.text.endswith(": the server is stuck)")
    with free_port() as port:
        (outcome,) = cancelled(local(port))
    assert outcome.text == f"connection refused by 127.0.0.1:{port}"


def test_an_answer_that_has_come_counts_even_if_nobody_has_heard_it_in_time() -> None:
    """So it is when this host was suspended: packets before timers, always."""
    said: list[Outcome] = []

    async def scenario() -> None:
        look = Look(50 * MILLISECOND, Talk(), said.append)
        look.begin(Target.at(local(server.port)))
        assert look._socket is not None
        assert select.select([look._socket], [], [], DEADLINE_S)[0]
        look.cancel()

    with serving(saying(b"you", ask=False)) as server:
        asyncio.run(scenario())
    assert [outcome.text for outcome in said] == ["heard you"]


def test_a_queue_of_tcp_that_is_full_lets_nobody_in() -> None:
    """So it is when a server has been frozen for long: the kernel drops what asks to be let in."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as frozen, ExitStack() as stack:
        address = frozen.getsockname()
        for _ in range(4):
            asking = stack.enter_context(socket.socket())
            asking.setblocking(False)
            asking.connect_ex(address)
        (outcome,) = cancelled(local(address[1]))
    assert outcome.text.startswith(f"no connection to 127.0.0.1:{address[1]} within 50 ms (neither")


def test_a_connection_that_is_reset() -> None:
    def reset(connection: socket.socket) -> None:
        linger = (1).to_bytes(4, "little") + bytes(4)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    with serving(reset) as server:
        label = f"127.0.0.1:{server.port}"
        assert look_at(Target.at(local(server.port)), Talk()).text == f"connection reset by {label}"


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (errno.EHOSTUNREACH, "no route to x: nobody on the link, or a router, knows that host"),
        (errno.EIO, "x: input/output error"),
        (None, "x: it cannot be asked"),
    ],
)
def test_errors_are_words(error: int | None, text: str) -> None:
    assert in_words(error, "x") == text


def test_what_strangers_say_is_made_harmless() -> None:
    assert printable(b"\x1b[31m a\r\nb\xff") == "[31m a  b\ufffd"
    assert printable(100 * b"x") == 60 * "x" + "..."
