"""Where the control socket lies when the file does not say."""

from __future__ import annotations

from pathlib import Path

import pytest

from vipd.config.model import default_control_socket


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
