"""The site, as a process of its own, with a real control socket behind it."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import pytest
from made_agent import MAINTENANCE, MadeAgent, internal, report, transition, web
from web_process import LONG_S, WebProcess, command, first_line, free_port, web_process

from vipd.core.model import State
from vipd.web.window import ANSWERS_WITHIN_S

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("site") / "control.sock"


@pytest.fixture(scope="module")
def site(place: Path) -> Iterator[WebProcess]:
    """One process for all tests: it does not mind that agents come and go."""
    with web_process(place) as process:
        yield process


@pytest.fixture
def agent(place: Path, site: WebProcess) -> Iterator[MadeAgent]:
    made = MadeAgent(place)
    with made.running():
        until(lambda: site.ask("/healthz").status == 200 and made.asked > 0)
        yield made


def until(true: Callable[[], bool]) -> None:
    for _ in range(200):
        if true():
            return
        select.select([], [], [], 0.05)
    raise AssertionError("never true")


def test_metrics_are_made_when_they_are_asked_for(agent: MadeAgent, site: WebProcess) -> None:
    assert 'vipd_instance_state{name="web",state="MASTER"} 1.0' in site.ask("/metrics").text
    agent.report = report(web(state=State.FAULT))
    until(lambda: 'name="web",state="FAULT"} 1.0' in site.ask("/metrics").text)
    reply = site.ask("/metrics", accept="application/openmetrics-text;version=1.0.0")
    assert reply.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert reply.text.endswith("# EOF\n")
    assert "\nprocess_resident_memory_bytes " in site.ask("/metrics").text


def test_the_report_itself_can_be_had(agent: MadeAgent, site: WebProcess) -> None:
    reply = site.ask("/status.json")
    assert reply.headers["content-type"] == "application/json"
    assert [one["name"] for one in json.loads(reply.body)["instances"]] == ["web", "internal"]
    assert agent.asked > 0


def test_however_many_look_the_agent_is_asked_a_few_times(
    agent: MadeAgent, site: WebProcess
) -> None:
    before = agent.asked
    for _ in range(40):
        assert site.ask("/healthz").status == 200
    assert agent.asked - before < 30


def test_health_is_that_the_agent_answers(agent: MadeAgent, site: WebProcess) -> None:
    agent.report = report(web(state=State.FAULT))
    assert site.ask("/healthz").text == "ok\n"
    agent.hangs = True
    until(lambda: site.ask("/healthz").status == 503)
    said = site.ask("/healthz").text
    assert f"said nothing for {ANSWERS_WITHIN_S:g} s" in said


def test_who_is_ready_serves_or_would(agent: MadeAgent, site: WebProcess) -> None:
    assert (site.ask("/readyz").status, site.ask("/readyz").text) == (200, "ok\n")
    agent.report = report(web(), internal(state=State.FAULT, cause="eth1 has no carrier"))
    until(lambda: site.ask("/readyz").status == 503)
    assert site.ask("/readyz").text == "internal: FAULT: eth1 has no carrier\n"
    reply = site.ask("/readyz", accept="application/json")
    problems = {"internal": "FAULT: eth1 has no carrier"}
    assert json.loads(reply.body) == {"ok": False, "problems": problems}


def test_who_is_in_maintenance_is_not_ready(agent: MadeAgent, site: WebProcess) -> None:
    agent.report = report(maintenance=MAINTENANCE)
    until(lambda: site.ask("/readyz").text == "agent: in maintenance: new kernel\n")
    assert site.ask("/readyz").status == 503


@pytest.mark.parametrize("path", ["/metrics", "/healthz", "/readyz", "/status.json"])
def test_without_an_agent_each_says_so(site: WebProcess, path: str) -> None:
    until(lambda: site.ask(path).status == 503)
    said = site.ask(path).text
    assert ("vipd_up 0.0" if path == "/metrics" else "no vipd agent answers on") in said
    assert site.ask("/").status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"])
def test_there_is_nothing_but_reading(site: WebProcess, method: str) -> None:
    reply = site.ask("/metrics", method)
    assert (reply.status, reply.headers["allow"]) == (405, "GET, HEAD")


def test_what_is_not_there_is_said_with_what_is(site: WebProcess) -> None:
    reply = site.ask("/etc/passwd")
    assert reply.status == 404
    assert "/ /events /metrics /healthz /readyz /status.json" in reply.text


def test_pages_of_other_sites_are_refused(site: WebProcess) -> None:
    foreign = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "cors"}
    assert site.ask("/status.json", **foreign).status == 403
    link = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}
    assert site.ask("/", **link).status == 200


# -- events -----------------------------------------------------------------------------------


class Viewer:
    """Reads the events of the page."""

    def __init__(self, site: WebProcess) -> None:
        self._socket = site.connect()
        self._socket.sendall(b"GET /events HTTP/1.1\r\nhost: a\r\n\r\n")
        self._file = self._socket.makefile("rb")
        self.status = self._file.readline().split()[1]

    def next(self, kind: str) -> dict[str, object]:
        """The next message of a kind."""
        while line := self._file.readline():
            if line.startswith(b"data: "):
                message: dict[str, object] = json.loads(line.removeprefix(b"data: "))
                if message["type"] == kind:
                    return message
        raise AssertionError(f"no {kind} came")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._socket.close()


def told_of(news: dict[str, object]) -> list[str]:
    """The instances that something new is told of."""
    status = news["status"]
    assert isinstance(status, dict)
    return [one["name"] for one in status.get("changed", ())]


def test_a_viewer_is_told_everything_then_what_is_new(agent: MadeAgent, site: WebProcess) -> None:
    agent.events = [transition(1, "web", State.BACKUP, State.MASTER, 1260, "silent")]
    with Viewer(site) as viewer:
        status = viewer.next("full")["status"]
        assert isinstance(status, dict)
        assert [one["name"] for one in status["instances"]] == ["web", "internal"]
        until(lambda: bool(agent.followers))
        agent.report = report(web(), internal(state=State.MASTER))
        agent.happen(transition(2, "internal", State.BACKUP, State.MASTER, 0, "now"))
        event = viewer.next("event")["event"]
        assert isinstance(event, dict)
        assert (event["seq"], event["new"], event["text"]) == (2, "MASTER", "now")
        while not (changed := told_of(viewer.next("news"))):
            continue
        assert "internal" in changed


def test_a_viewer_is_told_that_the_agent_is_away_and_that_it_is_back(
    place: Path, site: WebProcess
) -> None:
    made = MadeAgent(place)
    with ExitStack() as stack:
        with made.running():
            viewer = stack.enter_context(Viewer(site))
            viewer.next("full")
        assert "no vipd agent answers" in str(viewer.next("away")["problem"])
        with made.running():
            assert viewer.next("full")["status"]


def test_an_agent_that_tells_no_events_is_shown_all_the_same(
    agent: MadeAgent, site: WebProcess
) -> None:
    agent.tells_events = False
    with Viewer(site) as viewer:
        assert viewer.next("full")["events"] == []
        assert viewer.next("news")["now"]


def test_there_is_room_for_eight_viewers(agent: MadeAgent, site: WebProcess) -> None:
    assert agent.socket.exists()
    with ExitStack() as stack:
        viewers = [stack.enter_context(Viewer(site)) for _ in range(8)]
        assert {one.status for one in viewers} == {b"200"}
        assert site.ask("/events").status == 503
    until(lambda: site.ask("/events", "HEAD").status == 200)


def test_nobody_is_followed_when_nobody_looks(agent: MadeAgent, site: WebProcess) -> None:
    with Viewer(site):
        until(lambda: bool(agent.followers))

    def left() -> bool:
        """Whether the next event finds nobody: an agent need not notice it before."""
        agent.happen(transition(9, "web", State.BACKUP, State.MASTER, 0, "now"))
        return not agent.followers

    until(left)


# -- the process ------------------------------------------------------------------------------


def test_it_ends_when_nobody_is_left_to_read_what_it_prints(tmp_path: Path) -> None:
    """That is how it ends with an agent that was killed."""
    argv = command(tmp_path / "control.sock", f"127.0.0.1:{free_port()}")
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
        assert first_line(process).startswith("listening on 127.0.0.1:")
        assert process.stdout
        process.stdout.close()
        assert process.wait(LONG_S) == 0


def test_a_port_that_is_taken_is_told_with_the_key(tmp_path: Path, site: WebProcess) -> None:
    argv = command(tmp_path / "control.sock", f"127.0.0.1:{site.port}")
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=LONG_S)
    said = f'cannot listen on agent.metrics = "127.0.0.1:{site.port}": Address already in use\n'
    assert (done.returncode, done.stdout, done.stderr) == (1, "", said)


def test_what_cannot_be_listened_on_is_told_with_the_way_out(tmp_path: Path) -> None:
    argv = command(tmp_path / "control.sock", "localhost:9112")
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=LONG_S)
    assert done.returncode == 2
    assert "'localhost' is not an IP address: write 127.0.0.1 or [::1]" in done.stderr


def test_it_may_listen_on_a_unix_socket_that_was_left_behind(tmp_path: Path) -> None:
    path = tmp_path / "web.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    argv = command(tmp_path / "control.sock", str(path))
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
        try:
            assert first_line(process).startswith(f"listening on {path}")
            assert stat.S_IMODE(path.stat().st_mode) == 0o660
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(LONG_S)
                client.connect(str(path))
                client.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
                assert client.recv(12) == b"HTTP/1.1 503"
            second = subprocess.run(argv, capture_output=True, text=True, check=False)
            assert "another process answers there" in second.stderr
        finally:
            process.send_signal(signal.SIGTERM)
    assert process.returncode == 0


def test_a_file_is_not_replaced_by_a_socket(tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("precious")
    argv = command(tmp_path / "control.sock", str(path))
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=LONG_S)
    assert "there is something else in its place" in done.stderr
    assert path.read_text() == "precious"


def test_it_has_no_capabilities_and_cannot_have_any(site: WebProcess) -> None:
    status = Path(f"/proc/{site.process.pid}/status").read_text()
    lines = dict(line.split(":\t") for line in status.splitlines())
    sets = {name: int(lines[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")}
    assert set(sets.values()) == {0}
    assert lines["NoNewPrivs"] == "1"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become nobody")
def test_root_becomes_nobody_if_that_one_may_open_the_socket() -> None:
    """The group of the socket is what lets it."""
    directory = Path("/tmp") / f"vipd-web-{os.getpid()}"
    directory.mkdir(mode=0o755)
    directory.chmod(0o755)
    path = directory / "control.sock"
    made = MadeAgent(path)
    try:
        with made.running():
            os.chown(path, 0, 2304)
            with web_process(path) as site:
                assert site.said.endswith(" as nobody\n")
                status = Path(f"/proc/{site.process.pid}/status").read_text()
                assert "\nGid:\t2304\t2304\t2304\t2304\n" in status
                assert "\nGroups:\t \n" in status
                assert site.ask("/healthz").status == 200
                assert "\nprocess_open_fds " in site.ask("/metrics").text, "of a directory of root"
    finally:
        for file in directory.iterdir():
            file.unlink()
        directory.rmdir()
