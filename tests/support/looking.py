"""One look by a tracker, as the agent makes it, and servers that say what they are told."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeAlias

from vipd.core.config import TrackerConfig
from vipd.core.units import MILLISECOND
from vipd.track.outcome import Outcome
from vipd.track.registry import make

LONG_MS = 5_000
DEADLINE_S = 20.0

Handler: TypeAlias = Callable[[socket.socket], None]


def look(kind: str, timeout_ms: int = LONG_MS, /, **options: object) -> Outcome:
    """What a tracker sees first."""
    config = TrackerConfig(
        name="one",
        kind=kind,
        interval=10 * MILLISECOND,
        timeout=timeout_ms * MILLISECOND,
        options=options,
    )
    return asyncio.run(_first(config))


async def _first(config: TrackerConfig) -> Outcome:
    seen: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
    tracker = make(config)

    def report(outcome: Outcome) -> None:
        tracker.stop()
        seen.set_result(outcome)

    tracker.start(report)
    return await asyncio.wait_for(seen, DEADLINE_S)


class Server:
    """Lets `handle` deal with each connection to a listening socket in turn."""

    def __init__(self, listener: socket.socket, handle: Handler) -> None:
        self._listener = listener
        self._handle = handle
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """Where it listens."""
        port = self._listener.getsockname()[1]
        assert isinstance(port, int)
        return port

    def close(self) -> None:
        """Stop; a connection that is open is dealt with first."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(DEADLINE_S)
        assert not self._thread.is_alive()
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.settimeout(DEADLINE_S)
            with connection, suppress(OSError):
                self._handle(connection)


@contextmanager
def serving(handle: Handler, listener: socket.socket | None = None) -> Iterator[Server]:
    """A server for the length of a block, on a free port of 127.0.0.1."""
    server = Server(listener or socket.create_server(("127.0.0.1", 0)), handle)
    try:
        yield server
    finally:
        server.close()


def saying(*parts: bytes, ask: bool = True, stay: bool = False) -> Handler:
    """Wait for a question, say these parts one after the other, hang up, or wait to be left."""

    def handle(connection: socket.socket) -> None:
        if ask:
            connection.recv(65_536)
        for part in parts:
            connection.sendall(part)
        if not stay:
            connection.shutdown(socket.SHUT_WR)
        while connection.recv(65_536):
            pass

    return handle


@contextmanager
def free_port() -> Iterator[int]:
    """A port of 127.0.0.1 at which nobody listens, though it is taken."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        assert isinstance(port, int)
        yield port
