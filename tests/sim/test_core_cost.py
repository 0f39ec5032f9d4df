"""What an event costs the pure core: no more than a tenth above the committed count."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from bench import instruction


@pytest.mark.slow
def test_no_event_costs_a_tenth_more_than_it_did(
    record_property: Callable[[str, object], None],
) -> None:
    """`PYTHONPATH=tests/support python -m bench --instructions --write` makes it the new count."""
    if reason := instruction.missing():
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    known = instruction.reference()
    if known is None:
        pytest.skip(f"no instruction counts are known for {instruction.platform_name()}")
    counted = instruction.count()
    for kind, now in counted.items():
        text = f"core: {kind}: {now} instructions ({known.get(kind, 0)} committed)"
        record_property("figure", text)
    assert list(instruction.regressions(counted, known)) == []
