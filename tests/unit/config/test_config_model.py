"""Where a running agent puts what it writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from vipd.config.model import default_control_socket, state_file


@pytest.mark.parametrize(
    ("environ", "path"),
    [
        ({}, "/run/vipd/control.sock"),
        ({"RUNTIME_DIRECTORY": ""}, "/run/vipd/control.sock"),
        ({"RUNTIME_DIRECTORY": "/run/blue"}, "/run/blue/control.sock"),
        ({"RUNTIME_DIRECTORY": "/run/blue:/run/green"}, "/run/blue/control.sock"),
    ],
)
def test_the_default_follows_systemd(environ: dict[str, str], path: str) -> None:
    assert default_control_socket(environ) == Path(path)


@pytest.mark.parametrize(
    ("environ", "path"),
    [
        ({}, "/srv/lab/h1/state.json"),
        ({"RUNTIME_DIRECTORY": ""}, "/srv/lab/h1/state.json"),
        ({"RUNTIME_DIRECTORY": "/run/blue:/run/green"}, "/run/blue/state.json"),
    ],
)
def test_the_state_file_lies_beside_the_socket_unless_systemd_says(
    environ: dict[str, str], path: str
) -> None:
    assert state_file(Path("/srv/lab/h1/control.sock"), environ) == Path(path)
