"""The plays that are asked for, side by side, and what each has shown."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import TypeAlias

import pytest
from chaos.play import House, Play
from chaos.seen import Row

STAGES = 5
"""Labs at a time. Nearly all of their time is spent waiting."""

Perform: TypeAlias = Callable[[Play], tuple[Row, ...]]


@pytest.fixture(scope="session")
def perform(request: pytest.FixtureRequest, namespaces: None) -> Iterator[Perform]:  # noqa: ARG001
    """Wait for what a play has shown; all plays of this run have begun with the first."""
    with House(STAGES) as house:
        wanted = {str(play): play for play in map(_play_of, request.session.items) if play}
        begun: dict[str, Future[tuple[Row, ...]]] = {
            name: house.begin(play) for name, play in wanted.items() if not play.missing()
        }

        def wait(play: Play) -> tuple[Row, ...]:
            if reason := play.missing():
                (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
            return begun[str(play)].result()

        yield wait


def _play_of(item: pytest.Item) -> Play | None:
    """What a test is about, if it is about a play."""
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    play = parameters.get("play")
    return play if isinstance(play, Play) else None
