"""The metrics of the agent as a whole, and of its process."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)

from vipd.control.report import AgentReport, ConfigReport, ControlReport, LagReport
from vipd.web.digest import moment
from vipd.web.process import ProcessFacts


def agent_families(report: AgentReport) -> Iterator[Metric]:
    """What is said of the agent, however many instances it has."""
    about = {"version": report.version, "node": report.node}
    yield InfoMetricFamily("vipd", "The agent that answers.", value=about)
    started = moment(report.generated_at) / 1000 - report.uptime_s
    yield _gauge("vipd_start_time_seconds", "When the agent started.", round(started, 1))
    yield _gauge("vipd_uptime_seconds", "For how long the agent has run.", report.uptime_s)
    yield _gauge("vipd_warnings", "How many warnings concern the agent.", len(report.warnings))
    strangers = len(report.strangers)
    yield _gauge("vipd_strangers", "Routers with VRIDs that are nobody's here.", strangers)
    in_maintenance = report.maintenance is not None
    yield _gauge("vipd_maintenance", "Whether this host is in maintenance.", in_maintenance)
    if report.lag is not None:
        yield from _lag(report.lag)
    if report.config is not None:
        yield from _config(report.config)
    if report.control is not None:
        yield from _control(report.control)


def process_families(process: ProcessFacts) -> Iterator[Metric]:
    """The agent's process, by the names that all exporters use."""
    yield _counter("process_cpu_seconds", "Processor time of the agent.", process.cpu_s)
    resident = process.resident_bytes
    yield _gauge("process_resident_memory_bytes", "Resident memory of the agent.", resident)
    virtual = process.virtual_bytes
    yield _gauge("process_virtual_memory_bytes", "Virtual memory of the agent.", virtual)
    started = round(process.started, 2)
    yield _gauge("process_start_time_seconds", "When the agent's process started.", started)
    yield _gauge("process_threads", "Threads of the agent.", process.threads)
    if process.open_files is not None:
        yield _gauge("process_open_fds", "Open files of the agent.", process.open_files)
    if process.most_files is not None:
        yield _gauge("process_max_fds", "How many it may open.", process.most_files)


def _lag(lag: LagReport) -> Iterator[Metric]:
    family = HistogramMetricFamily(
        "vipd_loop_lag_seconds", "How late the loop was when it had something to do."
    )
    total, buckets = 0, []
    bounds = [*map(str, lag.bounds_s), "+Inf"]
    for bound, count in zip(bounds, lag.counts, strict=False):
        total += count
        buckets.append((bound, float(total)))
    family.add_metric([], buckets, lag.total_s)
    yield family
    yield _gauge("vipd_loop_lag_worst_seconds", "The worst of that since the start.", lag.worst_s)
    yield _counter("vipd_stalls", "How often instances had to be told of that.", lag.stalls)


def _config(config: ConfigReport) -> Iterator[Metric]:
    loaded = moment(config.loaded_at) / 1000
    yield _gauge(
        "vipd_config_loaded_timestamp_seconds", "When the configuration that runs was read.", loaded
    )
    good = config.refused is None
    yield _gauge("vipd_config_last_reload_successful", "Whether no later one was refused.", good)


def _control(control: ControlReport) -> Iterator[Metric]:
    asked = control.requests
    yield _counter("vipd_control_requests", "Requests on the control socket.", asked)
    yield _counter("vipd_control_refused", "Those of them that were refused.", control.refused)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=float(value))


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(name, text, value=float(value))
