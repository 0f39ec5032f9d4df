"""Whether a Redis server serves, in the role that it should have, and how far behind it is.

Theory of operation. All that is to be asked is asked at once and the answers are read in order:
AUTH where there is a password, PING, and INFO replication where a role or a lag is asked for. ROLE
would be shorter, but it does not say how old a replica's data is.

The lag of a replica is the time since it last heard from its master, in whole seconds. A master
without writes is heard every `repl-ping-replica-period`, which is 10 s: less is never safe to ask.

Sources: https://redis.io/docs/latest/develop/reference/protocol-spec/, /commands/info/.
"""

from __future__ import annotations

import socket
from typing import Final

from vipd.core.config import TrackerConfig
from vipd.track.connection import Dialogue, Finding, printable
from vipd.track.outcome import Tracker
from vipd.track.polling import Polling
from vipd.track.target import Target, unix

PORT: Final = 6379
_ANSWERS_MAX: Final = 64 * 1024
_LINE_MAX: Final = 1024
_ROLES: Final = {"master": "master", "slave": "replica"}
_IN_WORDS: Final = {
    "LOADING": "Redis is still loading its data (LOADING)",
    "NOAUTH": "Redis wants a password (NOAUTH)",
    "WRONGPASS": "Redis refuses the password (WRONGPASS)",
    "NOPERM": "the user may not ask this (NOPERM)",
    "DENIED": "Redis is in protected mode and refuses this host (DENIED)",
    "MASTERDOWN": "the link to the master is down, and stale data is not served (MASTERDOWN)",
    "BUSY": "Redis is busy with a script (BUSY)",
    "MISCONF": "Redis cannot save to its disk (MISCONF)",
}


class Wish:
    """What a server is asked, and what it must be."""

    __slots__ = ("_lag_max", "_role", "answers", "request")

    def __init__(
        self, *, password: str | None = None, role: str | None = None, lag_max: int | None = None
    ) -> None:
        self._role = role
        self._lag_max = lag_max
        commands: list[tuple[str, ...]] = [("AUTH", password)] if password else []
        commands.append(("PING",))
        if role is not None or lag_max is not None:
            commands.append(("INFO", "replication"))
        self.answers = len(commands)
        self.request = b"".join(map(_command, commands))

    def judge(self, last: bytes) -> Finding:
        """What the last answer means; the others were no errors."""
        if self._role is None and self._lag_max is None:
            return Finding(ok=True, text="PONG", timed=True)
        facts = dict(
            line.partition(":")[::2] for line in last.decode("utf-8", "replace").splitlines()
        )
        role = _ROLES.get(facts.get("role", ""))
        if role is None:
            return Finding(ok=False, text="Redis does not say whether it is master or replica")
        if self._role not in (None, role):
            return Finding(ok=False, text=role, timed=True, detail=f", wanted {self._role}")
        return self._judge_replica(facts) if role == "replica" else _good_master(facts)

    def _judge_replica(self, facts: dict[str, str]) -> Finding:
        """A replica is as good as its link, where its lag matters."""
        master = printable(f"{facts.get('master_host')}:{facts.get('master_port')}".encode())
        up = facts.get("master_link_status") == "up"
        behind = _number(facts.get("master_last_io_seconds_ago", ""))
        if not up:
            syncing = facts.get("master_sync_in_progress") == "1"
            state = "is copying its data" if syncing else "is down"
            down = _number(facts.get("master_link_down_since_seconds", ""))
            since = f" for {down} s" if down is not None and not syncing else ""
            text = f"replica, but the link to its master {master} {state}{since}"
            return Finding(ok=self._lag_max is None, text=text)
        if behind is None:
            return Finding(ok=self._lag_max is None, text=f"replica of {master}, its lag unknown")
        text = f"replica of {master}, which it heard {behind} s ago"
        if self._lag_max is not None and behind > self._lag_max:
            return Finding(ok=False, text=f"{text}, wanted at most {self._lag_max} s")
        return Finding(ok=True, text=text)


class Questions:
    """The questions of one look, and their answers."""

    __slots__ = ("_buffer", "_left", "_wish")

    def __init__(self, wish: Wish) -> None:
        self._wish = wish
        self._buffer = b""
        self._left = wish.answers

    def begin(self) -> bytes:
        """Ask everything."""
        return self._wish.request

    def take(self, data: bytes) -> bytes | Finding:
        """Read what is complete."""
        self._buffer += data
        while (found := read_answer(self._buffer)) is not None:
            kind, value, size = found
            if kind != b"+" and kind != b"$":
                return Finding(ok=False, text=_error(kind, value))
            self._buffer = self._buffer[size:]
            self._left -= 1
            if not self._left:
                return self._wish.judge(value)
        if len(self._buffer) > _ANSWERS_MAX:
            return Finding(ok=False, text="the answer is longer than any that was asked for")
        return b""

    def end(self) -> Finding:
        """It has hung up."""
        return Finding(ok=False, text="the connection was closed without an answer")

    def stuck(self) -> str:
        """What is missing."""
        return "no answer"


def read_answer(data: bytes) -> tuple[bytes, bytes, int] | None:
    """The kind of the first answer, what it says, and its length; None when it goes on.

    Kinds that nothing here asks for, and what is not of this protocol, have the kind b"".
    """
    line, newline, _ = data.partition(b"\r\n")
    kind, value = line[:1], line[1:]
    if kind not in (b"+", b"-", b"$"):
        return (b"", data, len(data)) if data else None
    if not newline:
        return (b"", data, len(data)) if len(line) > _LINE_MAX else None
    if kind != b"$":
        return kind, value, len(line) + 2
    length = _number(value.decode("ascii", "replace"))
    if length is None or length > _ANSWERS_MAX:
        return b"", data, len(data)
    begin = len(line) + 2
    if len(data) < begin + length + 2:
        return None
    return kind, data[begin : begin + length], begin + length + 2


def _good_master(facts: dict[str, str]) -> Finding:
    count = _number(facts.get("connected_slaves", "")) or 0
    replicas = "1 replica" if count == 1 else f"{count} replicas"
    return Finding(ok=True, text="master", timed=True, detail=f", with {replicas}")


def _error(kind: bytes, value: bytes) -> str:
    if kind != b"-":
        return f"the answer is not Redis: '{printable(value)}'"
    said = printable(value, 120)
    return _IN_WORDS.get(said.partition(" ")[0], f"Redis says: {said}")


def _number(text: str) -> int | None:
    """Numbers below 0 stand for what is not known."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _command(words: tuple[str, ...]) -> bytes:
    encoded = [word.encode() for word in words]
    parts = [b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded]
    return b"*%d\r\n" % len(parts) + b"".join(parts)


def make(config: TrackerConfig) -> Tracker:
    """A tracker of the kind `redis`."""
    options = config.options
    wish = Wish(
        password=options.get("password"), role=options.get("role"), lag_max=options.get("lag_max")
    )
    if path := options.get("unix_socket"):
        target = Target.at(unix(path))
    else:
        address = options.get("address") or "127.0.0.1"
        target = Target(address, options.get("port") or PORT, socket.SOCK_STREAM)
    return Polling(config, Dialogue(config, target, lambda: Questions(wish)))
