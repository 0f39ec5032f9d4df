"""How long Python's collector of garbage may pause the loop, counted by what it looks at.

Each test is a process of its own: the collector is one for all.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

BEGIN = """
import gc, json, time
from vipd.agent import garbage

class Thing:
    def __init__(self, other=None):
        self.other = other or self

looks, began = [], 0

def look(phase, about):
    global began
    if phase == "start":
        generations = range(about["generation"] + 1)
        count = sum(len(gc.get_objects(generation=one)) for one in generations)
        looks.append([about["generation"], count])
        began = time.thread_time_ns()
    else:
        looks[-1] += [about["collected"], time.thread_time_ns() - began]

def alive():
    return sum(isinstance(one, Thing) for one in gc.get_objects())

forever = [[number] for number in range(100_000)]
garbage.take_charge()
garbage.settle()
gc.callbacks.append(look)
"""
END = "\nprint(json.dumps({'looks': looks, 'found': found}))"

GENERATION, COUNT, TOOK = 0, 1, 3
MOST_AT_ONCE = 5_000


def outcome(script: str) -> Mapping[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + script + END],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    result: Mapping[str, Any] = json.loads(done.stdout)
    return result


def test_by_itself_it_never_looks_at_much(record_property: Callable[[str, object], None]) -> None:
    """A hundred thousand objects live, and as many come to stay."""
    looks = outcome("stays = [[number] for number in range(100_000)]; found = 0")["looks"]
    assert {look[GENERATION] for look in looks} == {0, 1}
    assert max(look[COUNT] for look in looks) < MOST_AT_ONCE
    longest_us = max(look[TOOK] for look in looks) / 1000
    record_property("figure", f"garbage: the longest look at the young took {longest_us:.0f} us")


def test_a_sweep_does_nothing_as_long_as_little_has_come() -> None:
    assert outcome("garbage.sweep(); found = 0")["looks"] == []


def test_a_sweep_finds_what_has_become_garbage_after_it_was_old() -> None:
    script = """
things = [Thing() for _ in range(10_000)]
del things
old = alive()
garbage.sweep()
found = [old, alive()]
"""
    old, left = outcome(script)["found"]
    assert old > 5_000
    assert left == 0


def test_what_has_come_to_stay_is_looked_at_once() -> None:
    script = """
things = [Thing() for _ in range(10_000)]
before = gc.get_freeze_count()
garbage.sweep()
frozen = gc.get_freeze_count() - before
more = [Thing() for _ in range(5_000)]
garbage.sweep()
found = frozen
"""
    result = outcome(script)
    first, second = (look[COUNT] for look in result["looks"] if look[GENERATION] == 2)
    assert first > 10_000
    assert result["found"] > 10_000
    assert second < first - 4_000


def test_what_was_frozen_is_freed_when_nobody_refers_to_it() -> None:
    script = """
things = [Thing(forever) for _ in range(10_000)]
garbage.sweep()
before = gc.get_freeze_count()
del things
found = before - gc.get_freeze_count()
"""
    assert outcome(script)["found"] >= 10_000


def test_little_that_stays_is_not_frozen() -> None:
    """Why: what is frozen while it is in use would stay for good if it refers to itself."""
    script = """
for _ in range(5):
    stays = [Thing(forever) for _ in range(400)]
    for _ in range(garbage.LOOKS):
        gc.collect(1)
    before = gc.get_freeze_count()
    garbage.sweep()
found = gc.get_freeze_count() - before
"""
    result = outcome(script)
    assert [look[GENERATION] for look in result["looks"]].count(2) == 5
    assert result["found"] == 0


def test_a_few_that_have_survived_can_wait() -> None:
    script = """
things = [Thing() for _ in range(500)]
gc.collect(1)
garbage.sweep()
found = 0
"""
    assert [look[GENERATION] for look in outcome(script)["looks"]] == [1]
