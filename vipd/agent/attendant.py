"""The attendant: who stands behind the control socket, and has every request seen to."""

from __future__ import annotations

import os

from vipd.agent.reload import Reloading
from vipd.agent.report import Reporter
from vipd.agent.staff import Staff
from vipd.control.access import Caller, refusal
from vipd.control.handler import Feed, Respond
from vipd.control.messages import (
    AnnounceRequest,
    FailoverRequest,
    FollowRequest,
    HistoryRequest,
    MaintenanceRequest,
    Order,
    PriorityRequest,
    ReloadRequest,
    Request,
    StatusRequest,
    answer_status,
)


class Attendant:
    """Lets those who may look look, and those who may order order."""

    def __init__(
        self, reporter: Reporter, staff: Staff, reloading: Reloading, admins: int | None
    ) -> None:
        self._reporter = reporter
        self._staff = staff
        self._reloading = reloading
        self._admins = admins

    def answer(self, request: Request, caller: Caller, respond: Respond) -> Feed | None:
        """See to one request."""
        if denied := refusal(request, caller, self._admins):
            respond(denied)
            return None
        journal = self._staff.journal
        match request:
            case StatusRequest():
                respond(answer_status(request, self._reporter.report()))
            case HistoryRequest():
                respond(journal.reply(request, os.uname().nodename, self._reporter.names))
            case FollowRequest():
                if unknown := journal.refusal(request.name, self._reporter.names):
                    respond(unknown)
                else:
                    return journal.feed(request)
            case ReloadRequest():
                self._reloading.request(request, respond)
            case _:
                self._order(request, caller, respond)
        return None

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
