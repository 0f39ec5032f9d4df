"""A bench for each peer that is installed, and the table of what became of every cell."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NoReturn

import pytest
from interop_bench import Bench, Cells, Row
from interop_mode import MODES, Mode
from peer import Peer
from peer_frr import Frr
from peer_keepalived import Keepalived
from peer_vipd import Rfc9568

from vipd.errors import VipdError
from vipd.lab.lab import Host, Lab
from vipd.lab.namespace import SEARCH_PATH

HERE = Path(__file__).parent
ROW = "interop_row"
MakePeer = Callable[[Lab, Host, Mapping[int, str]], Peer]
WATCHERS = {"tcpdump": "tcpdump", "tshark": "tshark"}
PEERS: dict[str, tuple[Mapping[str, str], MakePeer]] = {
    "keepalived": (Keepalived.PROGRAMS, lambda _, host, own: Keepalived(host, own)),
    "frr": (Frr.PROGRAMS, lambda _, host, own: Frr(host, own)),
    "rfc9568": (Rfc9568.PROGRAMS, lambda lab, host, _: Rfc9568(lab, host)),
}


def pytest_configure(config: pytest.Config) -> None:
    """Name the mark, so that `-m interop` runs these tests alone."""
    config.addinivalue_line("markers", "interop: talks to other VRRP daemons")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this directory as what it is."""
    for item in items:
        if item.path.is_relative_to(HERE):
            for mark in (pytest.mark.system, pytest.mark.slow, pytest.mark.interop):
                item.add_marker(mark)


def _skip(reason: str) -> NoReturn:
    """Skip by name; in CI, where everything must be there, fail."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session", params=PEERS)
def bench(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bench]:
    """vipd and one peer on one switch; every scenario arranges them as it needs them.

    At the end tshark has found no fault in any packet that vipd has sent in any of them.
    """
    programs, make_peer = PEERS[request.param]
    for program, package in {**WATCHERS, **programs}.items():
        if shutil.which(program, path=SEARCH_PATH) is None:
            _skip(f"{program} is not installed: apt-get install {package}")
    if programs and os.geteuid() != 0:
        _skip(f"{request.param} needs root, not only a user namespace")
    capture = tmp_path_factory.mktemp("interop") / f"{request.param}.pcap"
    with ExitStack() as stack:
        try:
            lab = stack.enter_context(Lab())
        except VipdError as error:
            _skip(f"no lab: {error}")
        bench = Bench(lab, make_peer, capture)
        yield bench
        assert bench.faults() == {}


@pytest.fixture
def row(bench: Bench, record_property: Callable[[str, object], None]) -> Row:
    """Begin a row of the table; at its end, all of its cells must be ok."""

    @contextmanager
    def begin(scenario: str, modes: Sequence[Mode] = MODES) -> Iterator[Cells]:
        cells = Cells(bench, modes)
        if not cells.modes:
            pytest.skip(f"{bench.peer.version} has no mode for this")
        try:
            yield cells
        except VipdError as error:
            cells.fail(str(error))
        record_property(ROW, json.dumps(_told(bench, scenario, cells)))
        assert cells.failed == {}

    return begin


def _told(bench: Bench, scenario: str, cells: Cells) -> dict[str, Any]:
    """A row as it travels in the report of a test."""
    remarks: dict[str, list[str]] = {}
    for mode in MODES:
        if why := bench.peer.cannot(mode):
            remarks.setdefault(f"not tried, {why}", []).append(mode.name)
        elif asked := bench.peer.asks_of_vipd(mode):
            remarks.setdefault(f"vipd has {', '.join(asked)}", []).append(mode.name)
    return {
        "peer": bench.peer.version,
        "scenario": scenario,
        "verdicts": cells.verdicts,
        "failed": cells.failed,
        "notes": cells.notes,
        "remarks": remarks,
    }


# -- the table --------------------------------------------------------------------------------


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests have recorded by `record_property("interop_row", ...)`."""
    reports = [one for some in terminalreporter.stats.values() for one in some]
    calls = [one for one in reports if getattr(one, "when", None) == "call"]
    rows = [
        json.loads(value)
        for report in sorted(calls, key=lambda one: (*one.location[:2], one.nodeid))
        for name, value in report.user_properties
        if name == ROW
    ]
    if rows:
        terminalreporter.section("interop")
        for line in _table(rows):
            terminalreporter.write_line(line)
        tried = sum(len(row["verdicts"]) for row in rows)
        failed = sum(len(row["failed"]) for row in rows)
        terminalreporter.write_line(f"{tried} cells, {tried - failed} ok, {failed} not")


def _table(rows: list[dict[str, Any]]) -> Iterator[str]:
    """One block for each peer, a line for each scenario, a column for each mode."""
    names = [mode.name for mode in MODES]
    widest = max(len(row["scenario"]) for row in rows)
    remarks: dict[str, int] = {}
    for peer in dict.fromkeys(row["peer"] for row in rows):
        columns = [name for name in names if any(_has(row, peer, name) for row in rows)]
        yield f"{peer:{widest}}  {'  '.join(columns)}"
        for row in rows:
            if row["peer"] == peer:
                cells = [f"{_cell(row, name, remarks):{len(name)}}" for name in columns]
                yield f"{row['scenario']:{widest}}  {'  '.join(cells)}".rstrip()
        about = next(row["remarks"] for row in rows if row["peer"] == peer)
        yield from (f"  {', '.join(modes)}: {remark}" for remark, modes in about.items())
        yield ""
    yield from (f"[{number}] {remark}" for remark, number in remarks.items())


def _has(row: dict[str, Any], peer: str, mode: str) -> bool:
    return row["peer"] == peer and mode in row["verdicts"]


def _cell(row: dict[str, Any], mode: str, remarks: dict[str, int]) -> str:
    """What stands in the table: ok, FAIL or nothing, with the number of its remark."""
    if mode not in row["verdicts"]:
        return "-"
    failed = row["failed"].get(mode)
    remark = failed or row["notes"].get(mode)
    number = f"[{remarks.setdefault(remark, len(remarks) + 1)}]" if remark else ""
    return f"{'FAIL' if failed else 'ok'}{number}"
