"""Who may ask for what: by the numbers that the kernel gives, whatever groups this machine has."""

from __future__ import annotations

import grp
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from vipd.control.access import (
    READERS,
    Caller,
    caller_of,
    group_id,
    let_group_look,
    refusal,
)
from vipd.control.messages import (
    LOOKING,
    AnnounceRequest,
    FailoverRequest,
    FollowRequest,
    HistoryRequest,
    MaintenanceRequest,
    PriorityRequest,
    ReloadRequest,
    Request,
    StatusRequest,
)

ADMINS = 64_002
SOMEBODY = 65_533
LOOKS: tuple[Request, ...] = (StatusRequest(), HistoryRequest(), FollowRequest())
ORDERS: tuple[tuple[str, Request], ...] = (
    ("failover", FailoverRequest(name="web")),
    ("maintenance", MaintenanceRequest(on=True)),
    ("priority", PriorityRequest(name="web", priority=50)),
    ("announce", AnnounceRequest(name="web")),
    ("reload", ReloadRequest()),
)


def caller(uid: int = SOMEBODY, *groups: int) -> Caller:
    return Caller(pid=1, uid=uid, groups=frozenset(groups))


@pytest.mark.parametrize("request_", LOOKS, ids=lambda one: type(one).__name__)
@pytest.mark.parametrize("admins", [ADMINS, None])
def test_who_could_connect_may_look(request_: Request, admins: int | None) -> None:
    assert refusal(request_, caller(), admins) is None


def test_a_plan_of_a_reload_is_to_administer_as_well() -> None:
    assert refusal(ReloadRequest(plan=True), caller(), ADMINS) is not None


@pytest.mark.parametrize(("command", "order"), ORDERS)
def test_an_order_is_for_root_the_agents_user_and_the_group(command: str, order: Request) -> None:
    assert refusal(order, caller(0), None) is None
    assert refusal(order, caller(os.geteuid()), None) is None
    assert refusal(order, caller(SOMEBODY, 7, ADMINS), ADMINS) is None
    refused = refusal(order, caller(SOMEBODY, 7), ADMINS)
    assert refused is not None
    assert refused.denied
    assert refused.error == (
        f"you may look, but {command} is for root and for the group vipd-admin: ask with sudo, or "
        "have root run `usermod -aG vipd,vipd-admin USER`, and log in again"
    )


def test_every_command_is_either_to_look_or_an_order() -> None:
    assert {type(one) for one in LOOKS} == set(LOOKING)
    asked = {type(one) for one in LOOKS} | {type(order) for _, order in ORDERS}
    assert asked == set(Request.__args__)


def test_without_the_group_nobody_is_in_it() -> None:
    """Nobody's number is the number of a group that is not there."""
    assert refusal(FailoverRequest(), caller(SOMEBODY, 0), None) is not None


def test_a_caller_is_told_by_the_number() -> None:
    assert (str(caller(0)), str(caller(1000))) == ("root", "uid 1000")


def test_the_kernel_says_who_is_at_the_other_end() -> None:
    here, there = socket.socketpair()
    with here, there:
        found = caller_of(here)
    assert (found.pid, found.uid) == (os.getpid(), os.geteuid())
    assert found.groups == {os.getegid(), *os.getgroups()}


@contextmanager
def somebody(groups: Sequence[int]) -> Iterator[None]:
    """Be another user, in these groups, to the end of the block."""
    before = os.getgroups()
    os.setgroups(groups)
    os.seteuid(SOMEBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setgroups(before)


@pytest.mark.skipif(os.geteuid() != 0, reason="another user is for root")
def test_another_user_with_many_groups_is_known_by_all_of_them() -> None:
    """The kernel notes it when they connect: what they become later is of no account."""
    groups = [ADMINS, *range(50_000, 50_300)]
    with somebody(groups):
        here, there = socket.socketpair()
    with here, there:
        found = caller_of(here)
    assert found.uid == SOMEBODY
    assert found.groups == {os.getegid(), *groups}


def test_a_group_that_is_not_there_has_no_number() -> None:
    assert group_id("no-such-group-here") is None
    there = grp.getgrgid(0).gr_name
    assert group_id(there) == 0


def test_a_socket_has_the_group_of_those_who_look_or_keeps_its_own(tmp_path: Path) -> None:
    file = tmp_path / "x.sock"
    file.touch()
    before = file.stat().st_gid
    let_group_look(file)
    assert file.stat().st_gid == (group_id(READERS) or before)
