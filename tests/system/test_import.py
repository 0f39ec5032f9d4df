"""`vipd import` beside keepalived itself: what it reads, and what comes of it in a lab."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from keepalived_samples import DIRECTORY, HOST, SAMPLES, read
from peer_keepalived import Keepalived

from vipd.config.keepalived.convert import convert
from vipd.config.keepalived.keyword_global import TABLES
from vipd.config.keepalived.parse import parse
from vipd.config.keepalived.tree import write
from vipd.core.model import State
from vipd.lab.agent import Agent
from vipd.lab.lab import Host, Lab
from vipd.lab.namespace import SEARCH_PATH

VIP = "192.0.2.100"
BOOK = (
    "vrrp_instance VI_1 {{ state {state}; interface eth0; virtual_router_id 51; "
    "priority {priority}; advert_int 1; authentication {{ auth_type PASS; "
    'auth_pass "password"; }} virtual_ipaddress {{ ' + VIP + "; }} }}"
)
"""As it stands in the books, but for the address, which is one of the lab's."""

OF_THE_BOOKS = ("book_one_line", "book_semicolons")
NOT_KNOWN = re.compile(
    r"Unknown keyword '([^']*)'|Unexpected '|Unmatched quote|Unknown configuration entry"
    r"|unknown state '"
)
INTERFACES = ("eth1", "eth2", "eth0.100", "eth1.7")
PATIENCE_S = 15.0
BUILT_WITH = {"vrrp_ipsets"}
"""What only some builds of keepalived know."""

OPENED = {
    "authentication": "vrrp_instance A {\nauthentication {\n",
    **{
        name: f"{name} A {{\n"
        for name in ("vrrp_instance", "vrrp_sync_group", "vrrp_script", "vrrp_track_process")
    },
    "track_file": "track_file A {\n",
    "global_defs": "global_defs {\n",
}


def _skip(reason: str) -> NoReturn:
    """Skip by name; in CI, where everything must be there, fail."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
def keepalived() -> None:
    """Whether keepalived can be run."""
    if shutil.which("keepalived", path=SEARCH_PATH) is None:
        _skip("keepalived is not installed: apt-get install keepalived")
    if os.geteuid() != 0:
        _skip("keepalived needs root, not only a user namespace")


@pytest.fixture
def bench(lab: Lab, keepalived: None) -> Host:  # noqa: ARG001 (it asks whether it can be run)
    """A host with every interface that the samples name."""
    host = lab.add_host("bench", addresses=("192.0.2.11/24",))
    for number, name in enumerate(INTERFACES):
        host.ip(f"link add name {name} type veth peer name far{number}")
    return host


def complaints(host: Host, file: Path) -> list[str]:
    """What keepalived does not understand of a file."""
    test = ["keepalived", "--config-test", "--config-id", HOST, "--use-file", str(file)]
    done = host.run(test, check=False)
    return [line for line in (done.stdout + done.stderr).splitlines() if NOT_KNOWN.search(line)]


def test_keepalived_reads_the_samples(bench: Host) -> None:
    """Those that are mistaken on purpose, and those with semicolons, it does not."""
    said = {name: complaints(bench, DIRECTORY / f"{name}.conf") for name in SAMPLES}
    wrong = {name for name, lines in said.items() if lines}
    assert wrong == {"mistakes", *OF_THE_BOOKS}


@pytest.mark.parametrize("name", OF_THE_BOOKS)
def test_keepalived_reads_what_is_meant_by_semicolons(bench: Host, name: str) -> None:
    file = bench.directory / "keepalived.conf"
    file.write_text(write(read(name).statements))
    test = ["keepalived", "--config-test", "--use-file", str(file)]
    done = bench.run(test, check=False)
    assert done.stdout + done.stderr == ""


def test_keepalived_knows_every_keyword(bench: Host) -> None:
    file = bench.directory / "keepalived.conf"
    unknown = set()
    for name, opened in OPENED.items():
        for few in _in_rows(sorted(TABLES[name]), 20):
            lines = [
                f"{word} X {{\n}}" if TABLES[name][word].block else f"{word} 1" for word in few
            ]
            closed = "}\n" * opened.count("{")
            file.write_text("".join(f"{opened}{line}\n{closed}" for line in lines))
            found = NOT_KNOWN.findall("\n".join(complaints(bench, file)))
            unknown |= {(name, word) for word in found if word in TABLES[name]}
    newer = {(name, word) for name in OPENED for word, what in TABLES[name].items() if what.newer}
    assert {word for _, word in unknown - newer} <= BUILT_WITH | {"notify_deleted"}


def _in_rows(words: list[str], length: int) -> Iterator[list[str]]:
    return (words[first : first + length] for first in range(0, len(words), length))


# -- a failover -------------------------------------------------------------------------------


def text(priority: int) -> str:
    return BOOK.format(state="MASTER" if priority == 100 else "BACKUP", priority=priority)


def importing(lab: Lab, host: Host, priority: int) -> Agent:
    """An agent with what is imported."""
    imported = convert(parse(text(priority), "keepalived.conf"), "keepalived.conf", lambda _: None)
    assert imported.problems == ()
    return Agent(lab, host, imported.toml)


def has_address(host: Host) -> bool:
    return VIP in {str(each.ip) for each in host.addresses()}


def two(lab: Lab) -> tuple[Host, Host]:
    first = lab.add_host("h1", addresses=("192.0.2.11/24",))
    return first, lab.add_host("h2", addresses=("192.0.2.12/24",))


def test_two_hosts_with_what_is_imported_fail_over(lab: Lab) -> None:
    hosts = two(lab)
    first, second = importing(lab, hosts[0], 100), importing(lab, hosts[1], 90)
    for agent in (first, second):
        agent.start()
    first.wait_state(State.MASTER)
    second.wait_state(State.BACKUP)
    assert has_address(hosts[0])
    assert not has_address(hosts[1])
    first.stop()
    second.wait_state(State.MASTER)
    assert has_address(hosts[1])
    assert not has_address(hosts[0])


def test_a_host_with_what_is_imported_fails_over_with_keepalived(
    lab: Lab,
    keepalived: None,  # noqa: ARG001 (it asks whether it can be run)
) -> None:
    """keepalived has the original, without the semicolons that it does not understand."""
    hosts = two(lab)
    original = write(parse(text(100), "keepalived.conf").statements)
    (hosts[0].directory / "keepalived.conf").write_text(original)
    peer, agent = Keepalived(hosts[0], {}), importing(lab, hosts[1], 90)
    peer.start()
    agent.start()
    lab.wait_until(
        lambda: peer.states().get("VI_1") is State.MASTER, PATIENCE_S, "keepalived is MASTER"
    )
    agent.wait_state(State.BACKUP)
    lab.wait_until(lambda: agent.instance().master is not None, PATIENCE_S, "vipd hears keepalived")
    assert has_address(hosts[0])
    assert not has_address(hosts[1])
    peer.stop()
    agent.wait_state(State.MASTER)
    assert has_address(hosts[1])
    peer.start()
    lab.wait_until(lambda: has_address(hosts[0]), PATIENCE_S, "keepalived takes over again")
    agent.wait_state(State.BACKUP)
    assert not has_address(hosts[1])
    assert agent.instance().counters.dropped == {}
    agent.stop()
