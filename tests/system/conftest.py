"""A lab for every test that asks for one, where the kernel gives us namespaces."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from offspring import unprivileged_python

from vipd.errors import VipdError
from vipd.lab.lab import Lab

HERE = Path(__file__).parent


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
