"""The one epoll of all looks: who is called, who is not, and that the loop gets its turn."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from vipd.track.readiness import AT_ONCE, READABLE, WRITABLE, readiness


@pytest.fixture
def pairs() -> Iterator[list[socket.socket]]:
    """More sockets that have something to read than are served at once."""
    with ExitStack() as stack:
        readable = []
        for _ in range(2 * AT_ONCE):
            near, far = socket.socketpair()
            stack.enter_context(near)
            stack.enter_context(far).send(b"x")
            readable.append(near)
        yield readable


def test_the_loop_has_its_turn_between_a_few_of_them(pairs: list[socket.socket]) -> None:
    async def scenario() -> None:
        served: list[int] = []
        for near in pairs:

            def ready(events: int, near: socket.socket = near) -> None:
                assert events == READABLE
                served.append(near.fileno())
                readiness().forget(near.fileno())

            readiness().watch(near.fileno(), READABLE, ready)
        turns = 0
        while len(served) < len(pairs):
            before = len(served)
            await asyncio.sleep(0)
            assert len(served) - before <= AT_ONCE
            turns += 1
            assert turns < 100
        assert sorted(served) == sorted(near.fileno() for near in pairs)

    asyncio.run(scenario())


def test_who_is_forgotten_by_another_of_the_same_moment_is_not_called(
    pairs: list[socket.socket],
) -> None:
    first, second = pairs[:2]

    async def scenario() -> list[str]:
        called: list[str] = []

        def of(name: str, other: socket.socket) -> None:
            called.append(name)
            for each in (first, other) if name == "first" else (second, other):
                readiness().forget(each.fileno())

        readiness().watch(first.fileno(), READABLE, lambda _: of("first", second))
        readiness().watch(second.fileno(), READABLE, lambda _: of("second", first))
        for _ in range(5):
            await asyncio.sleep(0)
        return called

    assert len(asyncio.run(scenario())) == 1


def test_what_is_waited_for_can_change_and_each_loop_has_its_own(
    pairs: list[socket.socket],
) -> None:
    async def scenario() -> int:
        seen: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        descriptor = pairs[0].fileno()

        def ready(events: int) -> None:
            readiness().forget(descriptor)
            seen.set_result(events)

        readiness().watch(descriptor, READABLE, ready)
        readiness().watch(descriptor, WRITABLE, ready)
        return await seen

    assert asyncio.run(scenario()) == WRITABLE
    assert asyncio.run(scenario()) == WRITABLE
