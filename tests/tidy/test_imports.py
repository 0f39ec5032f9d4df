"""Who may import whom, where a list of what is allowed says it best."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "vipd"

PURE = {"__future__", "collections", "dataclasses", "enum", "ipaddress", "math", "typing"}
"""What of the standard library the core may use: nothing that touches the world."""

ALLOWED = {
    "core": PURE,
    "wire": PURE | {"struct", "functools", "itertools"},
    "capture/packet.py": PURE,
    "capture/verdict.py": PURE | {"datetime"},
    "capture/render.py": PURE | {"json"},
    "capture/survey.py": PURE | {"itertools"},
}

DOORS = {
    "pyroute2": ["vipd/net/netlink/message.py"],
    "structlog": ["vipd/log.py"],
    "click": ["vipd/cli/"],
    "msgspec": ["vipd/config/", "vipd/control/"],
    "scapy": ["vipd/capture/source.py"],
    "urwid": ["vipd/cli/watch"],
    "h11": ["vipd/web/conversation.py"],
    "prometheus_client": ["vipd/web/metric"],
}
"""The only places that import a third-party library."""


def imported(file: Path) -> set[str]:
    """The top-level names of what a file imports."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").partition(".")[0])
    return names - {"vipd"}


def files(place: str = "") -> list[Path]:
    path = PACKAGE / place
    return [path] if path.is_file() else sorted(path.rglob("*.py"))


def third_party_imports() -> Iterator[tuple[str, str]]:
    """Every file with each library that it imports."""
    for file in files():
        for library in sorted(imported(file) - set(sys.stdlib_module_names) - {"_typeshed"}):
            yield str(file.relative_to(PACKAGE.parent)), library


@pytest.mark.parametrize("place", ALLOWED)
def test_pure_packages_use_only_what_is_pure(place: str) -> None:
    odd = {str(file): imported(file) - ALLOWED[place] for file in files(place)}
    assert {file: names for file, names in odd.items() if names} == {}


def test_each_third_party_library_comes_in_by_its_door() -> None:
    astray = [
        f"{name} imports {library}"
        for name, library in third_party_imports()
        if not any(name.startswith(door) for door in DOORS.get(library, []))
    ]
    assert astray == []


HELP = "from vipd.cli.main import cli; cli(['{}', '--help'], standalone_mode=False)"
RESIDENT = {
    "the agent": "import vipd.agent.main, vipd.cli.run",
    **{f"vipd {command}": HELP.format(command) for command in ("run", "status", "check")},
}


@pytest.mark.parametrize("what", RESIDENT)
def test_what_stays_in_memory_or_must_be_quick_does_not_load_scapy(what: str) -> None:
    """Why: scapy takes 40 MB and a quarter of a second; a person who captures can wait for it."""
    script = f"{RESIDENT[what]}\nimport sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = done.stdout.splitlines()[-1].split()
    assert "vipd.core.model" in loaded
    assert [name for name in loaded if name.startswith(("scapy", "vipd.capture"))] == []


NEEDLESS = {
    "rich": "draws tracebacks for structlog where it is installed: 5 MB",
    "ssl": "asyncio looks for it; a tracker of https loads it when there is one: 5 MB",
    "hashlib": "loads libcrypto: 3.5 MB",
    "hmac": "loads libcrypto",
    "secrets": "loads hmac",
    "sqlite3": "pyroute2's database",
    "pyroute2.ndb": "pyroute2's database",
    "pyroute2.iproute": "pyroute2's sockets, whose messages are all that is needed: 7 MB",
    "pyroute2.netlink.rtnl.marshal": "every message that pyroute2 knows: 3 MB",
    "pyroute2.netlink.nlsocket": "a socket of pyroute2's",
    "vipd.doctor": "a command's own",
    "vipd.lab": "a command's own",
    "vipd.sim": "tests",
    "vipd.web": "a process of its own",
    "h11": "of the web",
    "prometheus_client": "of the web",
    "urwid": "of `vipd status --watch`",
    "scapy": "of `vipd capture`: 40 MB",
    "vipd.track.http": "of a tracker that nobody has asked for yet",
    "vipd.track.script": "of a tracker that nobody has asked for yet",
    "email": "of an HTTP client",
    "http": "of an HTTP client",
    "socketserver": "of pyroute2's servers",
    "tempfile": "of what is not for a daemon",
    "unittest": "of tests",
}
"""What the resident agent does not load, and what it would be for. It is as small as it is, and
starts as quickly as it does, by this."""


def test_the_resident_agent_loads_only_what_it_uses() -> None:
    script = "import sys, vipd.cli.run; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = done.stdout.split()
    assert "pyroute2.netlink.rtnl.ifinfmsg" in loaded
    needless = [
        name for name in loaded if any(f"{name}.".startswith(f"{one}.") for one in NEEDLESS)
    ]
    assert needless == []
