"""`vipd why`: the chain of causes that a person reads, and what is told without an agent."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import click
import msgspec
import pytest
from click.testing import CliRunner, Result
from past_agent import PastAgent, in_zone

from vipd.agent.journal_file import journal_beside
from vipd.cli.account import accounts
from vipd.cli.page import ago, span
from vipd.cli.render_why import Scene, describe_timings, render_why
from vipd.cli.why import why
from vipd.control.report import (
    AgentReport,
    Counters,
    EventReport,
    InstanceReport,
    MasterReport,
    NextReport,
    OrderReport,
    PeerReport,
)
from vipd.core.cause import CauseCode
from vipd.core.model import State

GOLDEN = Path(__file__).parents[2] / "golden" / "why"
NOW = "2026-01-02T03:26:07.500Z"


@pytest.fixture(autouse=True)
def utc() -> Iterator[None]:
    """A person whose clock shows UTC."""
    with in_zone("UTC"):
        yield


WEB = InstanceReport(
    name="web",
    interface="eth0",
    vrid=51,
    version=3,
    state=State.MASTER,
    since="2026-01-02T03:14:07.123Z",
    cause="no advert from 192.0.2.12 (last priority 150) for 3.414 s",
    priority=100,
    effective_priority=100,
    master=MasterReport(address="192.0.2.11", priority=100, age_s=0.312),
    advert_interval_s=1.0,
    master_down_interval_s=3.609375,
    addresses=(),
    counters=Counters(),
    peers=(
        PeerReport(address="192.0.2.13", node="gamma", priority=50, ready=True, age_s=0.2),
        PeerReport(address="192.0.2.14", node="delta", priority=80, ready=True, age_s=0.2),
        PeerReport(address="192.0.2.12", node="beta", priority=150, ready=False, age_s=720.0),
    ),
)


def changed(instance: InstanceReport, **changes: object) -> InstanceReport:
    return msgspec.structs.replace(instance, **changes)


DNS = changed(
    WEB,
    name="dns",
    state=State.BACKUP,
    since="2026-01-02T03:26:02.000Z",
    master=MasterReport(address="192.0.2.12", priority=150, age_s=0.312),
    peers=(),
)

FAULT = changed(DNS, state=State.FAULT, since="2026-01-01T21:26:07.500Z", master=None)


def report(*instances: InstanceReport, maintenance: OrderReport | None = None) -> AgentReport:
    return AgentReport(
        node="alpha",
        version="0.1.0",
        generated_at=NOW,
        uptime_s=12_238.0,
        instances=instances,
        maintenance=maintenance,
    )


@dataclass
class Telling:
    """Numbers events."""

    events: tuple[EventReport, ...] = ()

    def moved(
        self,
        name: str,
        at: str,
        passage: tuple[State, State],
        code: CauseCode,
        text: str,
        evidence: tuple[str, ...] = (),
        **timings_ms: float,
    ) -> Telling:
        old, new = passage
        return self._and(
            EventReport(
                seq=len(self.events) + 1,
                at=at,
                kind="transition",
                code=code.value,
                text=text,
                instance=name,
                old=old,
                new=new,
                evidence=evidence,
                timings_ms=timings_ms,
            )
        )

    def told(self, name: str | None, at: str, kind: str, code: str, text: str) -> Telling:
        seq = len(self.events) + 1
        return self._and(
            EventReport(seq=seq, at=at, kind=kind, code=code, text=text, instance=name)
        )

    def _and(self, event: EventReport) -> Telling:
        return Telling((*self.events, event))


INIT, BACKUP, MASTER, FAULTY = State.INIT, State.BACKUP, State.MASTER, State.FAULT

TAKEOVER = (
    Telling()
    .moved("web", "2026-01-01T23:58:00.000Z", (INIT, BACKUP), CauseCode.STARTED, "started")
    .told("web", "2026-01-02T00:02:11.000Z", "incident", "stalled", "did not run for 2.1 s")
    .told(
        "web",
        "2026-01-02T03:14:06.000Z",
        "incident",
        "master_silent_but_alive",
        "192.0.2.100 is alive at 02:00:00:00:00:12, but no adverts: is IP protocol 112 blocked?",
    )
    .told("web", "2026-01-02T03:14:07.000Z", "incident", "address_drift", "somebody took it")
    .moved(
        "web",
        "2026-01-02T03:14:07.123Z",
        (BACKUP, MASTER),
        CauseCode.MASTER_SILENT,
        "no advert from 192.0.2.12 (last priority 150) for 3.414 s: 3 adverts missed",
        ("the tap saw none either", "probe answered by 02:00:00:00:00:12"),
        announced=2.3,
        claimed=1.8,
        advertised=2.0,
    )
).events

FIGHT = (
    Telling()
    .moved(
        "dns",
        "2026-01-02T03:25:30.000Z",
        (BACKUP, MASTER),
        CauseCode.PREEMPTS,
        "192.0.2.12 has priority 50, ours is 100",
        claimed=900.0,
    )
    .told("dns", "2026-01-02T03:24:59.000Z", "incident", "address_conflict", "long ago")
    .told("dns", "2026-01-02T03:26:00.000Z", "incident", "address_conflict", "claimed, once")
    .told(
        "dns",
        "2026-01-02T03:26:01.000Z",
        "incident",
        "address_conflict",
        "192.0.2.100 is claimed by 02:00:00:00:00:12 as well",
    )
    .moved(
        "dns",
        "2026-01-02T03:26:02.000Z",
        (MASTER, BACKUP),
        CauseCode.OUTRANKED,
        "192.0.2.12 advertises priority 150, ours is 100",
        released=0.4,
    )
).events

ILL = (
    Telling()
    .moved(
        "dns",
        "2026-01-01T21:26:00.000Z",
        (MASTER, FAULTY),
        CauseCode.TRACKER,
        "nginx: 3 failures in a row: connection refused",
        handed_over=12.5,
    )
    .moved(
        "dns",
        "2026-01-01T21:26:07.500Z",
        (FAULTY, FAULTY),
        CauseCode.NO_CARRIER,
        "eth0 has no carrier",
    )
).events

ORDER = OrderReport(since="2026-01-02T03:00:00Z", until="2026-01-03T03:30:00Z", reason="new memory")

CASES: Mapping[str, tuple[tuple[EventReport, ...], AgentReport | None]] = {
    "takeover": (TAKEOVER, report(WEB)),
    "two-instances": ((*TAKEOVER, *FIGHT), report(WEB, DNS)),
    "preempts-soon": (FIGHT, report(changed(DNS, next=NextReport(text="preempts", in_s=12.0)))),
    "stands-aside": (FIGHT, report(changed(DNS, stands_aside=True))),
    "nobody-heard": (FIGHT, report(changed(DNS, master=None))),
    "alone": (TAKEOVER, report(changed(WEB, peers=()))),
    "hands-over": (TAKEOVER, report(changed(WEB, leaving="stopped", peers=WEB.peers[:1]))),
    "fault": (ILL, report(FAULT)),
    "maintenance": (ILL, report(FAULT, maintenance=ORDER)),
    "removed": (TAKEOVER, report()),
    "without-agent": (TAKEOVER, None),
    "nothing": ((), report(WEB)),
}


def rendered(name: str, *, width: int, colour: bool = False) -> str:
    events, status = CASES[name]
    told = accounts(events, status.instances if status else (), count=3)
    scene = Scene(node="alpha", now=datetime.fromisoformat(NOW).astimezone(), report=status)
    return render_why(told, scene, width=width, colour=colour)


def golden(name: str) -> str:
    return (GOLDEN / f"{name}.txt").read_text().removesuffix("\n")


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", CASES)
def test_it_reads_as_written_down(name: str, width: int) -> None:
    text = rendered(name, width=width)
    assert text == golden(f"{name}-{width}")
    assert max(map(len, text.splitlines())) <= width


def test_every_transcript_belongs_to_a_test() -> None:
    names = {f"{name}-{width}" for name in CASES for width in (80, 120)}
    assert {path.stem for path in GOLDEN.iterdir()} == names


@pytest.mark.parametrize("name", CASES)
def test_colours_change_no_letter(name: str) -> None:
    plain = rendered(name, width=80)
    assert click.unstyle(rendered(name, width=80, colour=True)) == plain
    assert "\x1b" not in plain


def test_states_are_coloured_and_incidents_red() -> None:
    text = rendered("two-instances", width=200, colour=True)
    assert f"BACKUP -> {click.style('MASTER', fg='green', bold=True)}" in text
    assert click.style("MASTER", fg="green", bold=True) + " since 03:14:07" in text
    (incident,) = (line for line in text.splitlines() if "as well" in line)
    assert incident.startswith("\x1b[31m")


def test_times_are_those_of_the_reader() -> None:
    with in_zone("XYZ-5:30"):
        text = rendered("takeover", width=80)
    assert text.startswith("vipd on alpha, at 2026-01-02 08:56:07 XYZ\n")
    assert "12 min ago (08:44:07)" in text
    assert "3 h 28 min ago (05:28:00)" in text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (3660, "1 h 1 min"),
        (86_399, "23 h 59 min"),
        (86_400, "1 d"),
        (2 * 86_400 + 7200, "2 d 2 h"),
        (-5, "0 s"),
    ],
)
def test_a_length_of_time_reads_as_people_say_it(seconds: float, text: str) -> None:
    assert span(seconds) == text


def test_a_clock_that_was_set_back_makes_no_future() -> None:
    now = datetime.fromisoformat(NOW)
    assert ago(datetime.fromisoformat("2026-01-02T04:00:00Z"), now) == "just now"


@pytest.mark.parametrize(
    ("timings", "text"),
    [
        ({"claimed": 1.8}, "claimed in 1.8 ms"),
        ({"advertised": 0.25}, "first advert after 0.25 ms"),
        (
            {"announced": 1002.3, "claimed": 1000.0},
            "claimed in 1 s; first announcement 2.3 ms later",
        ),
        ({"hooks_asked": 3.0, "released": 4.5}, "hooks asked after 3 ms; released 1.5 ms later"),
    ],
)
def test_timings_are_told_one_after_the_other(timings: dict[str, float], text: str) -> None:
    assert describe_timings(timings) == text


# -- the command ------------------------------------------------------------------------------


@pytest.fixture
def agent(tmp_path: Path) -> PastAgent:
    return PastAgent(tmp_path, report(WEB, DNS))


def replay(agent: PastAgent, events: tuple[EventReport, ...]) -> None:
    for event in events:
        agent.now = event.at
        told = msgspec.structs.asdict(event)
        first = [told.pop(key) for key in ("kind", "code", "text")]
        del told["seq"], told["at"]
        agent.note(*first, **told)


def run(agent: PastAgent, *arguments: str) -> Result:
    env = {"NO_COLOR": None, "COLUMNS": "80", "VIPD_SOCKET": str(agent.socket)}
    return CliRunner(env=env).invoke(why, arguments)


def test_the_accounts_are_printed(agent: PastAgent) -> None:
    with agent.running():
        replay(agent, (*TAKEOVER, *FIGHT))
        result = run(agent)
    assert (result.exit_code, result.stdout) == (0, golden("two-instances-80") + "\n")


def test_with_a_name_it_is_about_that_one(agent: PastAgent) -> None:
    with agent.running():
        replay(agent, (*TAKEOVER, *FIGHT))
        result = run(agent, "web")
    assert (result.exit_code, result.stdout) == (0, golden("takeover-80") + "\n")


def test_as_many_transitions_are_told_as_are_asked_for(agent: PastAgent) -> None:
    flaps = Telling()
    for number in range(10):
        passage = (BACKUP, MASTER) if number % 2 else (MASTER, BACKUP)
        flaps = flaps.moved(
            "web", f"2026-01-02T03:0{number}:00Z", passage, CauseCode.PREEMPTS, f"flap {number}"
        )
    with agent.running():
        replay(agent, flaps.events)
        told = {
            arguments: run(agent, *arguments).stdout.count("flap")
            for arguments in ((), ("web",), ("web", "-n1"), ("-n", "7"), ("web", "-n", "20"))
        }
    assert [*told.values()] == [3, 5, 1, 7, 10]


def test_of_many_instances_the_last_that_moved_are_shown_and_json_has_all(
    agent: PastAgent,
) -> None:
    names = [f"i{number}" for number in range(8)]
    agent.report = report(*(changed(DNS, name=name) for name in names))
    moved = Telling()
    for name in names:
        moved = moved.moved(name, NOW, (INIT, BACKUP), CauseCode.STARTED, f"{name} started")
    with agent.running():
        replay(agent, moved.events)
        text, document = run(agent), run(agent, "--json")
    shown = [name for name in names if f"{name} started" in text.stdout]
    assert shown == names[3:]
    assert "3 other instances have moved earlier: name one, `vipd why NAME`." in text.stdout
    assert [one["name"] for one in json.loads(document.stdout)["instances"]] == names


def test_an_instance_that_never_moved_has_a_present(agent: PastAgent) -> None:
    with agent.running():
        result = run(agent, "web")
    assert result.exit_code == 0
    assert "web  now  MASTER since 03:14:07, 12 min\n" in result.stdout


def test_an_unknown_name_is_exit_code_2_and_the_way_out(agent: PastAgent) -> None:
    with agent.running():
        result = run(agent, "wbe")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "there is no instance 'wbe' here; did you mean 'web'?\n"


def test_an_instance_that_a_reload_has_removed_is_told_of(agent: PastAgent) -> None:
    agent.report = report()
    with agent.running():
        replay(agent, TAKEOVER)
        result = run(agent, "web")
    assert (result.exit_code, result.stdout) == (0, golden("removed-80") + "\n")


@pytest.mark.parametrize("options", [[], ["--json"], ["dns"]])
def test_a_fault_is_exit_code_1(agent: PastAgent, options: list[str]) -> None:
    agent.report = report(WEB, FAULT)
    with agent.running():
        replay(agent, (*TAKEOVER, *ILL))
        assert run(agent, *options).exit_code == 1
        assert run(agent, "web").exit_code == 0


def test_json_has_the_chain(agent: PastAgent) -> None:
    with agent.running():
        replay(agent, TAKEOVER)
        document = json.loads(run(agent, "--json").stdout)
    (web,) = document.pop("instances")
    assert document == {"node": "alpha", "generated_at": NOW, "source": "agent"}
    transitions = web.pop("transitions")
    assert web == {
        "name": "web",
        "state": "MASTER",
        "since": "2026-01-02T03:14:07.123Z",
        "outlook": ["if it fails, delta (192.0.2.14, priority 80) takes over"],
    }
    assert [one["incidents"] for one in transitions[:-1]] == [[]]
    takeover = transitions[-1]
    (incident,) = takeover.pop("incidents")
    assert (incident["code"], incident["times"]) == ("master_silent_but_alive", 1)
    assert takeover.pop("seq") == incident["seq"] + 2
    assert takeover == {
        "at": "2026-01-02T03:14:07.123Z",
        "kind": "transition",
        "code": "master_silent",
        "text": "no advert from 192.0.2.12 (last priority 150) for 3.414 s: 3 adverts missed",
        "instance": "web",
        "old": "BACKUP",
        "new": "MASTER",
        "evidence": ["the tap saw none either", "probe answered by 02:00:00:00:00:12"],
        "timings_ms": {"announced": 2.3, "claimed": 1.8, "advertised": 2.0},
    }


def test_more_events_than_one_reply_holds_are_read(agent: PastAgent) -> None:
    with agent.running():
        replay(agent, TAKEOVER)
        for _ in range(1500):
            agent.note("agent", "noise", "noise")
        result = run(agent, "web")
    assert (result.exit_code, result.stdout) == (0, golden("takeover-80") + "\n")


# -- without an agent -------------------------------------------------------------------------


@pytest.fixture
def dead(agent: PastAgent) -> PastAgent:
    with agent.running():
        replay(agent, (*TAKEOVER, *ILL))
    return agent


def chain(text: str) -> list[str]:
    """What does not depend on the present moment."""
    steps = text.rpartition("  now  ")[0]
    return [line for line in steps.splitlines() if line.startswith("  ")]


def test_without_an_agent_its_journal_is_read(dead: PastAgent) -> None:
    result = run(dead, "web")
    assert result.exit_code == 0
    assert chain(result.stdout) == chain(golden("without-agent-80"))
    assert "web  now" in result.stdout
    assert "no agent answers\n  was MASTER since" in result.stdout
    assert "no vipd agent answers" in result.stderr
    assert f"This is what its journal {journal_beside(dead.socket)} tells.\n" in result.stderr


def test_json_says_who_has_told_it(dead: PastAgent) -> None:
    result = run(dead, "--json", "dns")
    document = json.loads(result.stdout)
    assert (result.exit_code, document["source"]) == (1, "journal")
    (dns,) = document["instances"]
    assert (dns["state"], dns["since"]) == ("FAULT", "2026-01-01T21:26:07.500Z")
    assert dns["outlook"] == []


def test_a_name_that_is_not_in_the_journal_is_exit_code_2(dead: PastAgent) -> None:
    result = run(dead, "wbe")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "did you mean 'web'?" in result.stderr


def test_with_neither_an_agent_nor_a_journal_it_is_exit_code_3(agent: PastAgent) -> None:
    result = run(agent)
    assert (result.exit_code, result.stdout) == (3, "")
    assert "systemctl start vipd" in result.stderr
    assert "There is no journal of an earlier one either." in result.stderr


@pytest.mark.parametrize(
    ("spoil", "text"),
    [("empty", "tells of nothing."), ("directory", "cannot be read: Is a directory.")],
)
def test_a_journal_that_is_of_no_use_is_exit_code_3(
    agent: PastAgent, spoil: str, text: str
) -> None:
    file = journal_beside(agent.socket)
    if spoil == "empty":
        file.touch()
    else:
        file.mkdir()
    result = run(agent)
    assert (result.exit_code, result.stdout) == (3, "")
    assert f"Its journal {file} {text}" in result.stderr
