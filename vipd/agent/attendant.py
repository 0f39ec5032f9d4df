"""The attendant: who stands behind the control socket, and has every request seen to."""

from __future__ import annotations

from vipd.agent.report import Reporter
from vipd.control.access import Caller, refusal
from vipd.control.handler import Feed, Respond
from vipd.control.messages import ErrorReply, Request, StatusRequest, answer_status


class Attendant:
    """Lets those who may look look, and those who may order order."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter

    def answer(self, request: Request, caller: Caller, respond: Respond) -> Feed | None:
        """See to one request."""
        if denied := refusal(request, caller):
            respond(denied)
            return None
        match request:
            case StatusRequest():
                respond(answer_status(request, self._reporter.report()))
            case _:
                respond(ErrorReply(error="this agent does not do that"))
        return None
