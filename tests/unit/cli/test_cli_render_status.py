"""What a person reads of a status, as a whole and in its parts.

`VIPD_GOLDEN=write pytest tests/unit/cli/test_cli_render_status.py` writes tests/golden/status anew:
read the difference.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from past_agent import in_zone
from status_samples import (
    DETAILS,
    FAULT,
    INIT,
    INTERNAL,
    LONELY,
    SERVED,
    STANDBY,
    TABLES,
    UNHEALTHY,
    WARNED,
    WEB,
    changed,
    many,
    report,
    tracked,
)

from vipd.cli.render_detail import render_detail
from vipd.cli.render_text import render_text, safe
from vipd.control.report import AgentReport, InstanceReport, NextReport

GOLDEN = Path(__file__).parents[2] / "golden" / "status"

Render = Callable[..., str]


@pytest.fixture(autouse=True)
def utc() -> Iterator[None]:
    """A person whose clock shows UTC."""
    with in_zone("UTC"):
        yield


def compare(name: str, text: str) -> None:
    """Compare a text with what it was, or write it anew if that is asked for."""
    file = GOLDEN / f"{name}.txt"
    if os.environ.get("VIPD_GOLDEN") == "write":
        file.write_text(f"{text}\n")
    assert f"{text}\n" == file.read_text()


WIDTHS = (80, 120)
COLOURED = ("fault", "maintenance", "peers", "detail-peers")


def rendered(name: str, *, width: int, colour: bool = False) -> str:
    if name in TABLES:
        return render_text(TABLES[name], width=width, colour=colour)
    return render_detail(DETAILS[name], width=width, colour=colour)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", [*TABLES, *DETAILS])
def test_it_reads_as_written_down(name: str, width: int) -> None:
    text = rendered(name, width=width)
    assert max(map(len, text.splitlines())) <= width
    compare(f"{name}-{width}", text)


@pytest.mark.parametrize("name", COLOURED)
def test_it_is_coloured_as_written_down(name: str) -> None:
    """Escape characters stand in the file as they are: `cat` shows it."""
    compare(f"{name}-colour", rendered(name, width=80, colour=True))


def test_every_transcript_belongs_to_a_test() -> None:
    plain = {f"{name}-{width}" for name in (*TABLES, *DETAILS) for width in WIDTHS}
    coloured = {f"{name}-colour" for name in COLOURED}
    assert {path.stem for path in GOLDEN.iterdir()} == plain | coloured


@pytest.mark.parametrize("name", [*TABLES, *DETAILS])
@pytest.mark.parametrize("width", [1, 40, 80, 200])
def test_colours_change_no_letter(name: str, width: int) -> None:
    plain = rendered(name, width=width)
    assert click.unstyle(rendered(name, width=width, colour=True)) == plain
    assert "\x1b" not in plain


# -- the first line ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shown", "line"),
    [
        (report(SERVED), "All is well: alpha serves web; another host is ready to take over"),
        (
            report(WEB),
            "All is well: alpha serves web; nothing is known of a host that would take over",
        ),
        (
            report(SERVED, changed(WEB, name="api"), STANDBY),
            (
                "All is well: alpha serves 2 of 3 instances; "
                "nothing is known of a host that would take over api"
            ),
        ),
        (report(STANDBY), "All is well: alpha stands by for internal"),
        (report(STANDBY, INTERNAL), "All is well: alpha stands by for 2 instances"),
        (report(), "WARNING on alpha: no instance is configured"),
        (report(INIT), "WARNING on alpha: internal is in INIT: not started (and 1 more)"),
        (
            report(SERVED, warnings=("the clock jumps",)),
            "WARNING on alpha: the clock jumps",
        ),
        (
            report(changed(FAULT, addresses=()), SERVED),
            "CRITICAL on alpha: web is in FAULT: eth0 has no carrier (and 1 more)",
        ),
        (
            report(*(changed(FAULT, name=name, addresses=()) for name in "abcdef"), SERVED),
            "CRITICAL on alpha: 6 of 7 instances are in FAULT: a, b, c, d, ... (and 6 more)",
        ),
        (
            report(SERVED, LONELY),
            (
                "WARNING on alpha: web: no other host is ready: "
                "gamma is NOT READY: nginx is down; 192.0.2.12 (keepalived?) does not tell"
            ),
        ),
    ],
)
def test_the_first_line_says_whether_all_is_well(shown: AgentReport, line: str) -> None:
    assert render_text(shown, width=300, colour=False).splitlines()[0] == line


@pytest.mark.parametrize(
    ("shown", "colour"),
    [(report(SERVED), "green"), (report(INIT), "yellow"), (report(FAULT), "red")],
)
def test_the_first_line_has_the_colour_of_a_traffic_light(shown: AgentReport, colour: str) -> None:
    (first, *_) = render_text(shown, width=300, colour=True).splitlines()
    assert first == click.style(click.unstyle(first), fg=colour, bold=True)


# -- colours ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("instance", "colour"), [(WEB, "green"), (INTERNAL, "blue"), (FAULT, "red"), (INIT, None)]
)
def test_each_state_has_its_colour(instance: InstanceReport, colour: str | None) -> None:
    cell = click.style(instance.state.value.ljust(6), fg=colour, bold=True)
    assert cell in render_text(report(instance, WEB), width=80, colour=True)
    word = click.style(instance.state.value, fg=colour, bold=True)
    assert word in render_detail(report(instance), width=80, colour=True)


def red_lines(text: str) -> list[str]:
    """All but the first line, which is bold."""
    red = [line for line in text.splitlines() if "\x1b[31m" in line and "\x1b[1m" not in line]
    return [click.unstyle(line).strip() for line in red]


def test_what_is_wrong_is_red() -> None:
    text = render_text(TABLES["disagreement"], width=200, colour=True)
    assert red_lines(text) == [
        "192.0.2.100/24 should be on eth0 but the kernel does not have it",
        "198.51.100.1/24 is on eth1 but this host does not hold it",
    ]


def test_a_tracker_that_is_down_is_named_once() -> None:
    """A FAULT names the tracker that it comes from."""
    text = render_text(tracked(UNHEALTHY, "bad"), width=200, colour=True)
    red = "since 03:03:25: nginx: 3 failures in a row: connection refused"
    assert red in red_lines(text)
    assert "down is FAULT" not in text
    assert "HTTP 200" not in render_text(tracked(WEB, "good"), width=200, colour=False)


@pytest.mark.parametrize("render", [render_text, render_detail])
def test_a_warning_is_red(render: Render) -> None:
    red = red_lines(render(report(WARNED), width=200, colour=True))
    assert [line for line in red if "IP protocol 112" in line or "firewall" in line] == red


# -- many instances ----------------------------------------------------------------------------


def test_of_many_those_that_are_not_well_come_first_and_the_others_have_a_line_each() -> None:
    lines = render_text(many(), width=80, colour=False).splitlines()
    (heading,) = (number for number, line in enumerate(lines) if line.startswith("NAME"))
    names = [line.split()[0] for line in lines[heading:] if line.startswith("vip-")]
    assert names[:2] == ["vip-06", "vip-09"]
    assert names[2:] == [f"vip-{number:02}" for number in range(1, 13) if number not in (6, 9)]
    assert [line.split()[0] for line in lines[-10:]] == names[2:]


def test_of_many_the_other_addresses_are_counted() -> None:
    assert "192.0.2.100/24 +1\n" in render_text(many(), width=80, colour=False)


# -- what others have written -------------------------------------------------------------------


def test_no_terminal_obeys_what_others_have_written() -> None:
    wicked = "down\x1b[2J\x07\x9b31m\x08 end"
    shown = report(changed(FAULT, cause=wicked, warnings=(wicked,)))
    for render in (render_text, render_detail):
        text = render(shown, width=300, colour=False)
        assert {char for char in text if not char.isprintable()} == {"\n"}
        assert "down?[2J??31m? end" in text


def test_our_own_colours_are_not_taken_for_theirs() -> None:
    painted = click.style("MASTER", fg="green", bold=True)
    assert safe(painted) == painted


# -- lengths of time ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("uptime_s", "text"),
    [
        (0, "up 0 s,"),
        (59.9, "up 59 s,"),
        (60, "up 1 min,"),
        (3600, "up 1 h,"),
        (86399, "up 23 h 59 min,"),
        (100 * 86400 + 7200, "up 100 d 2 h,"),
    ],
)
def test_how_long_the_agent_runs_is_told_as_a_person_counts(uptime_s: float, text: str) -> None:
    shown = render_text(report(SERVED, uptime_s=uptime_s), width=80, colour=False)
    assert text in shown.splitlines()[1]


@pytest.mark.parametrize(
    ("in_s", "text"),
    [(0.012, "in 12 ms"), (2.84, "in 2.84 s"), (12.2, "in 12 s"), (150, "in 2 min")],
)
def test_a_short_time_is_told_exactly(in_s: float, text: str) -> None:
    shown = report(changed(STANDBY, next=NextReport(text="preempts", in_s=in_s)))
    assert f"preempts {text}\n" in render_text(shown, width=80, colour=False)


def test_moments_are_in_the_time_zone_of_the_reader() -> None:
    with in_zone("Europe/Berlin"):
        text = render_text(report(SERVED), width=80, colour=False)
    assert "at 2026-01-02 04:04:05 CET" in text
    assert "since 02:02:03: no advert" in text
