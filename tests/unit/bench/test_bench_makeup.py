"""What the memory of an agent consists of: the parts make the whole."""

from __future__ import annotations

import pytest
from bench.makeup import LIBRARIES, makeup

pytestmark = pytest.mark.slow

MOST_KB = 40 * 1024


def test_every_part_of_an_agent_is_weighed() -> None:
    parts = {part.name: part for part in makeup()}
    assert [*parts] == ["the interpreter", "the standard library", *LIBRARIES, "vipd"]
    assert all(part.modules and part.rss > 0 and part.pss > 0 for part in parts.values())
    assert parts["pyroute2"].modules < 40
    assert parts["vipd"].modules > 100


def test_the_code_alone_leaves_room_for_what_it_works_on() -> None:
    """The whole agent is to stay below 40 MB with one instance."""
    assert sum(part.rss for part in makeup()) < MOST_KB
