"""Whether an HTTP server answers as it should.

Theory of operation. Each look is a connection of its own, so that it finds what a new client would
find. The request is compiled once. A redirect is an answer like any other and is not followed. What
is not needed for the judgement is not read.

Why: h11 reads an answer as strictly, in ten times the time (37 us against 4, measured),
and a whole look takes 50.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final
from urllib.parse import SplitResult, quote, urlsplit

from vipd.core.config import TrackerConfig
from vipd.track.connection import Conversation, Dialogue, Finding, printable
from vipd.track.http_answer import Answer, Reader
from vipd.track.outcome import Tracker
from vipd.track.pattern import Pattern
from vipd.track.polling import Polling
from vipd.track.target import Target, unix

_PORTS: Final = {"http": 80, "https": 443}
_PRINTABLE: Final = "".join(map(chr, range(0x21, 0x7F)))
SUCCESS: Final = ((200, 299),)


class Expectation:
    """Which answers are good."""

    __slots__ = ("_body", "_good", "_wanted", "body_max")

    def __init__(
        self, status: tuple[tuple[int, int], ...], body: Pattern | None, method: str
    ) -> None:
        self._good = frozenset(each for low, high in status for each in range(low, high + 1))
        self._body = body if method != "HEAD" else None
        self._wanted = ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in status)
        self.body_max = self._body.limit if self._body is not None else 0

    def judge(self, answer: Answer) -> Finding:
        """What an answer means."""
        if not answer.status:
            return Finding(ok=False, text=answer.fault)
        if answer.status not in self._good:
            return _finding(answer.status, self._wrong_status(answer))
        return _finding(answer.status, self._wrong_body(answer))

    def _wrong_status(self, answer: Answer) -> str:
        moved = f" (it points to {answer.location}; not followed)" if answer.location else ""
        return f", wanted {self._wanted}{moved}"

    def _wrong_body(self, answer: Answer) -> str:
        if answer.fault:
            return f", but {answer.fault}"
        if self._body is None or self._body.found_in(answer.body):
            return ""
        if self._body.trouble:
            return f", but {self._body.trouble}"
        where = "the body" if answer.whole else f"the first {self.body_max // 1024} KiB of the body"
        begins = printable(answer.body)
        said = f", which begins '{begins}'" if begins else ", which is empty"
        return f", but /{self._body.written}/ is not in {where}{said}"


@lru_cache(maxsize=32)
def _finding(status: int, detail: str) -> Finding:
    """What is found in every look, most of the time."""
    return Finding(ok=not detail, text=f"HTTP {status}", timed=True, detail=detail)


class Exchange:
    """One request and its answer."""

    __slots__ = ("_expectation", "_reader", "_request")

    def __init__(self, request: bytes, expectation: Expectation) -> None:
        self._request = request
        self._expectation = expectation
        self._reader = Reader(expectation.body_max)

    def begin(self) -> bytes:
        """Ask."""
        return self._request

    def take(self, data: bytes) -> bytes | Finding:
        """Read on."""
        answer = self._reader.feed(data)
        return b"" if answer is None else self._expectation.judge(answer)

    def end(self) -> Finding:
        """Judge what there is."""
        return self._expectation.judge(self._reader.end())

    def stuck(self) -> str:
        """How much there is."""
        return "no whole answer" if self._reader.begun else "no answer"


def make(config: TrackerConfig) -> Tracker:
    """A tracker of the kind `http` or `https`."""
    options = config.options
    url = urlsplit(options["url"])
    method = options.get("method") or "GET"
    body = Pattern(options["body"]) if options.get("body") else None
    expectation = Expectation(tuple(options.get("status") or SUCCESS), body, method)
    request = compose(method, url, options.get("headers") or {})

    def converse() -> Conversation:
        return Exchange(request, expectation)

    secured = _secured(url, options, converse) if url.scheme == "https" else converse
    return Polling(config, Dialogue(config, _target(url, options), secured))


def compose(method: str, url: SplitResult, headers: Mapping[str, str]) -> bytes:
    """The request. What cannot stand in a URL is escaped; a configured field replaces ours."""
    path = url.path or "/"
    resource = quote(f"{path}?{url.query}" if url.query else path, safe=_PRINTABLE)
    ours = {"Host": url.netloc.rpartition("@")[2], "User-Agent": "vipd", "Accept": "*/*"}
    theirs = {name.lower() for name in headers}
    fields = {name: value for name, value in ours.items() if name.lower() not in theirs}
    fields |= {name: value for name, value in headers.items() if name.lower() != "connection"}
    if method not in ("GET", "HEAD") and "content-length" not in theirs:
        fields["Content-Length"] = "0"
    lines = [f"{method} {resource} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in fields.items()]
    assert not any("\r" in line or "\n" in line for line in lines), "the configuration refuses it"
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode()


def _target(url: SplitResult, options: Mapping[str, Any]) -> Target:
    if path := options.get("unix_socket"):
        return Target.at(unix(path))
    return Target(url.hostname or "", url.port or _PORTS[url.scheme], socket.SOCK_STREAM)


def _secured(
    url: SplitResult, options: Mapping[str, Any], converse: Callable[[], Conversation]
) -> Callable[[], Conversation]:
    # TLS takes 5 MB, which an agent without https does not pay.
    from vipd.track.tls import Security  # noqa: PLC0415

    name = options.get("server_name") or url.hostname or ""
    security = Security(name, verify=options.get("verify", True), ca=options.get("ca"))
    return lambda: security.around(converse())
