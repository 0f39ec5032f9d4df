"""HTTPS looks at servers on loopback whose certificates are good, old, foreign or none."""

from __future__ import annotations

import os
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from looking import Handler, Server, look, saying, serving

from vipd.track.outcome import Outcome

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n"
NAMES = "subjectAltName=DNS:app.example,IP:127.0.0.1"


def openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with `key`, and certificates that vouch for themselves: `good`, `soon`, `old`."""
    if not shutil.which("openssl"):
        reason = "openssl is missing: apt-get install openssl"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    place = tmp_path_factory.mktemp("certificates")
    (place / "names").write_text(NAMES)
    curve = ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
    openssl("genpkey", *curve, "-out", f"{place}/key")
    subject = ("-key", f"{place}/key", "-subj", "/CN=app.example")
    openssl("req", "-new", *subject, "-out", f"{place}/request")
    for name, days in {"good": 90, "soon": 5, "old": -1}.items():
        sign = ("-req", "-in", f"{place}/request", "-signkey", f"{place}/key")
        validity = ("-days", str(days), "-extfile", f"{place}/names")
        openssl("x509", *sign, *validity, "-out", f"{place}/{name}")
    return place


def secretly(handle: Handler, certificates: Path, name: str) -> Handler:
    """Do it in TLS, with a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / name, certificates / "key")

    def handle_in_tls(connection: socket.socket) -> None:
        with suppress(OSError), context.wrap_socket(connection, server_side=True) as secured:
            handle(secured)

    return handle_in_tls


def talk(connection: socket.socket) -> None:
    connection.recv(1000)
    connection.sendall(OK[:30])
    connection.sendall(OK[30:])
    connection.recv(1000)


@pytest.fixture
def server(certificates: Path, request: pytest.FixtureRequest) -> Iterator[Server]:
    with serving(secretly(talk, certificates, request.param)) as server:
        yield server


def ask(server: Server, timeout_ms: int = 5_000, **options: object) -> Outcome:
    return look("https", timeout_ms, url=f"https://127.0.0.1:{server.port}/", **options)


@pytest.mark.parametrize("server", ["good"], indirect=True)
def test_a_certificate_that_is_vouched_for(server: Server, certificates: Path) -> None:
    ca = str(certificates / "good")
    outcome = ask(server, ca=ca, body="ok", server_name="app.example")
    assert outcome.ok
    assert re.fullmatch("HTTP 200 in .* m?s", outcome.text)
    assert ask(server, ca=ca).ok, "an address is a name as well"
    assert ask(server, verify=False).ok


@pytest.mark.parametrize("server", ["good"], indirect=True)
def test_a_certificate_that_nobody_vouches_for_or_of_another_name(
    server: Server, certificates: Path
) -> None:
    outcome = ask(server)
    assert (outcome.ok, outcome.text) == (False, "certificate refused: self-signed certificate")
    outcome = ask(server, ca=str(certificates / "good"), server_name="other.example")
    text = "certificate refused: Hostname mismatch, certificate is not valid for 'other.example'."
    assert (outcome.ok, outcome.text) == (False, text)


@pytest.mark.parametrize("server", ["old"], indirect=True)
def test_a_certificate_that_has_expired(server: Server, certificates: Path) -> None:
    outcome = ask(server, ca=str(certificates / "old"))
    assert (outcome.ok, outcome.text) == (False, "certificate refused: certificate has expired")


@pytest.mark.parametrize("server", ["soon"], indirect=True)
def test_a_certificate_that_will_expire(server: Server, certificates: Path) -> None:
    outcome = ask(server, ca=str(certificates / "soon"))
    assert outcome.ok
    assert outcome.text.endswith("; its certificate expires in 4 days")


@pytest.mark.parametrize("server", ["good"], indirect=True)
def test_authorities_that_cannot_be_read(server: Server, certificates: Path) -> None:
    missing = str(certificates / "nothing")
    outcome = ask(server, ca=missing)
    text = f"cannot read the certificates in {missing}: No such file or directory"
    assert (outcome.ok, outcome.text) == (False, text)
    outcome = ask(server, ca=str(certificates / "names"))
    text = f"there is no certificate in {certificates / 'names'}"
    assert (outcome.ok, outcome.text) == (False, text)


def test_a_server_without_tls() -> None:
    with serving(saying(b"HTTP/1.1 400 Bad\r\n\r\n")) as server:
        assert ask(server).text == "the server does not speak TLS here"
    with serving(saying()) as server:
        assert ask(server).text == "the connection was closed during the TLS handshake"


def test_a_server_that_is_stuck_in_the_handshake_or_after_it(certificates: Path) -> None:
    stuck = "within 100 ms (connected after "
    with serving(saying(stay=True)) as server:
        assert ask(server, 100).text.startswith(f"no TLS handshake {stuck}")
    with serving(secretly(saying(stay=True), certificates, "good")) as server:
        outcome = ask(server, 100, ca=str(certificates / "good"))
    assert outcome.text.startswith(f"no answer {stuck}")
