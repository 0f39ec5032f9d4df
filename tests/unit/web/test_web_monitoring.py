"""The alert rules and the dashboard: every query asks for what there is, every alert goes off."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pytest
from installed import needs
from made_agent import MAINTENANCE, report
from prometheus_client.parser import text_string_to_metric_families

from vipd.web.metrics import expose
from vipd.web.process import ProcessFacts
from vipd.web.tally import Tally

pytestmark = pytest.mark.slow

MONITORING = Path(__file__).parents[3] / "docs/monitoring"
ALERTS = MONITORING / "vipd-alerts.yml"
DASHBOARD = MONITORING / "vipd-dashboard.json"

PROCESS = ProcessFacts(
    cpu_s=1.5,
    resident_bytes=1,
    virtual_bytes=1,
    threads=1,
    started=1.0,
    open_files=1,
    most_files=1,
)
OF_PROMETHEUS: Final = {"up"}
NAME = re.compile(r"\b(?:vipd|process)_\w+|\bup\b")


def metric_names() -> set[str]:
    """Every sample that a scrape can have."""
    whole = expose(report(maintenance=MAINTENANCE), PROCESS, Tally(), "").body.decode()
    families = text_string_to_metric_families(whole)
    return {name for one in families for name in (one.name, *(s.name for s in one.samples))}


def dashboard_queries() -> Iterator[str]:
    board = json.loads(DASHBOARD.read_text())
    for panel in board["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))
    yield from (one["expr"] for one in board["annotations"]["list"])
    yield from (one["definition"] for one in board["templating"]["list"] if "definition" in one)


def alert_names() -> list[str]:
    return re.findall(r"^ +- alert: (\w+)$", ALERTS.read_text(), re.MULTILINE)


def alert_queries() -> list[str]:
    return re.findall(r"^ +expr: (.+)$", ALERTS.read_text(), re.MULTILINE)


def promtool(*arguments: str | Path) -> str:
    done = subprocess.run(
        ["promtool", *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_query_asks_for_metrics_that_there_are() -> None:
    there_are = metric_names() | OF_PROMETHEUS
    asked = {
        name for query in (*dashboard_queries(), *alert_queries()) for name in NAME.findall(query)
    }
    assert asked - there_are == set()
    assert len(asked) > 25


def test_the_dashboard_has_panels_with_numbers_and_places_of_their_own() -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = [panel["gridPos"] for panel in panels]
    cells = [
        (x, y)
        for one in places
        for x in range(one["x"], one["x"] + one["w"])
        for y in range(one["y"], one["y"] + one["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24


@needs("promtool", "prometheus")
def test_prometheus_understands_every_query_of_the_dashboard(tmp_path: Path) -> None:
    queries = [query for query in dashboard_queries() if not query.startswith("label_values(")]
    rules = [
        {"record": f"query:{number}", "expr": query.replace("$__rate_interval", "1m")}
        for number, query in enumerate(queries)
    ]
    file = tmp_path / "queries.yml"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert f"SUCCESS: {len(queries)} rules found" in promtool("check", "rules", file)


@needs("promtool", "prometheus")
def test_prometheus_accepts_the_alerts() -> None:
    assert f"SUCCESS: {len(alert_names())} rules found" in promtool("check", "rules", ALERTS)


ALPHA = 'job="vipd",instance="alpha:9112"'
BETA = 'job="vipd",instance="beta:9112"'


def states(master: str, backup: str) -> dict[str, str]:
    """What two hosts say of one instance: whether each is MASTER."""
    return {
        f'vipd_instance_state{{{ALPHA},name="web",state="MASTER"}}': master,
        f'vipd_instance_state{{{BETA},name="web",state="MASTER"}}': backup,
    }


def of_web(metric: str, values: str, more: str = "") -> dict[str, str]:
    return {f'{metric}{{{ALPHA},name="web"{more}}}': values}


def of_alpha(metric: str, values: str, more: str = "") -> dict[str, str]:
    return {f"{metric}{{{ALPHA}{more}}}": values}


HEALTHY: Final[Mapping[str, str]] = {
    **states("1x2000", "0x2000"),
    **of_alpha("up", "1x2000"),
    **of_web("vipd_instance_state", "0x2000", ',state="FAULT"'),
    **of_web("vipd_peers", "1x2000"),
    **of_web("vipd_ready_peers", "1x2000"),
    **of_web("vipd_transitions_total", "2x2000", ',cause="started"'),
    **of_web("vipd_addresses_held", "2x2000"),
    **of_web("vipd_addresses_in_kernel", "2x2000"),
    **of_web("vipd_incidents_total", "0x2000", ',code="address_conflict"'),
    **of_web("vipd_claims_failed_total", "0x2000"),
    **of_web("vipd_adverts_failed_total", "3x2000"),
    **of_web("vipd_adverts_dropped_total", "21x2000", ',reason="ttl"'),
    **of_web("vipd_adverts_mismatched_total", "3x2000", ',what="interval"'),
    **of_alpha("vipd_tracker_up", "1x2000", ',tracker="nginx"'),
    **of_web("vipd_hook_failures_total", "1x2000", ',moment="on_master"'),
    **of_alpha("vipd_loop_lag_seconds_bucket", "0+100x2000", ',le="0.1"'),
    **of_alpha("vipd_loop_lag_seconds_bucket", "0+100x2000", ',le="0.25"'),
    **of_alpha("vipd_loop_lag_seconds_bucket", "0+100x2000", ',le="+Inf"'),
    **of_alpha("vipd_stalls_total", "1x2000"),
    **of_alpha("vipd_config_last_reload_successful", "1x2000"),
    **of_alpha("vipd_maintenance", "0x2000"),
    **of_web("vipd_instance_warnings", "0x2000"),
}
"""Everything that an alert looks at, when all is well. Each value is one of every 15 seconds."""

TROUBLES: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "VipdAgentDown": ("1m", of_alpha("up", "0x2000")),
    "VipdNoMaster": ("1m", states("0x2000", "0x2000")),
    "VipdSeveralMasters": ("1m", states("1x2000", "1x2000")),
    "VipdInstanceFault": ("1m", of_web("vipd_instance_state", "1x2000", ',state="FAULT"')),
    "VipdNoReadyPeer": ("3m", of_web("vipd_ready_peers", "0x2000")),
    "VipdFlapping": ("15m", of_web("vipd_transitions_total", "2+1x2000", ',cause="started"')),
    "VipdAddressMissing": ("1m", of_web("vipd_addresses_in_kernel", "1x2000")),
    "VipdAddressLeftBehind": ("2m", of_web("vipd_addresses_in_kernel", "3x2000")),
    "VipdAddressConflict": (
        "5m",
        of_web("vipd_incidents_total", "0+1x2000", ',code="address_conflict"'),
    ),
    "VipdClaimFailed": ("5m", of_web("vipd_claims_failed_total", "0 0 0 1x2000")),
    "VipdAdvertsNotSent": ("5m", of_web("vipd_adverts_failed_total", "3+15x2000")),
    "VipdAdvertsDropped": (
        "12m",
        of_web("vipd_adverts_dropped_total", "21+15x2000", ',reason="ttl"'),
    ),
    "VipdPeersDiffer": (
        "20m",
        of_web("vipd_adverts_mismatched_total", "3+15x2000", ',what="interval"'),
    ),
    "VipdTrackerDown": ("3m", of_alpha("vipd_tracker_up", "0x2000", ',tracker="nginx"')),
    "VipdHookFailed": (
        "5m",
        of_web("vipd_hook_failures_total", "1 1 2x2000", ',moment="on_master"'),
    ),
    "VipdLoopLate": ("12m", of_alpha("vipd_loop_lag_seconds_bucket", "0+90x2000", ',le="0.1"')),
    "VipdStalled": ("5m", of_alpha("vipd_stalls_total", "1 1 2x2000")),
    "VipdReloadRefused": ("6m", of_alpha("vipd_config_last_reload_successful", "0x2000")),
    "VipdMaintenanceForgotten": ("8h1m", of_alpha("vipd_maintenance", "1x2000")),
    "VipdWarning": ("11m", of_web("vipd_instance_warnings", "1x2000")),
}
"""How long what must go on before the alert goes off."""


def case(name: str, at: str, series: Mapping[str, str], firing: Sequence[str]) -> dict[str, Any]:
    """One test of promtool: which alerts go off at a moment."""
    query = 'count by (alertname) (ALERTS{alertstate="firing"})'
    expected = [{"labels": f'{{alertname="{alert}"}}', "value": 1} for alert in sorted(firing)]
    return {
        "name": name,
        "interval": "15s",
        "input_series": [{"series": one, "values": values} for one, values in series.items()],
        "promql_expr_test": [{"expr": query, "eval_time": at, "exp_samples": expected}],
    }


@needs("promtool", "prometheus")
def test_each_alert_goes_off_in_its_trouble_and_only_then(tmp_path: Path) -> None:
    """Where all is well for eight hours, none does."""
    assert list(TROUBLES) == alert_names()
    tests = [
        case(alert, at, {**HEALTHY, **trouble}, [alert])
        for alert, (at, trouble) in TROUBLES.items()
    ]
    tests.append(case("all is well", "8h10m", HEALTHY, []))
    file = tmp_path / "tests.yml"
    file.write_text(json.dumps({"rule_files": [str(ALERTS)], "tests": tests}))
    promtool("test", "rules", file)
