"""HTTP looks at servers on loopback that answer what a test wants."""

from __future__ import annotations

import re
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from looking import free_port, look, saying, serving

from vipd.track.http import compose

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n"
TIME = r"[0-9.]+ m?s"


def ask(*parts: bytes, stay: bool = False, timeout_ms: int = 5_000, **options: object) -> str:
    """What a look says of a server that says this; "+" before it when the look is good."""
    with serving(saying(*parts, stay=stay)) as server:
        url = f"http://127.0.0.1:{server.port}/healthz"
        outcome = look("http", timeout_ms, **{"url": url, **options})
    return ("+" if outcome.ok else "-") + outcome.text


ANSWERS: list[tuple[bytes, dict[str, Any], str]] = [
    (OK, {}, rf"\+HTTP 200 in {TIME}"),
    (OK, {"status": ((200, 200), (300, 399))}, rf"\+HTTP 200 in {TIME}"),
    (
        b"HTTP/1.1 503 No\r\n\r\n",
        {"status": ((200, 200), (204, 399))},
        rf"-HTTP 503 in {TIME}, wanted 200, 204-399",
    ),
    (
        b"HTTP/1.1 302 Found\r\nLocation: /login\r\n\r\n",
        {},
        rf"-HTTP 302 in {TIME}, wanted 200-299 \(it points to /login; not followed\)",
    ),
    (OK, {"body": "o."}, rf"\+HTTP 200 in {TIME}"),
    (OK, {"body": "up"}, rf"-HTTP 200 in {TIME}, but /up/ is not in the body, which begins 'ok'"),
    (
        b"HTTP/1.1 200 OK\r\n\r\n" + 5000 * b"x",
        {"body": "o+k"},
        rf"-HTTP 200 in {TIME}, but /o\+k/ is not in the first 4 KiB of the body, which .*",
    ),
    (
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbroken",
        {"body": "ok"},
        rf"-HTTP 200 in {TIME}, but the body breaks off",
    ),
    (
        b"HTTP/1.1 200 OK\r\n\r\n",
        {"body": "ok"},
        rf"-HTTP 200 in {TIME}, but /ok/ is not in the body, which is empty",
    ),
    (OK, {"body": "(a+)+"}, rf"-HTTP 200 in {TIME}, but .* may take for ever, .*"),
    (OK[:-3], {"body": "ok", "method": "HEAD"}, rf"\+HTTP 200 in {TIME}"),
    (b"", {}, "-the connection was closed without an answer"),
    (b"220 mail ESMTP\r\n", {}, "-the answer is not HTTP: '220 mail ESMTP'"),
]


@pytest.mark.parametrize(("answer", "options", "said"), ANSWERS)
def test_an_answer_is_judged(answer: bytes, options: dict[str, Any], said: str) -> None:
    text = ask(answer, **options)
    assert re.fullmatch(said, text), text


def test_a_long_answer_is_not_read_to_its_end() -> None:
    """The server would still be writing."""
    assert ask(OK[:-3] + b"x", 2**20 * b"x", stay=True).startswith("+HTTP 200")


def test_a_server_that_is_stuck_is_told_from_one_that_is_gone() -> None:
    limit = r"within 50 ms \(connected after [0-9.]+ ms: the server is stuck\)"
    text = ask(stay=True, timeout_ms=50)
    assert re.fullmatch(rf"-no answer {limit}", text), text
    text = ask(OK[:20], stay=True, timeout_ms=50)
    assert re.fullmatch(rf"-no whole answer {limit}", text), text


def test_nobody_listens() -> None:
    with free_port() as port:
        outcome = look("http", url=f"http://127.0.0.1:{port}/")
    assert (outcome.ok, outcome.text) == (False, f"connection refused by 127.0.0.1:{port}")


def test_a_server_at_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "http.sock"
    url = "http://app.example/"
    missing = look("http", url=url, unix_socket=str(path))
    assert (missing.ok, missing.text) == (False, f"no socket at {path}")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        with serving(saying(OK), listener):
            assert look("http", url=url, unix_socket=str(path)).ok


def test_a_name_is_looked_up() -> None:
    with serving(saying(OK)) as server:
        assert look("http", url=f"http://localhost:{server.port}/").ok
        outcome = look("http", url=f"http://no-such-host.invalid:{server.port}/")
    assert not outcome.ok
    assert outcome.text.startswith("no address for the name")


def test_the_request_says_what_is_configured() -> None:
    url = urlsplit("http://user@[2001:db8::1]:8080/a b?x=\u00fc%20")
    headers = {"host": "app.example", "X-Key": "1", "Connection": "keep-alive"}
    assert compose("POST", url, headers) == (
        b"POST /a%20b?x=%C3%BC%20 HTTP/1.1\r\nUser-Agent: vipd\r\nAccept: */*\r\n"
        b"host: app.example\r\nX-Key: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )
    assert compose("GET", urlsplit("http://[::1]:81"), {}) == (
        b"GET / HTTP/1.1\r\nHost: [::1]:81\r\nUser-Agent: vipd\r\nAccept: */*\r\n"
        b"Connection: close\r\n\r\n"
    )
