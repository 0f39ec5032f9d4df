"""The documentation is made from the schema, is whole, and its examples work."""

from __future__ import annotations

from pathlib import Path

import pytest

from vipd.config.explain import EXAMPLES, SHARED, explain, page
from vipd.config.load import MINIMAL, parse
from vipd.config.read import Reader
from vipd.config.track_schema import TRACKERS
from vipd.core.config import TrackerConfig
from vipd.track.registry import KINDS, make

PAGE = Path(__file__).parents[3] / "docs/trackers.md"


def example(kind: str) -> TrackerConfig:
    (tracker,) = parse(f"{MINIMAL}\n{EXAMPLES[kind]}", "example", {}).trackers
    return tracker


@pytest.mark.parametrize("kind", TRACKERS)
def test_every_kind_has_an_example_that_is_valid(kind: str) -> None:
    assert example(kind).kind == kind


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_schema_admits_a_tracker_can_be_made_of(kind: str) -> None:
    assert callable(make(example(kind)).stop)


def test_every_tracker_has_a_schema() -> None:
    assert set(KINDS) <= set(TRACKERS)


@pytest.mark.parametrize("kind", TRACKERS)
def test_every_key_of_a_kind_is_explained(kind: str) -> None:
    text = explain(kind)
    names = [key.name for key in (*text.own, *text.shared)]
    assert sorted(names) == sorted(TRACKERS[kind].__struct_fields__)
    assert all(key.about and key.takes and key.default for key in (*text.own, *text.shared))
    assert text.line.endswith((".", "?"))
    assert {key.name for key in text.shared} <= set(SHARED)


@pytest.mark.parametrize("kind", TRACKERS)
def test_the_defaults_can_be_read_as_the_file_is(kind: str) -> None:
    reader = Reader()
    reader.read_table("", {}, TRACKERS[kind])
    assert {problem.problem for problem in reader.problems} <= {"is missing"}


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), (
        "make it anew: vipd track --explain --markdown > docs/trackers.md"
    )
