"""The judge of instruction counts: that it can say no."""

from __future__ import annotations

from bench.instruction import regressions
from bench.stepping import hear, serve

KNOWN = {"an event": 1000}


def test_a_tenth_more_is_borne_and_less_is_fine() -> None:
    assert list(regressions({"an event": 1100}, KNOWN)) == []
    assert list(regressions({"an event": 100}, KNOWN)) == []


def test_more_than_that_is_said() -> None:
    said = list(regressions({"an event": 1101}, KNOWN))
    assert said == ["an event: 1101 instructions, +10.1% of 1000"]


def test_what_has_no_reference_is_said() -> None:
    said = list(regressions({"another": 5}, KNOWN))
    assert said == ["another: has no reference; 5 instructions"]


def test_the_script_ends_as_it_says() -> None:
    hear(10)
    serve(100)
