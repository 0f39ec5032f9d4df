"""The examples that `vipd install` brings: each is a good configuration, without a trap."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from vipd.cli.main import cli
from vipd.config.load import load

SYSTEMD = Path(__file__).parents[3] / "systemd"
EXAMPLES = sorted((SYSTEMD / "examples").iterdir())


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.stem)
def test_an_example_passes_the_check_of_vipd(example: Path) -> None:
    """It is for another host: what its hooks are called is not looked for here."""
    result = CliRunner().invoke(cli, ["check", "--strict", "--elsewhere", str(example)])
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.stem)
def test_an_example_says_what_it_is_for_and_what_else_it_takes(example: Path) -> None:
    text = example.read_text(encoding="utf-8")
    assert text.startswith("# ")
    named = set(re.findall(r"dropins/([a-z-]+[.]conf)", text))
    assert {name for name in named if not (SYSTEMD / "dropins" / name).is_file()} == set()


def test_the_examples_show_every_way_of_use() -> None:
    names = [example.stem for example in EXAMPLES]
    assert names == ["cloud", "crossing", "haproxy", "postgresql", "redis"]
    crossing = load(SYSTEMD / "examples/crossing.toml", {})
    assert [one.priority for one in crossing.instances] == [150, 100]
    cloud = load(SYSTEMD / "examples/cloud.toml", {})
    assert cloud.instances[0].unicast


def test_drop_ins_that_the_units_name_are_there() -> None:
    for unit in ("vipd.service", "vipd@.service"):
        for name in re.findall(r"dropins/[a-z-]+\.conf", (SYSTEMD / unit).read_text("utf-8")):
            assert (SYSTEMD / name).is_file(), name
