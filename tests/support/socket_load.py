"""Everybody at once on a control socket: many who ask, and every kind of peer that misbehaves.

    python socket_load.py SOCKET SECONDS

One hundred ask for the status, again and again. Some send random bytes, some half a request, some
ask and never read, some follow the events and never read those. At the end one JSON line tells what
came of it. Standard library alone: a client shall take the processors from the agent, not from
itself.
"""

from __future__ import annotations

import json
import random
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

ASKING, RANDOM, HALVES, DEAF, FOLLOWING = 100, 4, 4, 8, 8
STATUS = b'{"command": "status"}\n'
FOLLOW = b'{"command": "follow", "after": 0}\n'
PATIENCE_S = 5.0
REST_S = 0.005
"""Between two questions of one client, as a program that polls would wait, but much shorter."""


class Load:
    """What all of the clients share."""

    def __init__(self, path: str, seconds: float) -> None:
        self._path = path
        self._ends = time.monotonic() + seconds
        self._over = threading.Event()
        self.seen: Counter[str] = Counter()
        self.slowest_s = 0.0

    def run(self) -> None:
        """Let all of them loose, to the end."""
        parts = ((ASKING, self._ask), (RANDOM, self._babble), (HALVES, self._stop_halfway))
        stuck = ((DEAF, STATUS), (FOLLOWING, FOLLOW))
        crowd = [
            threading.Thread(target=self._again, args=(do,)) for n, do in parts for _ in range(n)
        ]
        for count, words in stuck:
            crowd += [threading.Thread(target=self._hold, args=(words,)) for _ in range(count)]
        for one in crowd:
            one.start()
        self._over.wait(self._ends - time.monotonic())
        self._over.set()
        for one in crowd:
            one.join()

    def _again(self, do: Callable[[], str]) -> None:
        while not self._over.wait(REST_S):
            began = time.monotonic()
            try:
                came_of_it = do()
            except OSError as error:
                came_of_it = type(error).__name__
            if came_of_it == "answered":
                self.slowest_s = max(self.slowest_s, time.monotonic() - began)
            self.seen[came_of_it] += 1

    def _connect(self) -> socket.socket:
        peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        peer.settimeout(PATIENCE_S)
        with suppress(BlockingIOError):
            peer.connect(self._path)
        return peer

    def _ask(self) -> str:
        with self._connect() as peer, peer.makefile("rb") as lines:
            peer.sendall(STATUS)
            return "answered" if lines.readline().startswith(b'{"ok":true') else "turned away"

    def _babble(self) -> str:
        with self._connect() as peer:
            peer.sendall(random.randbytes(random.randrange(100_000)))
            peer.recv(65_536)
            return "random bytes"

    def _stop_halfway(self) -> str:
        with self._connect() as peer:
            peer.sendall(STATUS[: random.randrange(len(STATUS))])
            if random.random() < 0.5:
                peer.recv(65_536)
            return "half a request"

    def _hold(self, words: bytes) -> None:
        """Ask, and read nothing; again, when nobody is at the other end any more."""
        while not self._over.wait(REST_S):
            with suppress(OSError), self._connect() as peer:
                peer.sendall(words)
                self.seen["deaf"] += 1
                while not self._over.wait(REST_S):
                    peer.sendall(b"\n")


if __name__ == "__main__":
    load = Load(sys.argv[1], float(sys.argv[2]))
    load.run()
    sys.stdout.write(json.dumps({"seen": load.seen, "slowest_s": load.slowest_s}) + "\n")
