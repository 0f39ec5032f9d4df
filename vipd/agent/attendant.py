"""The attendant: who stands behind the control socket, and has every request seen to.

Why a status is shared: to write one takes the loop as long as a short advert interval where there
are hundreds of instances, and a hundred people may look at once. One that took long holds for ten
times as long, so that all who look have a tenth of the loop at most; or until an order has been
answered, so that whoever looks after that sees what came of it.
"""

from __future__ import annotations

import os

from vipd.agent.ports import Clock
from vipd.agent.reload import Reloading
from vipd.agent.report import Reporter
from vipd.agent.staff import Staff
from vipd.control.access import Caller, refusal
from vipd.control.handler import Answer, Feed, Respond
from vipd.control.messages import (
    AnnounceRequest,
    FailoverRequest,
    FollowRequest,
    HistoryRequest,
    MaintenanceRequest,
    Order,
    PriorityRequest,
    ReloadRequest,
    Reply,
    Request,
    StatusReply,
    StatusRequest,
    answer_status,
    encode,
)
from vipd.control.report import AgentReport, ControlReport
from vipd.core.units import Instant

LOOP_SHARE = 10
"""Looking has one part in so many of the loop's time."""


class Attendant:
    """Lets those who may look look, and those who may order order."""

    def __init__(
        self,
        reporter: Reporter,
        staff: Staff,
        reloading: Reloading,
        admins: int | None,
        clock: Clock,
    ) -> None:
        self._clock = clock
        self._reporter = reporter
        self._staff = staff
        self._reloading = reloading
        self._admins = admins
        self._written = b""
        self._holds_until: Instant = 0
        self._requests = self._refused = 0

    def answer(self, request: Request, caller: Caller, respond: Answer) -> Feed | None:
        """See to one request."""
        self._requests += 1
        if denied := refusal(request, caller, self._admins):
            self._refused += 1
            respond(denied)
            return None
        journal = self._staff.journal
        match request:
            case StatusRequest(name=None):
                respond(self._status())
            case StatusRequest():
                respond(answer_status(request, self._report()))
            case HistoryRequest():
                respond(journal.reply(request, os.uname().nodename, self._reporter.names))
            case FollowRequest():
                if unknown := journal.refusal(request.name, self._reporter.names):
                    respond(unknown)
                else:
                    return journal.feed(request)
            case ReloadRequest():
                self._reloading.request(request, self._afresh(respond))
            case _:
                self._order(request, caller, self._afresh(respond))
        return None

    def _status(self) -> bytes:
        """The status of all, not older than ten times what it takes to write it."""
        began = self._clock()
        if began >= self._holds_until:
            self._written = encode(StatusReply(status=self._report()))
            took = self._clock() - began
            self._holds_until = began + took * LOOP_SHARE
        return self._written

    def _afresh(self, respond: Respond) -> Respond:
        """Answer an order; what was written before holds no more."""

        def answer(reply: Reply) -> None:
            self._holds_until = 0
            respond(reply)

        return answer

    def _report(self) -> AgentReport:
        counted = ControlReport(requests=self._requests, refused=self._refused)
        return self._reporter.report(counted)

    def _order(self, order: Order, caller: Caller, respond: Respond) -> None:
        operations = self._staff.operations
        match order:
            case FailoverRequest():
                operations.fail_over(order, caller, respond)
            case MaintenanceRequest():
                operations.maintain(order, caller, respond)
            case PriorityRequest():
                operations.prioritise(order, caller, respond)
            case AnnounceRequest():
                operations.announce(order, caller, respond)
