"""The metrics: from a report to metric families, and from those to text.

Names follow the conventions of Prometheus: base units, `_total` for what only grows. An instance is
labelled `name`, because `instance` is what Prometheus itself calls the host that it scrapes; on
every host of a cluster the same instance should have the same name, and then the sums over hosts
tell whether somebody serves. Nothing that a stranger sends becomes a label, and what can be counted
of a closed set is there from the beginning, with 0: nobody sees the first of what was not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from prometheus_client import exposition
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

from vipd.control.report import AgentReport
from vipd.web.metric_agent import agent_families, process_families
from vipd.web.metric_instance import instance_families
from vipd.web.metric_tracker import hook_families, tracker_families
from vipd.web.process import ProcessFacts
from vipd.web.tally import Tally

PLAIN: Final = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_OPENMETRICS_TYPE: Final = "application/openmetrics-text"
_PLAIN_TYPES: Final = ("text/plain", "text/*", "*/*")


class Exposition(NamedTuple):
    """The metrics as text."""

    kind: str
    body: bytes


class _Families(Collector):
    """Families that are there already, as prometheus_client takes them."""

    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def expose(
    report: AgentReport | None, process: ProcessFacts | None, tally: Tally, accept: str
) -> Exposition:
    """Write the metrics in the form that is asked for; without a report there is no agent."""
    families = _Families(list(_families(report, process, tally)))
    if wants_openmetrics(accept):
        return Exposition(OPENMETRICS, openmetrics.generate_latest(families))  # type: ignore[no-untyped-call]
    return Exposition(PLAIN, exposition.generate_latest(families))


def wants_openmetrics(accept: str) -> bool:
    """Whether an Accept header asks for OpenMetrics at least as much as for plain text."""
    weights = [_weight(each) for each in accept.split(",")]
    wanted = max((q for kind, q in weights if kind == _OPENMETRICS_TYPE), default=0.0)
    plain = max((q for kind, q in weights if kind in _PLAIN_TYPES), default=0.0)
    return wanted > 0 and wanted >= plain


def _weight(accepted: str) -> tuple[str, float]:
    """A kind and how much it is wanted; what cannot be understood is not wanted."""
    kind, *parameters = (part.strip() for part in accepted.split(";"))
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return kind, float(value)
            except ValueError:
                return kind, 0.0
    return kind, 1.0


def _families(
    report: AgentReport | None, process: ProcessFacts | None, tally: Tally
) -> Iterator[Metric]:
    up = GaugeMetricFamily("vipd_up", "Whether the agent answers on its control socket.")
    up.add_metric([], float(report is not None))
    yield up
    if report is not None:
        yield from agent_families(report)
        yield from instance_families(report.instances)
        yield from tracker_families(report)
        yield from hook_families(report.instances)
    if process is not None:
        yield from process_families(process)
    yield from _web_families(tally)


def _web_families(tally: Tally) -> Iterator[Metric]:
    """What this process says of itself."""
    requests = CounterMetricFamily(
        "vipd_web_requests", "HTTP requests answered.", labels=["path", "code"]
    )
    for (path, code), count in sorted(tally.requests.items()):
        requests.add_metric([path, str(code)], count)
    yield requests
    problems = CounterMetricFamily(
        "vipd_web_problems",
        "HTTP connections without room, with garbage, or of clients that did not read.",
        labels=["kind"],
    )
    for kind in ("crowded", "garbled", "dropped"):
        problems.add_metric([kind], getattr(tally, kind))
    yield problems
    viewers = GaugeMetricFamily("vipd_web_viewers", "Open status pages.")
    viewers.add_metric([], tally.viewers)
    yield viewers
