"""What becomes of keepalived's configurations: the text, and what is said of it.

`VIPD_GOLDEN=write pytest tests/golden/test_import_samples.py` writes all of it anew.
"""

from __future__ import annotations

import os
from pathlib import Path

import click
import pytest
from keepalived_samples import DIRECTORY, SAMPLES, imported

from vipd.cli.import_report import as_text
from vipd.config.load import parse


def compare(file: Path, text: str) -> None:
    """Compare a text with what it was, or write it anew if that is asked for."""
    if os.environ.get("VIPD_GOLDEN") == "write":
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_becomes_a_valid_file(name: str) -> None:
    result = imported(name)
    assert result.problems == ()
    assert parse(result.toml, "vipd.toml", {}).instances
    compare(DIRECTORY / f"{name}.toml", result.toml)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_reported_on(name: str) -> None:
    report = click.unstyle(as_text(f"{name}.conf", imported(name), None))
    compare(DIRECTORY / f"{name}.report", f"{report}\n")


def test_nothing_is_left_over() -> None:
    expected = {f"{name}.{kind}" for name in SAMPLES for kind in ("conf", "toml", "report")}
    assert {file.name for file in DIRECTORY.iterdir() if file.is_file()} == expected
    assert len(SAMPLES) >= 25
