"""Where a running agent puts what it writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from vipd.config.model import default_control_socket, default_state_directory, runtime_directory


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
        ({}, "/srv/lab/h1"),
        ({"RUNTIME_DIRECTORY": ""}, "/srv/lab/h1"),
        ({"RUNTIME_DIRECTORY": "/run/blue:/run/green"}, "/run/blue"),
    ],
)
def test_the_runtime_directory_lies_beside_the_socket_unless_systemd_says(
    environ: dict[str, str], path: str
) -> None:
    assert runtime_directory(Path("/srv/lab/h1/control.sock"), environ) == Path(path)


def test_what_outlives_a_reboot_lies_where_systemd_says() -> None:
    assert default_state_directory({}) == Path("/var/lib/vipd")
    assert default_state_directory({"STATE_DIRECTORY": "/var/lib/blue"}) == Path("/var/lib/blue")
