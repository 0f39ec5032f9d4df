"""`vagrant/probe.py`, which asks a web server of ours."""

from __future__ import annotations

import json
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

PROBE = Path(__file__).parents[3] / "vagrant/probe.py"


@pytest.fixture(scope="module")
def probe() -> ModuleType:
    """The program as a module."""
    spec = spec_from_file_location("vagrant_probe", PROBE)
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("answer", "owner"),
    [
        (b"HTTP/1.1 200 OK\r\nServer: nginx\r\n\r\nh1\n", "h1"),
        (b"HTTP/1.1 502 Bad Gateway\r\n\r\nh1\n", None),
        (b"HTTP/1.1 200 OK\r\nServer: nginx\r\n\r\n", None),
        (b"HTTP/1.1 200 OK\r\nServ", None),
        (b"", None),
    ],
)
def test_the_page_is_the_name_of_the_host(
    probe: ModuleType, answer: bytes, owner: str | None
) -> None:
    assert probe.owner_in(answer) == owner


class Page(socketserver.BaseRequestHandler):
    """Answers one request as nginx on h1 does."""

    def handle(self) -> None:
        self.request.recv(4096)
        self.request.sendall(b"HTTP/1.1 200 OK\r\n\r\nh1\n")


@pytest.fixture
def port() -> Iterator[int]:
    """Where a web server answers, from a thread of this process."""
    with socketserver.TCPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_it_asks_until_its_input_ends_and_tells_who_answered(port: int) -> None:
    source = PROBE.read_text().replace("PORT = 80\n", f"PORT = {port}\n")
    command = [sys.executable, "-c", source, "127.0.0.1"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout
        told = [json.loads(process.stdout.readline()) for _ in range(3)]
        process.communicate()
    assert [one["owner"] for one in told] == ["h1"] * 3
    assert told[0]["sent"] < told[1]["sent"] < told[2]["sent"]
    assert process.returncode == 0
