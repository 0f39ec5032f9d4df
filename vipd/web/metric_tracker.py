"""The metrics of trackers and hooks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from vipd.control.report import AgentReport, HookReport, InstanceReport
from vipd.web.digest import moment


def tracker_families(report: AgentReport) -> Iterator[Metric]:
    """What each tracker sees, and what it means to the instances."""
    label = ["tracker"]
    up = GaugeMetricFamily("vipd_tracker_up", "The verdict.", labels=["tracker", "kind"])
    since = GaugeMetricFamily(
        "vipd_tracker_since_timestamp_seconds", "When the verdict changed last.", labels=label
    )
    took = GaugeMetricFamily(
        "vipd_tracker_last_look_duration_seconds", "How long the last look took.", labels=label
    )
    looks = CounterMetricFamily("vipd_tracker_looks", "Looks that were made.", labels=label)
    failures = CounterMetricFamily("vipd_tracker_failures", "Looks that failed.", labels=label)
    for one in report.trackers:
        up.add_metric([one.name, one.kind], float(one.up))
        since.add_metric([one.name], moment(one.since) / 1000)
        if one.took_s is not None:
            took.add_metric([one.name], one.took_s)
        looks.add_metric([one.name], one.looks)
        failures.add_metric([one.name], one.failures)
    yield from (up, since, took, looks, failures, _effects(report.instances))


def _effects(instances: Iterable[InstanceReport]) -> Metric:
    family = GaugeMetricFamily(
        "vipd_tracker_effect",
        "What a tracker adds to the priority of an instance at the moment.",
        labels=["name", "tracker"],
    )
    for one in instances:
        for use in one.track:
            family.add_metric([one.name, use.tracker], use.adds)
    return family


def hook_families(instances: Iterable[InstanceReport]) -> Iterator[Metric]:
    """The runs of hooks. Those of a group are told by each of its instances, and counted once."""
    runs, failures = Counter[tuple[str, ...]](), Counter[tuple[str, ...]]()
    for labels, hook in _hooks(instances):
        runs[labels] += hook.runs
        failures[labels] += hook.failures
    names = ["name", "group", "moment"]
    ran = CounterMetricFamily("vipd_hook_runs", "Runs of hooks.", labels=names)
    failed = CounterMetricFamily(
        "vipd_hook_failures", "Runs of hooks that failed, or took too long.", labels=names
    )
    for labels, count in runs.items():
        ran.add_metric(labels, count)
        failed.add_metric(labels, failures[labels])
    yield from (ran, failed)


def _hooks(instances: Iterable[InstanceReport]) -> Iterator[tuple[tuple[str, ...], HookReport]]:
    """Each hook once, with the name of its instance or of its group, and its moment."""
    told: set[str] = set()
    for one in instances:
        for hook in one.hooks:
            if hook.group is None:
                yield (one.name, "", hook.moment), hook
            elif hook.group not in told:
                yield ("", hook.group, hook.moment), hook
        told |= {hook.group for hook in one.hooks if hook.group is not None}
