"""The status page, as a browser shows it: at a desk and on a phone, in light and in dark."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from browser import PROGRAM, Browser, Tab, browser
from installed import needs
from made_agent import MAINTENANCE, MadeAgent, internal, report, transition, web
from web_process import WebProcess, web_process

from vipd.control.report import (
    AddressReport,
    AgentReport,
    ConfigReport,
    EventReport,
    PeerReport,
    StrangerReport,
    TrackerReport,
)
from vipd.core.model import State

DESK, PHONE = 1280, 390
SHOWN = "#verdict-line"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("page")


@pytest.fixture(scope="module")
def chromium(place: Path) -> Iterator[Browser]:
    with browser(place / "profile") as running:
        yield running


@pytest.fixture(scope="module")
def site(place: Path) -> Iterator[WebProcess]:
    with web_process(place / "control.sock") as process:
        yield process


@pytest.fixture
def agent(place: Path) -> Iterator[MadeAgent]:
    with MadeAgent(place / "control.sock").running() as made:
        yield made


@pytest.fixture
def desk(agent: MadeAgent, chromium: Browser, site: WebProcess) -> Iterator[Tab]:
    """The page of this agent at a desk, in light."""
    assert agent.socket.exists()
    yield from view(chromium, site, DESK)


@pytest.fixture(params=[DESK, PHONE])
def tab(
    request: pytest.FixtureRequest, agent: MadeAgent, chromium: Browser, site: WebProcess
) -> Iterator[Tab]:
    """The page of this agent, in light at a desk, in dark on a phone."""
    assert agent.socket.exists()
    yield from view(chromium, site, request.param)


def view(chromium: Browser, site: WebProcess, width: int) -> Iterator[Tab]:
    shown = Tab(chromium, width=width, dark=width == PHONE)
    shown.open(site.url)
    shown.until_shows(SHOWN, "Serving web")
    yield shown
    complaints = shown.complaints
    shown.close()
    assert complaints == []


def fits(tab: Tab) -> bool:
    return bool(tab.eval("document.documentElement.scrollWidth <= innerWidth"))


EVIL = "<img src=x onerror=\"document.title='hacked'\"><script>document.title='hacked'</script>"

pytestmark = [pytest.mark.slow, needs(PROGRAM, "chromium")]


def test_who_has_it_why_and_since_when_is_there_at_a_glance(tab: Tab) -> None:
    card = tab.text(".card")
    for said in (
        "MASTER", "web", "eth0 · VRID 51 · VRRPv3", "21 min", "this host", "130", "150 configured",
        "no advert from 192.0.2.11 (last priority 100) for 3.414 s", "192.0.2.100/24", "here",
        "lease:", "beta", "ready",
    ):  # fmt: skip
        assert said.replace(" min", "\N{NO-BREAK SPACE}min") in card
    assert "next: would take over from 198.51.100.11" in tab.text("#cards")
    assert "eth2 has no carrier" in tab.text("#trackers")
    assert "192.0.2.77 advertises VRID 77" in tab.text("#strangers")
    assert tab.eval("document.title") == "alpha: Serving web"
    assert fits(tab)
    ground = str(tab.eval("getComputedStyle(document.body).backgroundColor"))
    red, *_ = map(int, re.findall(r"\d+", ground))
    assert (red > 200) is (tab.eval("innerWidth") == DESK)


def test_what_changes_is_shown_while_one_looks(agent: MadeAgent, desk: Tab) -> None:
    agent.report = report(web(state=State.FAULT, cause="eth0 has no carrier"), internal())
    desk.until_shows(SHOWN, "web in FAULT")
    assert desk.eval("document.querySelectorAll('.card.is-FAULT').length") == 1
    agent.report = report(web(), internal(), maintenance=MAINTENANCE)
    desk.until_shows("#notices", "new kernel")
    assert "Maintenance since" in desk.text("#notices")
    agent.report = report(web(addresses=misplaced()), internal())
    desk.until_shows(SHOWN, "with warnings")
    assert "missing on the interface" in desk.text("#cards")
    assert "still on the interface" in desk.text("#cards")


def misplaced() -> tuple[AddressReport, ...]:
    return tuple(
        AddressReport(address=f"192.0.2.{host}/24", interface="eth0", held=held, in_kernel=not held)
        for host, held in ((100, True), (101, False))
    )


def test_the_last_hour_is_a_strip(agent: MadeAgent, chromium: Browser, site: WebProcess) -> None:
    """FAULT for the first half, then MASTER; what was before the agent knew anything is unknown."""
    agent.events = [
        transition(1, "web", State.BACKUP, State.FAULT, 7200, "no carrier"),
        transition(2, "web", State.FAULT, State.MASTER, 1800, "it is back", evidence=("so said",)),
    ]
    since = agent.events[1].at
    young = internal(since=agent.events[1].at)
    agent.report = report(web(since=since), young)
    agent.report = msgspec.structs.replace(agent.report, uptime_s=9000.0)
    tab = Tab(chromium, width=DESK, dark=False)
    tab.open(site.url)
    tab.until_shows("#events", "it is back")
    assert "so said" in tab.text("#events")
    labels = tab.eval("[...document.querySelectorAll('.lane')].map(e => e.ariaLabel)")
    assert isinstance(labels, list)
    web_strip, internal_strip = (str(one).replace("\N{NO-BREAK SPACE}", " ") for one in labels)
    assert re.search(r"FAULT (29|30) min, MASTER (29|30) min", web_strip), web_strip
    assert re.search(r"not known (29|30) min, BACKUP (29|30) min", internal_strip), internal_strip
    widths = "[...document.querySelectorAll('.lane')][0].querySelectorAll('i').length"
    assert tab.eval(widths) == 2
    tab.close()


def test_what_happens_is_told_when_it_does(agent: MadeAgent, desk: Tab) -> None:
    deadline = 200
    while not agent.followers and (deadline := deadline - 1):
        desk.eval("new Promise(done => setTimeout(done, 20))")
        desk.until("true")
    agent.happen(
        EventReport(
            seq=7, at=agent.report.generated_at, kind="order", code="failover", text="by root"
        )
    )
    desk.until_shows("#events", "by root")


def test_an_agent_that_is_away_is_never_shown_as_if_it_were_there(
    place: Path, chromium: Browser, site: WebProcess
) -> None:
    tab = Tab(chromium, width=DESK, dark=False)
    made = MadeAgent(place / "control.sock")
    with made.running():
        tab.open(site.url)
        tab.until_shows(SHOWN, "Serving web")
    tab.until_shows("#absent", "No agent answers since")
    assert "systemctl start vipd" in tab.text("#absent")
    assert tab.text(SHOWN).startswith("At ")
    assert tab.eval("getComputedStyle(document.querySelector('#shown')).filter") == "grayscale(1)"
    assert tab.eval("document.title") == "alpha: no agent answers"
    assert "now" not in tab.text(".scale")
    with made.running():
        tab.until("document.querySelector('#absent').hidden")
        assert tab.text(SHOWN) == "Serving web"
    tab.close()


def test_a_page_that_hears_nothing_any_more_says_so(place: Path, chromium: Browser) -> None:
    tab = Tab(chromium, width=PHONE, dark=True)
    with MadeAgent(place / "control.sock").running() as made:
        with web_process(made.socket) as site:
            tab.open(site.url)
            tab.until_shows(SHOWN, "Serving web")
        tab.until_shows("#absent", "This page hears nothing any more since")
    assert tab.text("#pulse") == "not connected"
    tab.close()


def hostile() -> AgentReport:
    """Everything that comes from a network or a program is a piece of HTML."""
    peer = PeerReport(address=EVIL, node=EVIL, ready=False, why=EVIL, age_s=1.0, differs=(EVIL,))
    tracker = TrackerReport(name=EVIL, kind=EVIL, up=False, since=EVIL, text=EVIL)
    config = ConfigReport(file=EVIL, loaded_at=EVIL, refused=EVIL)
    return report(
        web(cause=EVIL, leaving=EVIL, peers=(peer,), warnings=(EVIL,)),
        internal(name=EVIL, interface=EVIL, group=EVIL),
        trackers=(tracker,),
        strangers=(StrangerReport(interface=EVIL, vrid=1, source=EVIL, count=1),),
        warnings=(EVIL,),
        config=config,
    )


def test_what_comes_from_the_network_is_text_and_nothing_else(agent: MadeAgent, tab: Tab) -> None:
    agent.report = hostile()
    tab.until_shows("#notices", EVIL)
    tab.until_shows("#trackers", EVIL)
    assert tab.text("#cards").count(EVIL) > 6
    made_of_it = "#shown img, #shown script, #notices img, #trackers img"
    assert tab.eval(f"document.querySelectorAll('{made_of_it}').length") == 0
    assert tab.eval("document.title") == "alpha: Serving web, with warnings"
    assert fits(tab)


def test_hundreds_of_instances_are_shown_and_can_be_sifted(agent: MadeAgent, desk: Tab) -> None:
    agent.report = report(
        *(
            web(
                name=f"vip-{number:03}",
                vrid=number,
                state=State.MASTER if number % 5 else State.FAULT,
            )
            for number in range(1, 256)
        )
    )
    desk.until("document.querySelectorAll('.card').length === 255")
    desk.until_shows(SHOWN, "51 instances in FAULT")
    desk.eval("[...document.querySelectorAll('#filters button')].at(-1).click()")
    assert desk.eval("document.querySelectorAll('.card:not([hidden])').length") == 51
    assert (
        desk.eval("document.querySelector('#filters [aria-pressed=true]').innerText") == "51 FAULT"
    )
