"""The attendant: what is told to many at once is never older than the last order."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from vipd.agent.attendant import Attendant
from vipd.control.access import Caller
from vipd.control.messages import (
    AnnounceRequest,
    OrderReply,
    ReloadRequest,
    Reply,
    Request,
    StatusReply,
    StatusRequest,
    decode_reply,
)
from vipd.control.report import AgentReport

OURS = Caller(pid=1, uid=os.geteuid(), groups=frozenset())
DONE = OrderReply(text="done")


@dataclass
class Office:
    """Everybody behind the attendant; to write a report takes a while, on their clock."""

    now: int = 0
    written: int = 0
    waiting: list[Callable[[Reply], None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        us: Any = self
        self.operations = self.journal = self
        self.attendant = Attendant(us, us, us, None, lambda: self.now)

    def report(self, _: object) -> AgentReport:
        self.now += 10
        self.written += 1
        return AgentReport(
            node=f"report {self.written}",
            version="1",
            generated_at="2026-01-02T03:04:05.678Z",
            uptime_s=1.0,
            instances=(),
        )

    def announce(self, _: object, __: Caller, respond: Callable[[Reply], None]) -> None:
        self.waiting.append(respond)

    def request(self, _: object, respond: Callable[[Reply], None]) -> None:
        self.waiting.append(respond)

    def ask(self, request: Request) -> list[Reply | bytes]:
        answers: list[Reply | bytes] = []
        self.attendant.answer(request, OURS, answers.append)
        return answers

    def look(self) -> str:
        (line,) = self.ask(StatusRequest())
        assert isinstance(line, bytes)
        reply = decode_reply(line, StatusRequest())
        assert isinstance(reply, StatusReply)
        return reply.status.node


def test_those_who_look_at_once_see_the_same_until_it_is_old() -> None:
    office = Office()
    assert [office.look(), office.look()] == ["report 1", "report 1"]
    office.now += 99
    assert office.look() == "report 2"


def test_who_looks_after_an_order_sees_what_came_of_it() -> None:
    for request in (AnnounceRequest(name="web"), ReloadRequest()):
        office = Office()
        assert office.look() == "report 1"
        answers = office.ask(request)
        assert office.look() == "report 1"
        office.waiting.pop()(DONE)
        assert answers == [DONE]
        assert office.look() == "report 2"
