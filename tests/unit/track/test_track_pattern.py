"""Patterns: which of them may see how much, and that none of them keeps the adverts waiting."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vipd.track.pattern import LIMIT, REPEATING_LIMIT, Pattern

TAME = ["ok", "o?k", "[*+]", r"\*\+", "(up|ready)", "a{3}", "(?i:OK)", "(?:a|b)?", "[]*]x", "a{,5}"]
REPEATING = [".*ok", "a+?", r'"status"\s*:\s*"up"', "a{2,}", "(?P<x>abc)+", "(?:ab)*", "a{40}"]
ENDLESS = ["(a+)+$", "(a|aa)*b", "((a?b)c){2,}", "(?:a*b)+", "(?P<x>a|b)+", "(a?){30}a", "([ab]*)*"]


@pytest.mark.parametrize("written", TAME)
def test_what_repeats_little_sees_all(written: str) -> None:
    pattern = Pattern(written)
    assert (pattern.limit, pattern.trouble) == (LIMIT, "")


@pytest.mark.parametrize("written", REPEATING)
def test_what_repeats_sees_the_beginning(written: str) -> None:
    pattern = Pattern(written)
    assert (pattern.limit, pattern.trouble) == (REPEATING_LIMIT, "")


@pytest.mark.parametrize("written", ENDLESS)
def test_what_repeats_repetitions_is_refused_in_words(written: str) -> None:
    pattern = Pattern(written)
    assert not pattern.found_in(b"a")
    assert pattern.trouble.startswith(f"/{written}/ repeats a group that repeats or chooses")


def test_a_pattern_is_found_in_text_and_rubbish() -> None:
    assert Pattern("grün").found_in("alles grün".encode())
    assert Pattern("ok").found_in(b"\xff\xfeok")
    assert not Pattern("ok").found_in(b"OK")
    assert not Pattern("o+k").found_in(REPEATING_LIMIT * b" " + b"ok")


@pytest.mark.parametrize("written", [".*ok", '(?s).*"status".*:.*"up"', "[a-z]*x", "ok"])
def test_what_is_not_there_is_not_looked_for_long(written: str) -> None:
    """Why: 64 KiB of one line took the first of them 1.5 s."""
    began = time.thread_time()
    assert not Pattern(written).found_in(LIMIT * b"a")
    assert time.thread_time() - began < 0.2


@given(st.text(alphabet=r"ab()[]{}*+?|\^$.,12:<>=!P-", max_size=12))
def test_no_text_is_too_odd_to_judge(written: str) -> None:
    try:
        re.compile(written)
    except (re.error, OverflowError, FutureWarning):
        return
    assert Pattern(written).limit in (LIMIT, REPEATING_LIMIT)
