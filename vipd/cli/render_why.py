"""`vipd why` as a person reads it: each transition with its chain of causes, then what is now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from vipd.cli.account import Account, Incident, Step
from vipd.cli.outlook import outlook
from vipd.cli.page import Page, ago, local, span, time_of_day
from vipd.control.report import AgentReport, EventReport
from vipd.core.model import State
from vipd.core.units import MILLISECOND, format_duration

GAP: Final = "  "
MARGIN: Final = "  "
HANGING: Final = "    "

DONE: Final[Mapping[str, tuple[str, str]]] = {
    "claimed": ("claimed in", "claimed"),
    "released": ("released in", "released"),
    "advertised": ("first advert after", "first advert"),
    "announced": ("first announcement after", "first announcement"),
}
"""What was done after a transition: as the first thing, and as a later one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Where and when it is told; `report` is the agent's, if there is one."""

    node: str
    now: datetime
    report: AgentReport | None


@dataclass(frozen=True, slots=True)
class _Row:
    """The first line of a step, in columns, and what stands below it."""

    name: str
    when: str
    what: str
    chain: tuple[str, ...]


def render_why(accounts: Sequence[Account], scene: Scene, *, width: int, colour: bool) -> str:
    """Write the accounts, one below the other."""
    page = Page(width=width, colour=colour)
    blocks = [list(_rows(account, scene, page)) for account in accounts]
    rows = [row for block in blocks for row in block]
    names = max((len(row.name) for row in rows), default=0)
    whens = max((len(row.when) for row in rows), default=0)
    texts = ["\n".join(_lines(block, names, whens, page)) for block in blocks]
    return "\n\n".join([_headline(scene), *(texts or ["No transition is remembered."])])


def _headline(scene: Scene) -> str:
    return f"vipd on {scene.node}, at {scene.now:%Y-%m-%d %H:%M:%S %Z}"


def _lines(rows: Sequence[_Row], names: int, whens: int, page: Page) -> Iterator[str]:
    for row in rows:
        name = page.strong(row.name.ljust(names))
        yield f"{name}{GAP}{row.when.ljust(whens)}{GAP}{row.what}"
        yield from row.chain


def _rows(account: Account, scene: Scene, page: Page) -> Iterator[_Row]:
    for step in account.steps:
        at = local(step.event.at)
        when = f"{ago(at, scene.now)} ({time_of_day(at, scene.now)})"
        yield _Row(account.name, when, _passage(step.event, page), tuple(_chain(step, page)))
    yield _present(account, scene, page)


# -- a step ---------------------------------------------------------------------------------


def _passage(event: EventReport, page: Page) -> str:
    """From where to where; a FAULT may only have found another reason."""
    new = page.state(_word(event.new), event.new)
    return f"still {new}" if event.old is event.new else f"{_word(event.old)} -> {new}"


def _word(state: State | None) -> str:
    return state.value if state else "?"


def _chain(step: Step, page: Page) -> Iterator[str]:
    """The cause, what led there, and how long it took to act."""
    for text in (step.event.text, *step.event.evidence):
        yield from page.wrap(text, MARGIN, HANGING)
    for incident in step.incidents:
        yield from map(page.alarm, page.wrap(_incident(incident, step), MARGIN, HANGING))
    if step.event.timings_ms:
        yield from page.wrap(describe_timings(step.event.timings_ms), MARGIN, HANGING)


def _incident(incident: Incident, step: Step) -> str:
    event = incident.event
    before = (local(step.event.at) - local(event.at)).total_seconds()
    times = f" ({incident.times} times)" if incident.times > 1 else ""
    return f"{span(before)} before: {event.text}{times}"


def describe_timings(timings_ms: Mapping[str, float]) -> str:
    """Say what was done when: the first thing after the decision, each other one after that."""
    told, before = list[str](), 0.0
    for what, at in sorted(timings_ms.items(), key=lambda one: one[1]):
        first, later = DONE.get(what, (f"{what.replace('_', ' ')} after", what.replace("_", " ")))
        took = format_duration(round((at - before) * MILLISECOND))
        told.append(f"{later} {took} later" if told else f"{first} {took}")
        before = at
    return "; ".join(told)


# -- now ------------------------------------------------------------------------------------


def _present(account: Account, scene: Scene, page: Page) -> _Row:
    """What is now, and what comes next; or what was when that was last known."""
    present = account.present
    if present is None or scene.report is None:
        what = "not configured any more" if scene.report else "no agent answers"
        return _Row(account.name, "now", what, tuple(_former(account, scene)))
    since = local(present.since)
    length = span((scene.now - since).total_seconds())
    state = page.state(present.state.value, present.state)
    what = f"{state} since {time_of_day(since, scene.now)}, {length}"
    texts = outlook(present, scene.report)
    chain = (line for text in texts for line in page.wrap(text, MARGIN, HANGING))
    return _Row(account.name, "now", what, tuple(chain))


def _former(account: Account, scene: Scene) -> Iterator[str]:
    if account.state is not None and account.since is not None:
        since = time_of_day(local(account.since), scene.now)
        yield f"{MARGIN}was {account.state.value} since {since}"
