"""What all tests share: where those of the system are, and figures that a test has measured."""

from __future__ import annotations

from pathlib import Path

import pytest

FIGURE = "figure"
HERE = Path(__file__).parent
LABS = (HERE / "system", HERE / "interop")
"""Where `make test` looks for tests that need namespaces. Why: to collect all tests in each of
its processes would take as long as to run these."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a test that `make test` would not find."""
    for item in items:
        elsewhere = not any(item.path.is_relative_to(place) for place in LABS)
        if elsewhere and any(map(item.get_closest_marker, ("system", "alone"))):
            raise pytest.UsageError(f"{item.nodeid}: its marker belongs in tests/system")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests have recorded by `record_property("figure", text)`."""
    figures = [
        value
        for reports in terminalreporter.stats.values()
        for report in reports
        for name, value in getattr(report, "user_properties", ())
        if name == FIGURE
    ]
    if figures:
        terminalreporter.section("figures")
        for figure in dict.fromkeys(figures):
            terminalreporter.write_line(str(figure))
