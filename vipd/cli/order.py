"""Orders to a running agent: how they are given, and how what came of them is shown."""

from __future__ import annotations

import re
import sys
from typing import Final

import click

from vipd.cli.reach import Verdict, fail, socket_of
from vipd.control.client import NoAgent, ask
from vipd.control.messages import LONGEST_ORDER_S, ErrorReply, Order, OrderReply
from vipd.control.report import to_indented_json

PATIENCE_S: Final = 610.0
"""An order may have to wait for hooks; the agent ends that wait a little sooner, and says so."""

_UNITS: Final = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


class Span(click.ParamType[float]):
    """A length of time as people say it: 30s, 45m, 2h, 1d, also 1h30m."""

    name = "TIME"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read it. Units: seconds."""
        parts = re.findall(r"(\d+(?:\.\d+)?)(min|[smhd])", str(value))
        seconds = sum(float(count) * _UNITS[unit] for count, unit in parts)
        if "".join(count + unit for count, unit in parts) != str(value) or not seconds:
            self.fail(f"{value!r} is no length of time: write 30s, 45m, 2h or 1d", param, ctx)
        if seconds > LONGEST_ORDER_S:
            days = LONGEST_ORDER_S / _UNITS["d"]
            self.fail(f"{value!r} is too long: {days:g}d at most, or no end at all", param, ctx)
        return seconds


def give(ctx: click.Context, order: Order, *, as_json: bool, summed_up: bool = False) -> None:
    """Give an order, show what came of it, and end: with 0 when all is done, else with 1.

    What came of one instance says it all, unless it is `summed_up`.
    """
    try:
        reply = ask(socket_of(ctx), order, timeout_s=PATIENCE_S)
    except NoAgent as error:
        fail(str(error), Verdict.NO_AGENT)
    if as_json:
        click.echo(to_indented_json(reply))
    elif isinstance(reply, ErrorReply):
        click.echo(reply.error, err=True)
    else:
        _show(reply, summed_up=summed_up or len(reply.outcomes) != 1)
    if isinstance(reply, ErrorReply):
        sys.exit(Verdict.REFUSED if reply.denied else Verdict.NOT_SO)
    sys.exit(Verdict.GOOD if all(one.done for one in reply.outcomes) else Verdict.NOT_SO)


def _show(reply: OrderReply, *, summed_up: bool) -> None:
    for outcome in reply.outcomes:
        click.echo(f"{outcome.instance}: {outcome.text}")
    if summed_up:
        click.echo(reply.text)
