"""The site: which path is answered by what. It only reads, so there is nothing but GET and HEAD."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Final, TypeAlias

from vipd.control.report import to_indented_json
from vipd.web.broadcast import MOST_VIEWERS, Broadcast
from vipd.web.exchange import JSON, Answer, Asked, Stream, as_json, text
from vipd.web.metrics import expose
from vipd.web.page import page
from vipd.web.process import ProcessView
from vipd.web.readiness import obstacles
from vipd.web.tally import PATHS, Tally
from vipd.web.window import Window

EVENT_STREAM: Final = "text/event-stream; charset=utf-8"

_METHODS: Final = ("GET", "HEAD")
_Route: TypeAlias = Callable[[Asked], Awaitable[Answer | Stream]]


class Site:
    """Answers what is asked of one agent."""

    def __init__(
        self, window: Window, broadcast: Broadcast, process: ProcessView, tally: Tally
    ) -> None:
        self._window = window
        self._broadcast = broadcast
        self._process = process
        self._tally = tally
        answers = (
            self._page, self._events, self._metrics, self._health, self._readiness, self._status
        )  # fmt: skip
        self._routes: Mapping[str, _Route] = dict(zip(PATHS, answers, strict=True))

    async def respond(self, asked: Asked) -> Answer | Stream:
        """Answer one request."""
        route = self._routes.get(asked.path)
        if asked.method not in _METHODS:
            allow = (("allow", ", ".join(_METHODS)),)
            return text(HTTPStatus.METHOD_NOT_ALLOWED, "this only reads: ask with GET", allow)
        if _is_foreign(asked):
            return text(HTTPStatus.FORBIDDEN, "this is not for pages of other sites")
        if route is None:
            return text(HTTPStatus.NOT_FOUND, f"there is nothing here; there is: {' '.join(PATHS)}")
        return await route(asked)

    async def _page(self, _: Asked) -> Answer:
        document = page()
        return Answer(
            kind="text/html; charset=utf-8",
            body=document.body,
            headers=(("content-security-policy", document.policy),),
        )

    async def _events(self, asked: Asked) -> Answer | Stream:
        if self._broadcast.crowded:
            said = f"{MOST_VIEWERS} pages are open already; close one"
            return text(HTTPStatus.SERVICE_UNAVAILABLE, said)
        if asked.method == "HEAD":
            return Answer(kind=EVENT_STREAM)
        return Stream(kind=EVENT_STREAM, pieces=self._broadcast.view())

    async def _metrics(self, asked: Asked) -> Answer:
        """Why in a thread: thousands of lines take a while, and others ask meanwhile."""
        report = (await self._window.look()).report
        process = self._process.look(report.pid) if report and report.pid else None
        accept = asked.headers.get("accept", "")
        written = await asyncio.to_thread(expose, report, process, self._tally, accept)
        status = HTTPStatus.OK if report else HTTPStatus.SERVICE_UNAVAILABLE
        return Answer(status=status, kind=written.kind, body=written.body)

    async def _health(self, asked: Asked) -> Answer:
        sight = await self._window.look()
        if sight.report is None:
            return _verdict(asked, {"agent": sight.problem})
        return _verdict(asked, {})

    async def _readiness(self, asked: Asked) -> Answer:
        sight = await self._window.look()
        if sight.report is None:
            return _verdict(asked, {"agent": sight.problem})
        return _verdict(asked, obstacles(sight.report))

    async def _status(self, _: Asked) -> Answer:
        sight = await self._window.look()
        if sight.report is None:
            return as_json(HTTPStatus.SERVICE_UNAVAILABLE, {"error": sight.problem})
        body = to_indented_json(sight.report).encode() + b"\n"
        return Answer(kind=JSON, body=body)


def _verdict(asked: Asked, problems: Mapping[str, str]) -> Answer:
    """Good, or what is not, in a line each."""
    status = HTTPStatus.SERVICE_UNAVAILABLE if problems else HTTPStatus.OK
    if asked.prefers_json():
        return as_json(status, {"ok": not problems, "problems": problems})
    lines = [f"{who}: {' '.join(why.split())}" for who, why in problems.items()]
    return text(status, "\n".join(lines) or "ok")


def _is_foreign(asked: Asked) -> bool:
    """Whether a page of another site asks, as browsers tell; a person who follows a link may."""
    elsewhere = asked.headers.get("sec-fetch-site") in {"cross-site", "same-site"}
    return elsewhere and asked.headers.get("sec-fetch-mode") != "navigate"
