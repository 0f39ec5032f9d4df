"""What systemd is told, by a real datagram socket."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from vipd.agent.supervisor import Supervisor
from vipd.core.units import SECOND


@contextmanager
def manager(address: str) -> Iterator[socket.socket]:
    """A service manager that listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(address)
        receiver.settimeout(5)
        yield receiver


def test_each_word_is_one_datagram(tmp_path: Path) -> None:
    path = str(tmp_path / "notify")
    supervisor = Supervisor({"NOTIFY_SOCKET": path})
    with manager(path) as receiver:
        supervisor.ready()
        supervisor.stopping()
        supervisor.alive()
        supervisor.reloading()
        assert [receiver.recv(100) for _ in range(3)] == [b"READY=1", b"STOPPING=1", b"WATCHDOG=1"]
        reloading, monotonic = receiver.recv(100).split(b"\n")
        assert reloading == b"RELOADING=1"
        assert monotonic.startswith(b"MONOTONIC_USEC=")


def test_an_abstract_address_begins_with_an_at_sign() -> None:
    name = f"vipd-test-{os.getpid()}"
    with manager(f"\0{name}") as receiver:
        Supervisor({"NOTIFY_SOCKET": f"@{name}"}).ready()
        assert receiver.recv(100) == b"READY=1"


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": "/nowhere/notify"}])
def test_without_a_manager_nothing_happens(environment: dict[str, str]) -> None:
    Supervisor(environment).ready()


@pytest.mark.parametrize(
    ("environment", "heartbeat"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "10000000"}, 5 * SECOND),
        ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": str(os.getpid())}, 5 * SECOND),
        ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "nonsense"}, None),
    ],
)
def test_a_sign_of_life_is_due_twice_in_what_the_watchdog_allows(
    environment: dict[str, str], heartbeat: int | None
) -> None:
    assert Supervisor(environment).heartbeat == heartbeat
