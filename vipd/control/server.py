"""The agent's end of the control socket.

Theory of operation. A connection is one request line, one reply line and the end. Connections are
protocols with one deadline each, not tasks: a peer that misbehaves costs a buffer of bounded size
for a bounded time. The handler is a plain function on the loop: it must be quick and sees the
machines between two events, never in the middle of one. It gives the reply, or, where that has to
be waited for, takes what is to be called with it; or it gives a feed, whose events go to the peer
for as long as it reads them. An exception of the handler is a bug of ours and goes to the loop's
exception handler; nothing that a peer sends raises.

Who asks is told by the kernel (`Caller`); the handler decides what that caller may ask for.

One agent per socket. That is decided by a lock on `<socket>.lock`, which the kernel drops with
the process, however it ends; so whoever holds it may replace a socket file that was left behind.
The lock file stays when the agent goes. If it were removed, a second agent could have opened it
just before and lock a file without a name, while a third creates and locks a new one: both would
believe that they are alone.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vipd.control.access import caller_of, let_group_look
from vipd.control.handler import Feed, Handler
from vipd.control.messages import ErrorReply, Reply, Request, decode_request, encode
from vipd.control.report import EventReport
from vipd.errors import VipdError

SOCKET_MODE: Final = 0o660
DIRECTORY_MODE: Final = 0o755


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the control socket grants its peers. Units: as the names end."""

    request_bytes: int = 64 * 1024
    request_s: float = 2.0
    answer_s: float = 600.0
    reply_s: float = 2.0
    connections: int = 64
    feed_bytes: int = 1024 * 1024
    feeds: int = 32


LIMITS: Final = Limits()


class ControlServer:
    """Answers requests on a unix socket."""

    def __init__(self, path: Path, handler: Handler, limits: Limits = LIMITS) -> None:
        self._path = path
        self._handler = handler
        self._limits = limits
        self._open: set[_Connection] = set()
        self._server: asyncio.Server | None = None
        self._place = ExitStack()

    async def start(self) -> None:
        """Take the socket and begin to answer.

        Raises: VipdError when another agent has the socket, or when it cannot be made.
        """
        with ExitStack() as undo:
            listener = self._take_place(undo)
            self._server = await asyncio.get_running_loop().create_unix_server(
                self._connection, sock=listener, backlog=self._limits.connections
            )
            self._place = undo.pop_all()

    async def close(self) -> None:
        """End every connection, remove the socket and let the next agent have its place.

        Order: the lock goes last, so that nobody else's socket is ever removed.
        """
        if self._server is not None:
            self._server.close()
            ended = [connection.abort() for connection in self._open]
            await asyncio.gather(*ended)
            await self._server.wait_closed()
            self._server = None
        self._place.close()

    def _take_place(self, undo: ExitStack) -> socket.socket:
        try:
            _make_directory(self._path.parent)
            undo.enter_context(_lock(self._path))
            return undo.enter_context(_bind(self._path))
        except OSError as error:
            raise VipdError(f"cannot listen on {self._path}: {error.strerror or error}") from error

    def _connection(self) -> _Connection:
        return _Connection(self._handler, self._limits, self._open)


class _Connection(asyncio.Protocol):
    """One peer: it is waiting for the request, for the answer, for that to be taken, then gone."""

    _transport: asyncio.Transport
    _deadline: asyncio.TimerHandle
    _ended: asyncio.Future[None]

    def __init__(self, handler: Handler, limits: Limits, others: set[_Connection]) -> None:
        self._handler = handler
        self._limits = limits
        self._others = others
        self._received = bytearray()
        self._asked = self._feeding = False
        self._follows = False
        self._detach: Callable[[], None] = lambda: None

    def abort(self) -> asyncio.Future[None]:
        """End the connection at once; the future tells when it has."""
        self._transport.abort()
        return self._ended

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport), "a unix stream"
        loop = asyncio.get_running_loop()
        self._transport = transport
        self._ended = loop.create_future()
        self._deadline = loop.call_later(self._limits.request_s, self._give_up_waiting)
        crowded = len(self._others) >= self._limits.connections
        self._others.add(self)
        if crowded:
            self._refuse(f"{self._limits.connections} connections are open already; try again")

    def data_received(self, data: bytes) -> None:
        if self._follows:
            self._transport.abort()
        if self._asked:
            return
        self._received += data
        end = self._received.find(b"\n", len(self._received) - len(data))
        if end < 0 and len(self._received) <= self._limits.request_bytes:
            return
        if not 0 <= end <= self._limits.request_bytes:
            self._refuse(f"a request has at most {self._limits.request_bytes} bytes")
            return
        request = decode_request(bytes(self._received[:end]))
        if isinstance(request, ErrorReply):
            self._reply(request)
        else:
            self._serve(request)

    def eof_received(self) -> bool:
        if not self._asked:
            self._refuse("the request ended before its newline")
        return self._asked and not self._feeding

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._deadline.cancel()
        self._detach()
        self._others.discard(self)
        self._ended.set_result(None)

    def _serve(self, request: Request) -> None:
        """Let the request be answered. The peer has nothing more to say."""
        self._asked = True
        self._received.clear()
        self._deadline.cancel()
        loop = asyncio.get_running_loop()
        late = f"not known after {self._limits.answer_s:g} s how it ended: see `vipd status`"
        self._deadline = loop.call_later(self._limits.answer_s, self._refuse, late)
        caller = caller_of(self._transport.get_extra_info("socket"))
        if feed := self._handler(request, caller, self._reply):
            self._feeding = True
            self._feed(feed)

    def _feed(self, feed: Feed) -> None:
        """Let the peer follow for as long as it reads.

        Why: who follows may stay for ever, and must leave room for who asks or orders.
        """
        if sum(one._follows for one in self._others) >= self._limits.feeds:  # noqa: SLF001
            self._refuse(f"{self._limits.feeds} follow the events already; try again")
            return
        self._follows = True
        self._deadline.cancel()
        self._detach = feed.attach(self._pass_on)

    def _pass_on(self, event: EventReport) -> None:
        """One more event for a peer that follows; one that does not read is let go."""
        if self._transport.get_write_buffer_size() > self._limits.feed_bytes:
            self._transport.abort()
        elif not self._transport.is_closing():
            self._transport.write(encode(event))

    def _give_up_waiting(self) -> None:
        self._refuse(f"no request within {self._limits.request_s:g} s")

    def _refuse(self, why: str) -> None:
        self._reply(ErrorReply(error=why))

    def _reply(self, reply: Reply | bytes) -> None:
        """Answer and hang up. The transport reads no more, and ends when all is written."""
        if self._transport.is_closing():
            return
        self._asked = True
        self._received.clear()
        self._deadline.cancel()
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(self._limits.reply_s, self._transport.abort)
        self._transport.write(reply if isinstance(reply, bytes) else encode(reply))
        self._transport.close()


def _make_directory(directory: Path) -> None:
    """Make the socket's directory, if it is missing, open to all whatever the umask."""
    try:
        directory.mkdir(parents=True)
    except FileExistsError:
        return
    directory.chmod(DIRECTORY_MODE)


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Be the only agent on this socket. Raises: VipdError when another one is."""
    with Path(f"{path}.lock").open("a+", encoding="ascii", errors="replace") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise VipdError(_taken(path, file.read().strip())) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def _taken(path: Path, pid: str) -> str:
    who = f" (pid {pid})" if pid else ""
    way_out = "stop it first, or give this one a control_socket of its own"
    return f"another vipd agent already answers on {path}{who}: {way_out}"


@contextmanager
def _bind(path: Path) -> Iterator[socket.socket]:
    """Make the socket file. The caller holds the lock, so a socket that is there is stale.

    Order: nobody can connect before the socket listens, and by then its mode is right.
    """
    if path.exists() and not path.is_socket():
        raise VipdError(f"cannot listen on {path}: there is something that is not a socket")
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(os.fspath(path))
        try:
            let_group_look(path)
            path.chmod(SOCKET_MODE)
            yield listener
        finally:
            path.unlink(missing_ok=True)
