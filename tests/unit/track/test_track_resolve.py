"""Names are looked up off the loop, a few at a time, and remembered."""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest
from looking import DEADLINE_S

from vipd.track.resolve import FRESH_S, THREADS, Address, Answer, Names, look_up, numeric

HERE = (Address(family=socket.AF_INET, socket_address=("192.0.2.1",)),)


class NameServer:
    """Looks names up when it is let, and counts."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.let = threading.Semaphore(0)
        self.answer: Answer = HERE

    def look_up(self, host: str) -> Answer:
        self.asked.append(host)
        assert self.let.acquire(timeout=DEADLINE_S)
        return self.answer


async def found(names: Names, *hosts: str) -> list[Answer]:
    """The answers for these names, once all are there."""
    loop = asyncio.get_running_loop()
    futures: list[asyncio.Future[Answer]] = [loop.create_future() for _ in hosts]
    for host, future in zip(hosts, futures, strict=True):
        names.find(host, future.set_result)
    return list(await asyncio.wait_for(asyncio.gather(*futures), DEADLINE_S))


def test_an_answer_is_shared_and_remembered() -> None:
    server = NameServer()
    server.let.release()

    async def scenario() -> None:
        names = Names(server.look_up)
        assert await found(names, "a", "a") == [HERE, HERE]
        assert await found(names, "a") == [HERE]
        assert server.asked == ["a"]

    asyncio.run(scenario())


def test_a_failure_is_told_and_not_remembered() -> None:
    server = NameServer()
    server.answer = "no such name"

    async def scenario() -> None:
        names = Names(server.look_up)
        for _ in range(2):
            server.let.release()
            assert await found(names, "a") == ["no such name"]
        assert server.asked == ["a", "a"]

    asyncio.run(scenario())


def test_what_was_known_is_given_while_name_servers_are_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = NameServer()
    server.let.release()

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        names = Names(server.look_up)
        await found(names, "a")
        later = loop.time() + FRESH_S
        with monkeypatch.context() as patched:
            patched.setattr(loop, "time", lambda: later)
            server.answer = "the name servers do not answer"
            assert await found(names, "a") == [HERE]
        server.let.release()

    asyncio.run(scenario())
    assert server.asked == ["a", "a"]


def test_few_are_asked_for_at_a_time_and_a_question_can_be_forgotten() -> None:
    server = NameServer()
    hosts = [str(number) for number in range(THREADS + 2)]

    async def scenario() -> None:
        names = Names(server.look_up)
        told: list[Answer] = []
        names.find("0", told.append)()
        waiting = asyncio.ensure_future(found(names, *hosts))
        await asyncio.sleep(0)
        assert sorted(server.asked) == hosts[:THREADS]
        for _ in hosts:
            server.let.release()
        assert await waiting == [HERE] * len(hosts)
        assert told == []

    asyncio.run(scenario())
    assert sorted(server.asked) == hosts


def test_addresses_are_no_names() -> None:
    assert numeric("192.0.2.1") == HERE[0]
    address = Address(family=socket.AF_INET6, socket_address=("2001:db8::1", 0, 0))
    assert numeric("2001:db8::1") == address
    for name in ("localhost", "", "a" * 300, "\u00fc..b"):
        assert numeric(name) is None


def test_the_library_is_asked() -> None:
    assert isinstance(look_up("localhost"), tuple)
    assert str(look_up("no-such-host.invalid")).startswith("no address for the name no-such-host")
    assert str(look_up("\u00fc..b")) == "no address for the name \u00fc..b: it is no name"
