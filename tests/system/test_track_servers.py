"""Trackers against real servers: nginx, Redis, dnsmasq, and the link of a lab.

Each server is started for its test, in the foreground, on a free port of 127.0.0.1, and ended with
it. What may be frozen is one process, so that SIGSTOP stops all of it.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from looking import DEADLINE_S, look

from vipd.core.config import TrackerConfig
from vipd.core.units import MILLISECOND, SECOND
from vipd.lab.lab import Host, Lab
from vipd.lab.namespace import SEARCH_PATH
from vipd.lab.pause import wait_until
from vipd.track.outcome import Outcome, Tracker
from vipd.track.registry import make

pytestmark = pytest.mark.system

PACKAGES = {"nginx": "nginx-light", "redis-server": "redis-server", "dnsmasq": "dnsmasq-base"}

NGINX = """
daemon off; master_process off; pid {place}/pid; error_log {place}/errors;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_body_temp_path {place}/body; proxy_temp_path {place}/proxy;
  fastcgi_temp_path {place}/fastcgi; uwsgi_temp_path {place}/uwsgi; scgi_temp_path {place}/scgi;
  server {{
    listen 127.0.0.1:{port}; listen unix:{place}/http.sock; root {place};
    location = /healthz {{ return 200 "all is well\\n"; }}
    location = /broken {{ return 503; }}
    location = /moved {{ return 301 /healthz; }}
  }}
}}
"""

ONE_LOOK = """
import json, sys
from looking import look
outcome = look(sys.argv[1], 300, **json.loads(sys.argv[2]))
print(json.dumps([outcome.ok, outcome.text]))
"""


class Program:
    """A server in the foreground."""

    def __init__(self, *argv: str) -> None:
        self.process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def signal(self, number: int) -> None:
        """Freeze it, thaw it, end it."""
        self.process.send_signal(number)

    def close(self) -> None:
        """End it, frozen or not."""
        self.process.kill()
        self.process.wait()


Start = Callable[..., Program]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts servers, and ends them with the test."""
    programs: list[Program] = []

    def start(name: str, *arguments: str) -> Program:
        path = shutil.which(name, path=SEARCH_PATH)
        if path is None:
            reason = f"{name} is missing: apt-get install {PACKAGES[name]}"
            if os.environ.get("CI") == "true":
                pytest.fail(reason)
            pytest.skip(reason)
        programs.append(Program(path, *arguments))
        return programs[-1]

    yield start
    for program in programs:
        program.close()


@contextmanager
def held() -> Iterator[int]:
    """A port that the kernel gives to nobody else until the end of the block.

    Why: it is bound here, but not listened to; servers, which say SO_REUSEADDR, may do that.
    """
    with socket.socket() as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        assert isinstance(port, int)
        yield port


@pytest.fixture
def port() -> Iterator[int]:
    """Where the server of a test listens."""
    with held() as port:
        yield port


@pytest.fixture
def other_port() -> Iterator[int]:
    """Where a second one listens."""
    with held() as port:
        yield port


def until(kind: str, **options: object) -> Outcome:
    """The first good look, or the last that there was time for."""
    last: list[Outcome] = []

    def good() -> bool:
        last[:] = [look(kind, 1000, **options)]
        return last[0].ok

    wait_until(good, DEADLINE_S, f"{kind} is good: {options}")
    return last[0]


# -- nginx ----------------------------------------------------------------------------------------


def start_nginx(start: Start, place: Path, port: int) -> Program:
    configuration = place / "nginx.conf"
    configuration.write_text(NGINX.format(place=place, port=port))
    (place / "large").write_text("begin" + 100_000 * "x" + "end")
    program = start("nginx", "-c", str(configuration), "-p", str(place), "-e", f"{place}/errors")
    until("tcp", address="127.0.0.1", port=port)
    return program


def test_nginx(start: Start, tmp_path: Path, port: int) -> None:
    start_nginx(start, tmp_path, port)
    at = f"http://127.0.0.1:{port}"
    for options, said in (
        ({"url": f"{at}/healthz", "body": "^all is well$"}, r"HTTP 200 in .* ms"),
        ({"url": f"{at}/healthz", "method": "HEAD"}, r"HTTP 200 in .* ms"),
        ({"url": "http://app/healthz", "unix_socket": f"{tmp_path}/http.sock"}, "HTTP 200 in .*"),
        ({"url": f"{at}/large", "body": "begin"}, r"HTTP 200 in .* ms"),
    ):
        outcome = look("http", **options)
        assert (outcome.ok, bool(re.fullmatch(said, outcome.text))) == (True, True), outcome
    for options, said in (
        ({"url": f"{at}/broken"}, "HTTP 503 in .* ms, wanted 200-299"),
        ({"url": f"{at}/moved"}, "HTTP 301 in .*it points to http://.*/healthz; not followed."),
        ({"url": f"{at}/large", "body": "end"}, ".*/end/ is not in the first 64 KiB of the.*"),
        ({"url": f"{at}/none"}, "HTTP 404 in .* ms, wanted 200-299"),
    ):
        outcome = look("http", **options)
        assert (outcome.ok, bool(re.fullmatch(said, outcome.text))) == (False, True), outcome


def test_nginx_that_is_frozen_and_thawed_and_killed(
    start: Start, tmp_path: Path, port: int
) -> None:
    """The kernel goes on accepting for a frozen server: only its silence tells."""
    nginx = start_nginx(start, tmp_path, port)
    url = f"http://127.0.0.1:{port}/healthz"
    nginx.signal(signal.SIGSTOP)
    outcome = look("http", 200, url=url)
    pattern = r"no answer within 200 ms \(connected after [0-9.]+ m?s: the server is stuck\)"
    assert not outcome.ok
    assert re.fullmatch(pattern, outcome.text), outcome.text
    assert look("tcp", 200, address="127.0.0.1", port=port).ok, "which is what tcp can see"
    nginx.signal(signal.SIGCONT)
    assert look("http", url=url).ok
    nginx.close()
    refused = look("http", url=url)
    assert (refused.ok, refused.text) == (False, f"connection refused by 127.0.0.1:{port}")


TRACKERS = 500
MEASURED_S = 4.0
STEP_S = 0.05


@pytest.mark.alone
def test_five_hundred_looks_per_second_cost_little(
    start: Start,
    tmp_path: Path,
    port: int,
    record_property: Callable[[str, object], None],
) -> None:
    start_nginx(start, tmp_path, port)
    trackers = [make(one_of_many(number, port)) for number in range(TRACKERS)]
    cpu_s, late_s, seen = asyncio.run(measured(trackers))
    count = len(seen)
    late_ms = sorted(1000 * each for each in late_s)
    cost = (
        f"{1e6 * cpu_s / count:.0f} us of CPU per look, {100 * cpu_s / MEASURED_S:.1f} % of a core"
    )
    late = f"{late_ms[len(late_ms) // 2]:.2f} ms (median), {late_ms[-1]:.2f} ms (worst)"
    record_property(
        "figure", f"{TRACKERS} HTTP and TCP trackers at 1 s: {cost}; the loop late by {late}"
    )
    assert count >= 0.9 * TRACKERS * MEASURED_S
    assert [outcome.text for outcome in seen if not outcome.ok] == []
    assert cpu_s / count < 250e-6


def one_of_many(number: int, port: int) -> TrackerConfig:
    http = {"url": f"http://127.0.0.1:{port}/healthz", "method": "GET", "status": ((200, 399),)}
    tcp = {"address": "127.0.0.1", "port": port}
    return TrackerConfig(
        name=f"tracker-{number}",
        kind="http" if number % 2 else "tcp",
        interval=SECOND,
        timeout=500 * MILLISECOND,
        options=http if number % 2 else tcp,
    )


async def measured(trackers: list[Tracker]) -> tuple[float, list[float], list[Outcome]]:
    """What the looks of some seconds cost, how late a timer was beside them, and what they saw."""
    loop = asyncio.get_running_loop()
    seen: list[Outcome] = []
    late_s: list[float] = []
    for tracker in trackers:
        tracker.start(seen.append)
    warm = loop.create_future()
    loop.call_later(1.2, warm.set_result, None)
    await warm
    seen.clear()
    began_s, begin = time.process_time(), loop.time()
    for step in range(1, int(MEASURED_S / STEP_S) + 1):
        due: asyncio.Future[None] = loop.create_future()
        loop.call_at(begin + step * STEP_S, due.set_result, None)
        await due
        late_s.append(loop.time() - begin - step * STEP_S)
    cpu_s = time.process_time() - began_s
    for tracker in trackers:
        tracker.stop()
    return cpu_s, late_s, list(seen)


# -- Redis ----------------------------------------------------------------------------------------


def start_redis(start: Start, place: Path, port: int, *arguments: str) -> Program:
    place.mkdir(exist_ok=True)
    common = ("--port", str(port), "--bind", "127.0.0.1", "--dir", str(place), "--save", "")
    return start("redis-server", *common, *arguments)


def command(port: int, *words: str) -> bytes:
    """What Redis answers to a command."""
    with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S) as connection:
        connection.sendall(" ".join(words).encode() + b"\r\n")
        return connection.recv(1000)


def test_redis_alone(start: Start, tmp_path: Path, port: int) -> None:
    path = str(tmp_path / "redis.sock")
    redis = start_redis(start, tmp_path, port, "--requirepass", "s3cret", "--unixsocket", path)
    at = {"address": "127.0.0.1", "port": port}
    assert re.fullmatch("PONG in .* m?s", until("redis", **at, password="s3cret").text)
    assert look("redis", unix_socket=path, password="s3cret", role="master").ok
    assert look("redis", **at).text == "Redis wants a password (NOAUTH)"
    refused = look("redis", **at, password="wrong")
    assert refused.text == "Redis refuses the password (WRONGPASS)"
    redis.signal(signal.SIGSTOP)
    stuck = look("redis", 100, **at, password="s3cret")
    assert stuck.text.startswith("no answer within 100 ms (connected after ")
    redis.close()
    assert look("redis", **at).text == f"connection refused by 127.0.0.1:{port}"


def test_a_redis_master_and_its_replica(
    start: Start, tmp_path: Path, port: int, other_port: int
) -> None:
    master = start_redis(start, tmp_path / "master", port)
    until("redis", address="127.0.0.1", port=port)
    of_master = ("--replicaof", f"127.0.0.1 {port}")
    start_redis(start, tmp_path / "replica", other_port, *of_master)
    at = {"address": "127.0.0.1", "port": other_port}
    good = until("redis", **at, role="replica", lag_max=20)
    pattern = rf"replica of 127\.0\.0\.1:{port}, which it heard \d+ s ago"
    assert re.fullmatch(pattern, good.text), good.text
    of = look("redis", address="127.0.0.1", port=port, role="master")
    assert re.fullmatch("master in .*, with 1 replica", of.text), of.text
    wrong = look("redis", **at, role="master")
    assert re.fullmatch("replica in .*, wanted master", wrong.text), wrong.text
    master.close()
    wait_until(
        lambda: not look("redis", **at, role="replica", lag_max=20).ok,
        DEADLINE_S,
        "a lost link",
    )
    lost = look("redis", **at, role="replica", lag_max=20)
    assert lost.text.startswith(f"replica, but the link to its master 127.0.0.1:{port} is ")
    assert look("redis", **at, role="replica").ok, "it can still be promoted"
    assert command(other_port, "REPLICAOF", "NO", "ONE") == b"+OK\r\n"
    assert look("redis", **at, role="master").ok


def test_redis_that_is_loading(start: Start, tmp_path: Path, port: int) -> None:
    """It accepts and answers, but not what clients ask for."""
    at = {"address": "127.0.0.1", "port": port}
    first = start_redis(start, tmp_path, port, "--enable-debug-command", "yes")
    until("redis", **at)
    assert command(port, "DEBUG", "POPULATE", "20000") == b"+OK\r\n"
    assert command(port, "SAVE") == b"+OK\r\n"
    first.close()
    # A millisecond for each key, and a look at the clients after each kilobyte.
    slowly = ("--key-load-delay", "1000", "--loading-process-events-interval-bytes", "1024")
    start_redis(start, tmp_path, port, *slowly)
    until("tcp", **at)
    outcome = look("redis", **at)
    text = "Redis is still loading its data (LOADING)"
    assert (outcome.ok, outcome.text) == (False, text)


# -- a name server --------------------------------------------------------------------------------


def test_a_name_server(start: Start, port: int) -> None:
    records = [f"--host-record=www.example,192.0.2.{n},2001:db8::{n}" for n in (1, 2)]
    common = ("--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--pid-file=")
    listen = ("--bind-interfaces", "--listen-address=127.0.0.1", f"--port={port}", "--user=root")
    local = ("--local=/example/", "--txt-record=www.example,hello")
    server = start("dnsmasq", *common, *listen, *local, *records)
    at = {"server": "127.0.0.1", "port": port}
    good = until("dns", **at, name="www.example", type="A", expect="192.0.2.2")
    assert "192.0.2.1" in good.text
    assert look("dns", **at, name="WWW.example.", type="AAAA", expect="2001:db8::1").ok
    text = look("dns", **at, name="www.example", type="TXT")
    assert (text.ok, text.text.startswith("answered 1 record in ")) == (True, True)
    for options, said in (
        ({"name": "www.example", "type": "A", "expect": "192.0.2.9"}, ".*, wanted 192.0.2.9"),
        ({"name": "no.example", "type": "A"}, "NXDOMAIN: there is no such name"),
        ({"name": "www.example", "type": "MX"}, "an answer without any record of that type"),
        ({"name": "www.elsewhere", "type": "A"}, "REFUSED: .*"),
    ):
        outcome = look("dns", **at, **options)
        assert (outcome.ok, bool(re.fullmatch(said, outcome.text))) == (False, True), outcome
    server.signal(signal.SIGSTOP)
    stuck = look("dns", 100, **at, name="www.example", type="A")
    assert stuck.text == f"no answer within 100 ms from 127.0.0.1:{port}"
    server.close()
    refused = look("dns", **at, name="www.example", type="A")
    assert refused.text == f"connection refused by 127.0.0.1:{port}"


# -- the link -------------------------------------------------------------------------------------


def seen_by(host: Host, kind: str, **options: object) -> tuple[bool, str]:
    """What a look on a host of the lab says."""
    support = Path(__file__).parents[1] / "support"
    place = ["env", f"PYTHONPATH={support}"]
    done = host.run([*place, sys.executable, "-c", ONE_LOOK, kind, json.dumps(options)])
    ok, text = json.loads(done.stdout)
    return bool(ok), str(text)


def test_the_gateway_is_asked_on_its_link(lab: Lab) -> None:
    near = lab.add_host("near", addresses=("192.0.2.11/24", "2001:db8::11/64"))
    gate = lab.add_host("gate", addresses=("192.0.2.1/24", "2001:db8::1/64"))
    ask = {"interface": "eth0"}
    assert seen_by(near, "gateway", **ask) == (False, "there is no default gateway by eth0")
    near.run(["ip", "-6", "route", "add", "default", "via", "2001:db8::1"])
    for address in ("2001:db8::1", "192.0.2.1"):
        ok, text = seen_by(near, "gateway", **ask)
        assert ok
        assert text.startswith(f"{address} is at {gate.mac}, said in "), text
        near.run(["ip", "route", "replace", "default", "via", "192.0.2.1"])
    assert seen_by(near, "gateway", **ask, address="2001:db8::1")[0]
    text = "no answer from {} on eth0 within 300 ms: it is gone, or this host is cut off"
    for gone in ("192.0.2.9", "2001:db8::9"):
        assert seen_by(near, "gateway", **ask, address=gone) == (False, text.format(gone))
    gate.run(["ip", "link", "set", "eth0", "down"])
    assert seen_by(near, "gateway", **ask) == (False, text.format("192.0.2.1"))
    near.run(["ip", "link", "set", "eth0", "down"])
    assert seen_by(near, "gateway", **ask, address="192.0.2.1") == (False, "eth0 is down")
    none = seen_by(near, "gateway", interface="eth9", address="192.0.2.1")
    assert none == (False, "there is no interface eth9")
    no_link = seen_by(near, "gateway", interface="lo", address="192.0.2.1")
    assert no_link == (False, "lo has no Ethernet: use ping")


@pytest.mark.parametrize("groups", ["1 0", "0 2147483647"], ids=["raw", "anybody"])
def test_an_address_answers_a_ping(lab: Lab, groups: str) -> None:
    near = lab.add_host("near", addresses=("192.0.2.11/24", "2001:db8::11/64"))
    far = lab.add_host("far", addresses=("192.0.2.12/24", "2001:db8::12/64"))
    near.run(["sh", "-c", f"echo {groups} >/proc/sys/net/ipv4/ping_group_range"])
    for address in ("192.0.2.12", "2001:db8::12", "192.0.2.11", "::1"):
        ok, text = seen_by(near, "ping", address=address)
        assert ok, text
        assert re.fullmatch("answered in .* m?s", text), text
    assert seen_by(near, "ping", address="192.0.2.12", interface="eth0")[0]
    said = seen_by(near, "ping", address="192.0.2.12", interface="eth9")
    assert said == (False, "no such interface for 192.0.2.12 by eth9")
    said = seen_by(near, "ping", address="198.51.100.1")
    assert said == (False, "no route to 198.51.100.1: this host has none to that network")
    near.run(["ip", "route", "add", "198.51.100.0/24", "via", "192.0.2.12"])
    ok, text = seen_by(near, "ping", address="198.51.100.1")
    assert (ok, text[:12]) == (False, "no echo repl"), text
    far.run(["ip", "link", "set", "eth0", "down"])
    said = seen_by(near, "ping", address="2001:db8::12")
    assert said == (False, "no echo reply within 300 ms from 2001:db8::12")


def test_a_server_on_another_host(lab: Lab) -> None:
    """Its connection does not stand at once: ARP comes first."""
    near = lab.add_host("near", addresses=("192.0.2.11/24",))
    far = lab.add_host("far", addresses=("192.0.2.12/24",))
    listen = [sys.executable, "-m", "http.server", "80", "--directory", str(far.directory)]
    far.popen(listen, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    here = {"url": "http://192.0.2.12/"}
    wait_until(lambda: seen_by(near, "http", **here)[0], DEADLINE_S, "a server answers")
    near.run(["ip", "neigh", "flush", "all"])
    assert seen_by(near, "tcp", address="192.0.2.12", port=80)[0]
    near.run(["ip", "neigh", "flush", "all"])
    said = seen_by(near, "tcp", address="192.0.2.12", port=81)
    assert said == (False, "connection refused by 192.0.2.12:81")
    _, text = seen_by(near, "http", url="http://192.0.2.13/")
    assert text.startswith("no connection to 192.0.2.13:80 within 300 ms (neither accepted nor")
