"""A client that asks an address for its page, again and again, and tells who answered.

`failover` runs it on the client of the lab, from the standard library alone, with the address.
Every request is a connection of its own and becomes one JSON line, once it is answered or given up:

    {"sent": 12.345, "owner": "h1"}      seconds of this host's monotonic clock; null: no answer

It ends when its standard input does: with the connection that it was started over.
"""

# ruff: noqa: INP001 - it is no module of a package; it goes to the client as text.
from __future__ import annotations

import argparse
import json
import selectors
import socket
import sys
import time
from collections import deque
from dataclasses import dataclass

INTERVAL_S = 0.05
GIVE_UP_S = 0.9
"""Shorter than TCP takes to ask again, which is a second: a request that was lost stays lost."""

PORT = 80
REQUEST = b"GET / HTTP/1.0\r\n\r\n"
MOST_BYTES = 4096


@dataclass(slots=True)
class Request:
    """One request that is not decided."""

    sent: float
    connection: socket.socket
    answer: bytes = b""


class Prober:
    """The asking of one address."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._selector = selectors.DefaultSelector()
        self._selector.register(sys.stdin, selectors.EVENT_READ)
        self._waiting: deque[Request] = deque()

    def run(self) -> None:
        """Ask until the standard input ends."""
        due = time.monotonic()
        while True:
            now = time.monotonic()
            if now >= due:
                self._ask(now)
                due = max(due + INTERVAL_S, now)
            for key, _ in self._selector.select(max(0.0, due - time.monotonic())):
                if key.fileobj is sys.stdin:
                    return
                self._go_on(key.data)
            self._give_up(time.monotonic() - GIVE_UP_S)

    def _ask(self, now: float) -> None:
        connection = socket.socket()
        connection.setblocking(False)
        request = Request(sent=now, connection=connection)
        self._waiting.append(request)
        connection.connect_ex((self._address, PORT))
        self._selector.register(connection, selectors.EVENT_WRITE, request)

    def _go_on(self, request: Request) -> None:
        """Send the request when the connection stands, then read until its end."""
        connection = request.connection
        try:
            if self._selector.get_key(connection).events == selectors.EVENT_WRITE:
                connection.send(REQUEST)
                self._selector.modify(connection, selectors.EVENT_READ, request)
            elif part := connection.recv(MOST_BYTES):
                request.answer += part
            else:
                self._decide(request)
        except OSError:
            request.answer = b""
            self._decide(request)

    def _give_up(self, before: float) -> None:
        while self._waiting and self._waiting[0].sent < before:
            self._decide(self._waiting[0])

    def _decide(self, request: Request) -> None:
        self._waiting.remove(request)
        self._selector.unregister(request.connection)
        request.connection.close()
        told = {"sent": request.sent, "owner": owner_in(request.answer)}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


def owner_in(answer: bytes) -> str | None:
    """Who has answered: the page is the name of the host. None when it is not a whole answer."""
    head, _, body = answer.partition(b"\r\n\r\n")
    return body.decode().strip() or None if head.split()[1:2] == [b"200"] else None


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Ask an address for its page, tell who answered.")
    parser.add_argument("address")
    Prober(parser.parse_args().address).run()


if __name__ == "__main__":
    main()
