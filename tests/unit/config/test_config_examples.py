"""Every example of the documentation is a good configuration, and has no traps."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vipd.config.load import interpret
from vipd.config.reference import use_name
from vipd.config.trap import traps
from vipd.errors import ConfigError

ROOT = Path(__file__).parents[3]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
BLOCK = re.compile(r"^```toml\n(.*?)^```$", re.DOTALL | re.MULTILINE)

PREFIX = """
interface = "eth0"
vrid = 51
addresses = ["192.0.2.100/24"]
priority = 150
peer_priorities = [100]
"""
"""What stands above the keys of an instance, where an example does not repeat it."""

Document = dict[str, Any]


def blocks(page: Path) -> list[Document]:
    return [tomllib.loads(block) for block in BLOCK.findall(page.read_text(encoding="utf-8"))]


def completed(example: Document, page: Path) -> Document:
    """An example with what its page says elsewhere: the instance, and the trackers it uses."""
    trackers = example.get("track", {})
    instances = example.get("instance") or {"web": {"track": list(trackers)}}
    declared = {name: keys for one in blocks(page) for name, keys in one.get("track", {}).items()}
    used = {use_name(use) for keys in instances.values() for use in keys.get("track", ())}
    elsewhere = {name: declared[name] for name in used - trackers.keys() if name in declared}
    prefix = tomllib.loads(PREFIX)
    return {
        **example,
        "instance": {name: prefix | keys for name, keys in instances.items()},
        "track": elsewhere | trackers,
    }


def examples() -> Iterator[Any]:
    for page in PAGES:
        for number, example in enumerate(blocks(page), 1):
            yield pytest.param(page, example, id=f"{page.name}-{number}")


@pytest.mark.parametrize(("page", "least"), [("README.md", 2), ("docs/trackers.md", 15)])
def test_there_are_examples(page: str, least: int) -> None:
    assert len(blocks(ROOT / page)) >= least


@pytest.mark.parametrize(("page", "example"), list(examples()))
def test_an_example_passes_vipd_check(page: Path, example: Document) -> None:
    try:
        config = interpret(completed(example, page), page.name, {})
    except ConfigError as error:
        pytest.fail(str(error))
    assert [str(trap) for trap in traps(config)] == []


def test_the_first_example_and_that_of_health_need_nothing_from_elsewhere() -> None:
    """What somebody copies first; of the second the trackers at least."""
    first, health, *_ = blocks(ROOT / "README.md")
    assert interpret(first, "README.md", {}).instances[0].name == "web"
    used = {use_name(use) for use in health["instance"]["web"]["track"]}
    assert used == health["track"].keys()
