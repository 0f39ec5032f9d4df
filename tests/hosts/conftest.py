"""Two hosts with a real systemd, and the table of what the client has seen of every event."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import NoReturn

import pytest
from hosts.event import Row, Seen, Watch, table, watched
from hosts.package import package
from hosts.rack import Rack
from hosts.root import root_file_system

from vipd.errors import VipdError
from vipd.lab.namespace import SEARCH_PATH

HERE = Path(__file__).parent
ROW = "hosts_row"
NEEDED = {
    "mmdebstrap": "mmdebstrap",
    "systemd-nspawn": "systemd-container",
    "dh": "debhelper",
    "dpkg-buildpackage": "dpkg-dev",
}
"""The programs, and the Debian packages that have them."""


def pytest_configure(config: pytest.Config) -> None:
    """Name the mark, so that `-m hosts` runs these tests alone."""
    config.addinivalue_line("markers", "hosts: boots hosts with a systemd of their own, as root")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this directory as what it is."""
    for item in items:
        if item.path.is_relative_to(HERE):
            for mark in (pytest.mark.slow, pytest.mark.hosts):
                item.add_marker(mark)


def _skip(reason: str) -> NoReturn:
    """Skip by name; in CI, where everything must be there, fail."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def racked() -> Iterator[Rack]:
    """Two hosts that have booted."""
    for program, name in NEEDED.items():
        if shutil.which(program, path=SEARCH_PATH) is None:
            _skip(f"{program} is not installed: apt-get install {name}")
    if os.geteuid() != 0:
        _skip("hosts with a systemd of their own need root")
    with ExitStack() as stack:
        try:
            rack = stack.enter_context(Rack(root_file_system()))
        except VipdError as error:
            _skip(f"no hosts: {error}")
        yield rack


@pytest.fixture(scope="session")
def newest() -> Path:
    """The package of this tree."""
    return package()


@pytest.fixture(scope="session")
def installed(racked: Rack, newest: Path) -> tuple[str, ...]:
    """What the package says when it is installed; vipd is enabled then."""
    said = racked.install(newest)
    racked.enable()
    return said


@pytest.fixture
def rack(racked: Rack, installed: tuple[str, ...]) -> Rack:  # noqa: ARG001 (it is installed)
    """The hosts as a test finds them: h1 serves, h2 waits."""
    racked.settle()
    return racked


@pytest.fixture
def event(rack: Rack, record_property: Callable[[str, object], None]) -> Watch:
    """Watch an event: it becomes a row of the table, and the client may not miss more."""

    @contextmanager
    def watch(name: str, allowed_ms: float) -> Iterator[Seen]:
        with watched(rack, name, allowed_ms) as seen:
            yield seen
        record_property(ROW, json.dumps(asdict(seen.row)))
        assert seen.row.kept, "\n".join(table([seen.row]))

    return watch


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests have recorded by `record_property("hosts_row", ...)`."""
    reports = [one for some in terminalreporter.stats.values() for one in some]
    calls = [one for one in reports if getattr(one, "when", None) == "call"]
    rows = [
        Row(**json.loads(value))
        for report in sorted(calls, key=lambda one: one.start)
        for name, value in report.user_properties
        if name == ROW
    ]
    if rows:
        terminalreporter.section("hosts: a client that asks every 10 ms")
        for line in table(rows):
            terminalreporter.write_line(line)
