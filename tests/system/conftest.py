"""A lab for every test that asks for one, where the kernel gives us namespaces."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import pytest
from offspring import unprivileged_python

from vipd.errors import VipdError
from vipd.lab.lab import Lab

HERE = Path(__file__).parent
AHEAD = -10
"""The niceness of tests that measure time, where it is permitted: they are not to measure what
else a shared machine does. What they start inherits it, so among themselves nothing changes."""


def pytest_configure() -> None:
    """Have what the tests start heed Ctrl-C, even where a shell has us in its background."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Let a test that measures time go before other programs, fixtures included."""
    if item.get_closest_marker("alone") is None:
        return (yield)
    before = os.getpriority(os.PRIO_PROCESS, 0)
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, AHEAD)
    try:
        return (yield)
    finally:
        with suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, 0, before)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this directory as what it is."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.system)


def _skip(reason: str) -> NoReturn:
    """Skip by name; in CI, where everything must be there, fail."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def namespaces() -> None:
    """Whether this user can have a lab at all."""
    try:
        with Lab():
            return
    except VipdError as error:
        reason = f"no lab: {error}"
    _skip(reason)


@pytest.fixture(scope="session")
def user_namespaces() -> None:
    """Whether a user without rights can have a lab."""
    code = "from vipd.lab.lab import Lab; Lab().__enter__()"
    asked = subprocess.run(
        [*unprivileged_python(), "-c", code], capture_output=True, text=True, check=False
    )
    if asked.returncode != 0:
        _skip(f"no lab without root: {asked.stderr.strip().splitlines()[-1]}")


@pytest.fixture
def lab(namespaces: None) -> Iterator[Lab]:  # noqa: ARG001 (it asks whether there can be a lab)
    """A switch without hosts, gone after the test."""
    with Lab() as lab:
        yield lab
