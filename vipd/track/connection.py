"""One look at a server: reach it, talk to it, judge what it says, hang up.

Theory of operation. A `Look` owns one socket that never blocks and hears of it when it is ready: no
task, no stream, no thread. What is said is the business of a
`Conversation`, which knows bytes and no sockets; so every protocol can be tried with bytes alone,
and TLS is a conversation around another one. `Dialogue` is what `vipd.track.polling` paces; it also
says when a look takes too long, and the look then tells how far it has come.

On loopback a connection stands as soon as it is asked for, though the kernel does not say so. To
ask a second time costs a microsecond, and saves a turn of the loop.

Sources: connect(2), tcp(7), unix(7).
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from socket import SocketType
from time import monotonic_ns
from typing import Final, Protocol, TypeAlias

from vipd.core.config import TrackerConfig
from vipd.core.units import Duration, Instant, format_duration
from vipd.track.outcome import Outcome, Report
from vipd.track.readiness import READABLE, WRITABLE, Readiness, readiness
from vipd.track.target import Endpoint, Target

_READ_BYTES: Final = 16_384
_READ_MAX: Final = 256 * 1024
"""More than any conversation wants; what is sent on and on is not read on and on."""

_PENDING: Final = frozenset({errno.EINPROGRESS, errno.EALREADY})
_CONNECTED: Final = frozenset({0, errno.EISCONN})

_IN_WORDS: Final = {
    errno.ECONNREFUSED: "connection refused by {}",
    errno.ECONNRESET: "connection reset by {}",
    errno.EPIPE: "connection reset by {}",
    errno.ETIMEDOUT: "{} does not answer at all",
    errno.EHOSTUNREACH: "no route to {}: nobody on the link, or a router, knows that host",
    errno.ENETUNREACH: "no route to {}: this host has none to that network",
    errno.EADDRNOTAVAIL: "no free port or no such address for {}",
    errno.ENOENT: "no socket at {}",
    errno.EAGAIN: "the queue of {} is full: the server accepts nothing",
    errno.ENODEV: "no such interface for {}",
    errno.EACCES: "no right to use {}",
    errno.EPERM: "not permitted to reach {}: a local firewall refuses, or a right is missing",
    errno.EMFILE: "no file descriptor left for {}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a conversation has led to. A `timed` one says how long it took; `detail` follows that.

    `detail` begins with its own comma or semicolon.
    """

    ok: bool
    text: str
    timed: bool = False
    detail: str = ""


Reply: TypeAlias = bytes | Finding
"""What a side says next, or that it knows enough. b"" says nothing and waits."""


class Conversation(Protocol):
    """Our side of one exchange with a server. Nothing that the other side says makes it raise."""

    def begin(self) -> Reply:
        """What is said first."""

    def take(self, data: bytes) -> Reply:
        """What is said to this: the next bytes of a stream, or one datagram."""

    def end(self) -> Finding:
        """What it means that the server ends the stream now."""

    def stuck(self) -> str:
        """What is missing when the time is up: "no answer"."""


class Dialogue:
    """A checker: each look is a conversation of its own with one target."""

    __slots__ = ("_converse", "_target", "_timeout")

    def __init__(
        self, config: TrackerConfig, target: Target, converse: Callable[[], Conversation]
    ) -> None:
        self._timeout = config.timeout
        self._target = target
        self._converse = converse

    def check(self, done: Report) -> Callable[[], None]:
        """Begin one look; see `vipd.track.outcome.Checker`."""
        look = Look(self._timeout, self._converse(), done)
        look.begin(self._target)
        return look.cancel


class Look:
    """One look, from the search for the address to the closed socket."""

    __slots__ = (
        "_begun", "_connected_after", "_conversation", "_done", "_endpoints", "_events", "_forget",
        "_read", "_readiness", "_socket", "_timeout", "_unsent",
    )  # fmt: skip

    def __init__(self, timeout: Duration, conversation: Conversation, done: Report) -> None:
        self._timeout = timeout
        self._conversation = conversation
        self._done: Report | None = done
        self._begun: Instant = monotonic_ns()
        self._connected_after: Duration | None = None
        self._endpoints: tuple[Endpoint, ...] = ()
        self._forget: Callable[[], None] | None = None
        self._readiness: Readiness | None = None
        self._read = 0
        self._events = 0
        self._socket: SocketType | None = None
        self._unsent = b""

    def begin(self, target: Target) -> None:
        """Go. `done` may be called before this returns."""
        if target.endpoints:
            self._endpoints = target.endpoints
            self._open()
        else:
            self._forget = target.find(self._found)

    def cancel(self) -> None:
        """End it, and say how far it has come. Once it is done, nothing happens.

        Order: an answer that has come by now counts, even if the loop was too busy to hear it.
        """
        if self._connected_after is not None and self._socket is not None:
            self._receive(self._socket)
        if self._done is not None:
            self._fail(self._too_long())

    def _found(self, answer: tuple[Endpoint, ...] | str) -> None:
        self._forget = None
        if isinstance(answer, str):
            self._fail(answer)
        else:
            self._endpoints = answer
            self._open()

    def _open(self) -> None:
        try:
            self._socket = self._endpoints[0].open()
        except OSError as error:
            self._refused(error.errno)
        else:
            self._connect()

    def _connect(self) -> None:
        """Ask for the connection, or ask again whether it stands."""
        assert self._socket is not None
        address = self._endpoints[0].address
        error = self._socket.connect_ex(address)
        if error == errno.EINPROGRESS:
            error = self._socket.connect_ex(address)
        if error in _CONNECTED:
            self._connected_after = monotonic_ns() - self._begun
            self._say(self._conversation.begin())
        elif error in _PENDING:
            self._watch(WRITABLE)
        else:
            self._refused(error)

    def _refused(self, error: int | None) -> None:
        """This address is not reached: try the next, if the name has another."""
        if len(self._endpoints) > 1:
            self._close()
            self._endpoints = self._endpoints[1:]
            self._open()
        else:
            self._fail(in_words(error, self._endpoints[0].label))

    def _say(self, reply: Reply) -> None:
        if isinstance(reply, Finding):
            self._conclude(reply)
        else:
            self._unsent += reply
            self._send()

    def _send(self) -> None:
        """Send what can be sent, and wait for what comes."""
        assert self._socket is not None
        if self._unsent:
            try:
                self._unsent = self._unsent[self._socket.send(self._unsent) :]
            except BlockingIOError:
                pass
            except OSError as error:
                self._broken(error)
                return
        self._watch(READABLE | WRITABLE if self._unsent else READABLE)

    def _ready(self, events: int) -> None:
        if self._connected_after is None:
            self._connect()
            return
        if events & WRITABLE:
            self._send()
        if events & ~WRITABLE and self._socket is not None:
            self._receive(self._socket)

    def _receive(self, connected: SocketType) -> None:
        try:
            data = connected.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._broken(error)
            return
        self._read += len(data)
        if not data and self._endpoints[0].kind == socket.SOCK_STREAM:
            self._conclude(self._conversation.end())
        elif self._read > _READ_MAX:
            self._fail(f"{self._endpoints[0].label} answers without end")
        else:
            self._say(self._conversation.take(data))

    def _broken(self, error: OSError) -> None:
        self._fail(in_words(error.errno, self._endpoints[0].label))

    def _watch(self, events: int) -> None:
        if events != self._events:
            assert self._socket is not None
            if self._readiness is None:
                self._readiness = readiness()
            self._readiness.watch(self._socket.fileno(), events, self._ready)
            self._events = events

    def _too_long(self) -> str:
        limit = format_duration(self._timeout)
        if not self._endpoints:
            return f"no address for the name within {limit}: the name servers do not answer"
        if self._connected_after is None:
            label = self._endpoints[0].label
            return (
                f"no connection to {label} within {limit} (neither accepted nor refused: the host "
                "is down, packets are dropped, or the server's queue is full)"
            )
        missing = f"{self._conversation.stuck()} within {limit}"
        if self._endpoints[0].kind != socket.SOCK_STREAM:
            return f"{missing} from {self._endpoints[0].label}"
        after = format_duration(self._connected_after)
        return f"{missing} (connected after {after}: the server is stuck)"

    def _conclude(self, finding: Finding) -> None:
        took = monotonic_ns() - self._begun
        text = finding.text
        if finding.timed:
            text = f"{text} in {format_duration(took)}{finding.detail}"
        self._finish(Outcome(ok=finding.ok, text=text, took=took))

    def _fail(self, text: str) -> None:
        self._finish(Outcome(ok=False, text=text, took=monotonic_ns() - self._begun))

    def _finish(self, outcome: Outcome) -> None:
        self._close()
        done, self._done = self._done, None
        if done is not None:
            done(outcome)

    def _close(self) -> None:
        if self._forget is not None:
            self._forget()
            self._forget = None
        if self._socket is None:
            return
        if self._readiness is not None:
            self._readiness.forget(self._socket.fileno())
            self._readiness = None
            self._events = 0
        self._socket.close()
        self._socket = None


def in_words(error: int | None, label: str) -> str:
    """What an error of the kernel means for what `label` names."""
    if error in _IN_WORDS:
        return _IN_WORDS[error].format(label)
    said = os.strerror(error) if error else "it cannot be asked"
    return f"{label}: {said[:1].lower()}{said[1:]}"


def printable(data: bytes, longest: int = 60) -> str:
    """The beginning of what a stranger has said, safe for a terminal and a log."""
    text = data[: 4 * longest].decode("utf-8", "replace")
    safe = "".join(each if each.isprintable() else " " for each in text).strip()
    return safe if len(safe) <= longest else f"{safe[:longest]}..."
