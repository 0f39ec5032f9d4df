"""The process that serves the page and the metrics, as the agent would start it."""

from __future__ import annotations

import http.client
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

LONG_S = 15.0
"""What a test waits before it counts as failed; never what it takes."""


@dataclass
class WebProcess:
    """One that listens."""

    process: subprocess.Popen[bytes]
    said: str
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def connect(self) -> socket.socket:
        """One more client."""
        return socket.create_connection(("127.0.0.1", self.port), LONG_S)

    def ask(self, path: str, method: str = "GET", **headers: str) -> Reply:
        """Ask something, on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LONG_S)
        try:
            names = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, headers=names)
            response = connection.getresponse()
            return Reply(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


def command(control_socket: Path, listen: str) -> list[str]:
    """The program and its arguments."""
    options = ["--socket", str(control_socket), "--listen", listen]
    return [sys.executable, "-P", "-m", "vipd.web", *options]


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def web_process(control_socket: Path) -> Iterator[WebProcess]:
    """Serve for a while; it must end well."""
    port = free_port()
    argv = command(control_socket, f"127.0.0.1:{port}")
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            yield WebProcess(process, first_line(process), port)
        finally:
            process.send_signal(signal.SIGTERM)
            _, complaints = process.communicate(timeout=LONG_S)
        assert (process.returncode, complaints.decode()) == (0, "")


def first_line(process: subprocess.Popen[bytes]) -> str:
    """What it says when it listens, or why it does not."""
    assert process.stdout
    assert select.select([process.stdout], [], [], LONG_S)[0], "it says nothing"
    return process.stdout.readline().decode()
