"""The metrics: what they are called, what they say, in which form, and how long they take."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from http import HTTPStatus

import pytest
from installed import needs
from made_agent import MAINTENANCE, ago, internal, report, web
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families

from vipd.control.report import AgentReport, ConfigReport, HookReport
from vipd.core.cause import CauseCode
from vipd.core.model import State
from vipd.web.metrics import OPENMETRICS, PLAIN, expose, wants_openmetrics
from vipd.web.process import ProcessView
from vipd.web.tally import Tally

Sample = tuple[str, frozenset[tuple[str, str]]]


def samples(agent: AgentReport | None, tally: Tally | None = None) -> dict[Sample, float]:
    process = ProcessView().look(os.getpid()) if agent else None
    written = expose(agent, process, tally or Tally(), "").body.decode()
    return {
        (one.name, frozenset(one.labels.items())): one.value
        for family in text_string_to_metric_families(written)
        for one in family.samples
    }


@pytest.fixture(scope="module")
def scraped() -> Callable[..., float]:
    found = samples(report(web(), internal(), maintenance=MAINTENANCE))

    def value(name: str, /, **labels: str) -> float:
        return found[name, frozenset(labels.items())]

    return value


def test_of_an_instance_its_state_is_told_as_a_set(scraped: Callable[..., float]) -> None:
    told = {one: scraped("vipd_instance_state", name="web", state=one.value) for one in State}
    assert told == {State.MASTER: 1, State.BACKUP: 0, State.FAULT: 0, State.INIT: 0}


@pytest.mark.parametrize(
    ("name", "labels", "value"),
    [
        ("vipd_up", {}, 1),
        ("vipd_info", {"version": "0.1.0", "node": "alpha"}, 1),
        ("vipd_uptime_seconds", {}, 5400.5),
        ("vipd_maintenance", {}, 1),
        ("vipd_strangers", {}, 1),
        ("vipd_config_last_reload_successful", {}, 1),
        ("vipd_control_requests_total", {}, 12),
        ("vipd_control_refused_total", {}, 1),
        ("vipd_instance_priority", {"name": "web"}, 150),
        ("vipd_instance_effective_priority", {"name": "web"}, 130),
        ("vipd_instance_warnings", {"name": "web"}, 0),
        ("vipd_transitions_total", {"name": "web", "cause": "master_silent"}, 2),
        ("vipd_transitions_total", {"name": "web", "cause": "preempts"}, 0),
        ("vipd_incidents_total", {"name": "web", "code": "stalled"}, 1),
        ("vipd_incidents_total", {"name": "web", "code": "address_conflict"}, 0),
        ("vipd_adverts_sent_total", {"name": "web"}, 14649),
        ("vipd_adverts_received_total", {"name": "internal"}, 1465512),
        ("vipd_adverts_failed_total", {"name": "web"}, 1),
        ("vipd_adverts_dropped_total", {"name": "web", "reason": "checksum"}, 21),
        ("vipd_adverts_mismatched_total", {"name": "web", "what": "interval"}, 3),
        ("vipd_announcements_total", {"name": "web"}, 20),
        ("vipd_lease_renewals_total", {"name": "web"}, 4883),
        ("vipd_claims_failed_total", {"name": "web"}, 1),
        ("vipd_lease_left_seconds", {"name": "web"}, 2.7),
        ("vipd_addresses", {"name": "web"}, 2),
        ("vipd_addresses_held", {"name": "internal"}, 0),
        ("vipd_addresses_in_kernel", {"name": "web"}, 2),
        ("vipd_peers", {"name": "web"}, 1),
        ("vipd_ready_peers", {"name": "web"}, 1),
        ("vipd_master_last_advert_age_seconds", {"name": "internal"}, 0.6),
        ("vipd_tracker_up", {"tracker": "uplink", "kind": "interface"}, 0),
        ("vipd_tracker_looks_total", {"tracker": "nginx"}, 5400),
        ("vipd_tracker_failures_total", {"tracker": "nginx"}, 3),
        ("vipd_tracker_last_look_duration_seconds", {"tracker": "nginx"}, 0.0012),
        ("vipd_tracker_effect", {"name": "web", "tracker": "uplink"}, -20),
        ("vipd_hook_runs_total", {"name": "web", "group": "", "moment": "on_master"}, 2),
        ("vipd_hook_failures_total", {"name": "web", "group": "", "moment": "on_master"}, 1),
        ("vipd_loop_lag_seconds_bucket", {"le": "0.01"}, 999),
        ("vipd_loop_lag_seconds_bucket", {"le": "+Inf"}, 1000),
        ("vipd_loop_lag_seconds_sum", {}, 0.4),
        ("vipd_loop_lag_seconds_count", {}, 1000),
        ("vipd_stalls_total", {}, 0),
    ],
)
def test_what_is_told(
    scraped: Callable[..., float], name: str, labels: dict[str, str], value: float
) -> None:
    assert scraped(name, **labels) == value


def test_moments_are_told_in_seconds(scraped: Callable[..., float]) -> None:
    now = time.time()
    assert scraped("vipd_start_time_seconds") == pytest.approx(now - 5400, abs=60)
    since = scraped("vipd_instance_since_timestamp_seconds", name="web")
    assert since == pytest.approx(now - 1260, abs=60)


def test_the_process_of_the_agent_is_told(scraped: Callable[..., float]) -> None:
    assert scraped("process_resident_memory_bytes") > 1_000_000
    assert scraped("process_cpu_seconds_total") > 0
    assert scraped("process_open_fds") > 2
    assert scraped("process_start_time_seconds") == pytest.approx(time.time(), abs=3600)


def test_a_process_that_is_not_there_is_not_told() -> None:
    assert ProcessView().look(2**22 + 1) is None


def test_without_an_agent_there_is_nothing_but_that() -> None:
    names = {name for name, _ in samples(None)}
    assert {name for name in names if not name.startswith("vipd_web_")} == {"vipd_up"}
    assert samples(None)["vipd_up", frozenset()] == 0


def test_what_an_agent_does_not_tell_is_left_out() -> None:
    bare = report(
        web(master=None, addresses=(), peers=(), hooks=()), lag=None, config=None, control=None
    )
    names = {name for name, _ in samples(bare)}
    assert "vipd_instance_state" in names
    assert not {
        one for one in names if one.startswith(("vipd_loop", "vipd_config", "vipd_lease_left"))
    }
    assert "vipd_master_last_advert_age_seconds" not in names


def test_a_reload_that_was_refused_is_told() -> None:
    refused = ConfigReport(file="/etc/vipd/vipd.toml", loaded_at=ago(60), refused="vrid 300")
    found = samples(report(config=refused))
    assert found["vipd_config_last_reload_successful", frozenset()] == 0


def test_the_hooks_of_a_group_are_counted_once() -> None:
    hook = HookReport(
        group="edge", moment="on_any", program="/x", ok=True, text="", took_s=0, at=ago(1), runs=5
    )
    twice = HookReport(
        group="edge", moment="on_any", program="/y", ok=True, text="", took_s=0, at=ago(1), runs=3
    )
    both = report(web(hooks=(hook, twice)), internal(hooks=(hook, twice)))
    labels = frozenset({"name": "", "group": "edge", "moment": "on_any"}.items())
    assert samples(both)["vipd_hook_runs_total", labels] == 8


def test_names_of_any_kind_are_written_so_that_they_can_be_read_again() -> None:
    name = 'a"b\\c\nd\u2028ü'
    found = samples(report(web(name=name)))
    assert found["vipd_adverts_sent_total", frozenset({"name": name}.items())] == 14649


def test_requests_are_counted_by_paths_that_strangers_do_not_choose() -> None:
    tally = Tally(crowded=1, garbled=2, dropped=3, viewers=4)
    for path in ("/metrics", "/x", "/y", "/metrics"):
        tally.count(path, HTTPStatus.OK)
    found = samples(None, tally)
    requests = {dict(labels)["path"]: n for (k, labels), n in found.items() if "requests" in k}
    assert requests == {"/metrics": 2, "other": 2}
    assert found["vipd_web_problems_total", frozenset({"kind": "garbled"}.items())] == 2


# -- forms ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "openmetrics"),
    [
        ("", False),
        ("*/*", False),
        ("text/plain", False),
        ("application/openmetrics-text", True),
        ("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5", True),
        ("application/openmetrics-text;q=0.3,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", False),
        ("application/openmetrics-text;q=0", False),
        ("application/openmetrics-text; q = 0.8 , text/plain;q=0.5", True),
        ("application/openmetrics-text;q=lots", False),
        (";;;=,,q=;\x00", False),
    ],
)
def test_the_form_is_the_one_that_is_wanted_most(accept: str, openmetrics: bool) -> None:
    assert wants_openmetrics(accept) is openmetrics
    written = expose(report(), None, Tally(), accept)
    assert written.kind == (OPENMETRICS if openmetrics else PLAIN)
    assert written.body.endswith(b"# EOF\n") is openmetrics


def test_openmetrics_can_be_read() -> None:
    written = expose(report(), None, Tally(), "application/openmetrics-text").body.decode()
    names = {family.name for family in parse_openmetrics(written)}  # type: ignore[no-untyped-call]
    assert {"vipd", "vipd_transitions", "vipd_loop_lag_seconds"} <= names


@needs("promtool", "prometheus")
def test_promtool_has_nothing_to_say() -> None:
    """It looks at names, units and help texts, and prints what it would have otherwise."""
    process = ProcessView().look(os.getpid())
    body = expose(report(maintenance=MAINTENANCE), process, Tally(), "").body
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=body, capture_output=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_as_many_instances_as_there_can_be_are_told_in_good_time(
    record_property: Callable[[str, object], None],
) -> None:
    many = report(*(web(name=f"web-{number}", vrid=number) for number in range(1, 256)))
    began = time.perf_counter()
    body = expose(many, None, Tally(), "").body
    took = time.perf_counter() - began
    causes = 255 * len(CauseCode)
    assert body.count(b"\nvipd_transitions_total{") == causes
    assert took < 5
    text = f"metrics of 255 instances: {took * 1000:.0f} ms, {len(body) / 1e6:.1f} MB"
    record_property("figure", text)
