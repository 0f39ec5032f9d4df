"""Who may look at an agent and who may order it: real users with real groups, on a host whose
group file has them and no other has."""

from __future__ import annotations

import os
from collections.abc import Sequence

import pytest
from commanding import codes, said
from offspring import NOBODY, unprivileged_python

from vipd.core.model import State
from vipd.lab.agent import Agent
from vipd.lab.lab import Lab

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="other users are for root")

LOOKING, ORDERING, OTHER = "64001", "64002", "64003"
GROUPS = f"root:x:0:\nvipd:x:{LOOKING}:\nvipd-admin:x:{ORDERING}:\n"
WITH_GROUPS = 'mount --bind "$1" /etc/group && shift && exec "$@"'
WEB = (
    '[instance.web]\ninterface = "eth0"\nvrid = 51\naddresses = ["192.0.2.100/24"]\n'
    'advert_interval = "100ms"\n'
)
ORDERS = (
    ("failover", "web"),
    ("maintenance", "on", "--force"),
    ("maintenance", "off"),
    ("priority", "web", "50"),
    ("announce", "web"),
    ("reload",),
)


class AgentAmongGroups(Agent):
    """An agent that finds other groups in /etc/group than the machine has."""

    def start(self) -> None:
        groups = self.host.directory / "group"
        groups.write_text(GROUPS)
        there = ["unshare", "--mount", "--", "sh", "-c", WITH_GROUPS, "sh", str(groups)]
        namespace = self.host.namespace
        before = namespace.enter
        namespace.enter = (*before, *there)
        try:
            super().start()
        finally:
            namespace.enter = before


@pytest.fixture
def agent(lab: Lab) -> Agent:
    """One that serves, in directories that everybody may enter."""
    host = lab.add_host("h1", addresses=("192.0.2.11/24",))
    for directory in (lab.directory, host.directory):
        directory.chmod(0o755)
    started = AgentAmongGroups(lab, host, WEB)
    started.start()
    started.wait_state(State.MASTER)
    return started


def user(*groups: str) -> Sequence[str]:
    """How to run Python as nobody in particular, in these groups."""
    python = unprivileged_python()
    belongs = f"--groups={','.join(groups)}" if groups else "--clear-groups"
    return [belongs if word == "--clear-groups" else word for word in python]


def test_the_socket_is_for_the_group_that_looks(agent: Agent) -> None:
    found = agent.socket.stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (0, int(LOOKING), 0o660)


@pytest.mark.parametrize("groups", [(), (OTHER,)])
@pytest.mark.parametrize("words", [("status",), ("failover", "web")])
def test_who_is_in_no_group_of_ours_is_told_which_way_is_open(
    agent: Agent, groups: tuple[str, ...], words: tuple[str, ...]
) -> None:
    told = said(agent, *words, code=3, python=user(*groups))
    assert "this user may not open the socket" in told
    assert "sudo" in told
    assert "a member of the group vipd" in told
    assert agent.state() is State.MASTER


def test_who_may_look_sees_everything_and_moves_nothing(agent: Agent) -> None:
    looker = user(LOOKING)
    assert "MASTER" in said(agent, "status", python=looker)
    assert "-> MASTER" in said(agent, "why", "web", python=looker)
    assert "web" in said(agent, "events", python=looker)
    for order in ORDERS:
        told = said(agent, *order, code=2, python=looker)
        assert told.startswith(f"you may look, but {order[0]} is for root and for the group")
        assert "usermod -aG vipd,vipd-admin USER" in told
    assert agent.state() is State.MASTER
    assert (codes(agent, "order"), codes(agent, "reload")) == ([], [])


def test_who_may_order_is_obeyed_and_named(agent: Agent) -> None:
    orderer = user(LOOKING, ORDERING)
    assert "announced" in said(agent, "announce", "web", python=orderer)
    said(agent, "maintenance", "on", "--force", "--reason", "because", python=orderer)
    assert agent.state() is State.FAULT
    text = f"maintenance ordered by uid {NOBODY}: because"
    assert text in said(agent, "events", "--kind", "order")
    said(agent, "maintenance", "off", python=orderer)
    agent.wait_state(State.MASTER)
    assert codes(agent, "order") == ["announce", "maintenance_on", "maintenance_off"]


def test_what_a_user_puts_into_the_request_counts_for_nothing(agent: Agent) -> None:
    """Root's words, from somebody else's mouth."""
    code = (
        "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); "
        's.sendall(b\'{"command": "failover", "name": "web", "uid": 0}\\n\'); '
        "print(s.makefile().readline())"
    )
    done = agent.host.run([*user(LOOKING), "-c", code, str(agent.socket)])
    assert '"ok":false' in done.stdout.replace(" ", "")
    assert codes(agent, "order") == []
