"""A client that writes to Redis without a pause, and knows what was acknowledged to it.

It runs as a program of its own on a host of the lab. Each write has a key of its own; it counts as
taken when Redis says OK, and as acknowledged when WAIT says that a replica has it as well.
"""

from __future__ import annotations

import socket
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO

from client_program import ClientProgram, tell
from service import Server, need

from vipd.lab.lab import Host, Lab

PORT = 6379
PATIENCE_S = 0.5
WAIT_MS = 500
SETTINGS = {
    "port": str(PORT),
    "bind": "0.0.0.0",
    "protected-mode": "no",
    "save": "",
    "appendonly": "no",
    "repl-diskless-sync-delay": "0",
}
"""A replica that begins to follow need not wait for others that may come, nor for a disk."""


def redis_cli() -> str:
    """Redis' own client."""
    return need("redis-cli", "redis-tools")


def redis_server(host: Host) -> Server:
    """A Redis that keeps everything in memory."""
    settings = {**SETTINGS, "dir": str(host.directory)}
    arguments = [word for key, value in settings.items() for word in (f"--{key}", value)]
    return Server(host, [need("redis-server", "redis-server"), *arguments])


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One write that was taken, and whether a replica has it. Units: seconds."""

    key: str
    at: float
    acknowledged: bool


class Writer(ClientProgram):
    """Writes through an address from a host of the lab, from `with` to the end of the block."""

    def __init__(self, lab: Lab, host: Host, address: str) -> None:
        super().__init__(lab, host, __file__, address)

    def taken(self) -> list[Write]:
        """All that was taken, in order."""
        return [Write(**line) for line in self.lines()]

    def acknowledged(self) -> list[Write]:
        """Those that a replica has, too."""
        return [one for one in self.taken() if one.acknowledged]

    def wait_more(self, count: int) -> None:
        """Wait until so many more are acknowledged."""
        wanted = len(self.acknowledged()) + count
        what = f"{count} writes more are acknowledged"
        self.lab.wait_until(lambda: len(self.acknowledged()) >= wanted, 15, what)

    def wait_taken_after(self, at: float) -> None:
        """Wait until one is taken that was begun after a moment of the monotonic clock."""
        self.lab.wait_until(lambda: self.taken()[-1].at > at, 15, "a write is taken")


def keys(host: Host) -> set[str]:
    """What the Redis of a host has."""
    return set(host.run([redis_cli(), "keys", "*"]).stdout.split())


# -- the program ------------------------------------------------------------------------------


def _ask(stream: BinaryIO, server: socket.socket, *words: str) -> str:
    """One command and the line that answers it. Raises: OSError."""
    parts = [f"${len(word)}\r\n{word}\r\n" for word in words]
    server.sendall(f"*{len(words)}\r\n{''.join(parts)}".encode())
    answer = stream.readline().decode().strip()
    if not answer or answer.startswith("-"):
        raise OSError(f"{words[0]}: {answer}")
    return answer[1:]


def _write(address: str, number: int) -> int:
    """Write over one connection, from this number on, until it breaks; the next number."""
    with suppress(OSError), socket.create_connection((address, PORT), PATIENCE_S) as server:
        server.settimeout(WAIT_MS / 1_000 + PATIENCE_S)
        with server.makefile("rb") as stream:
            while True:
                number += 1
                at, key = time.monotonic(), f"key-{number}"
                _ask(stream, server, "SET", key, str(number))
                replicas = int(_ask(stream, server, "WAIT", "1", str(WAIT_MS)))
                tell(key=key, at=at, acknowledged=replicas >= 1)
    return number


def _play(address: str) -> None:
    """Write until the process is ended."""
    number = 0
    while True:
        number = _write(address, number)


if __name__ == "__main__":
    _play(sys.argv[1])
