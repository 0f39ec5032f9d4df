"""Grouping: what a group means for the configuration of its instances."""

from __future__ import annotations

from ipaddress import ip_interface

from fake_world import instance

from vipd.agent.grouping import grouped
from vipd.core.config import GroupConfig, Hook, HookMoment, HooksConfig, TrackUse

WEB = instance("web", track=(TrackUse(name="nginx"), TrackUse(name="uplink", weight=-20)))
INSIDE = instance(
    "inside",
    vrid=52,
    addresses=(ip_interface("198.51.100.1/24"),),
    track=(TrackUse(name="uplink", weight=-50), TrackUse(name="inner")),
)
ALONE = instance("alone", vrid=53, addresses=(ip_interface("192.0.2.200/24"),))


def hook(moment: HookMoment, path: str) -> tuple[HookMoment, Hook]:
    return moment, Hook(argv=(path,))


def test_without_groups_nothing_changes() -> None:
    assert grouped([WEB, ALONE], []) == (WEB, ALONE)


def test_all_members_have_the_trackers_of_all_each_once() -> None:
    group = GroupConfig(name="edge", members=("inside", "web"), track=(TrackUse(name="disk"),))
    web, alone, inside = grouped([WEB, ALONE, INSIDE], [group])
    assert web.track == inside.track
    assert {use.name for use in web.track} == {"disk", "uplink", "inner", "nginx"}
    assert len(web.track) == 4
    assert (web.group, inside.group) == ("edge", "edge")
    assert alone == ALONE


def test_what_is_said_twice_counts_as_it_is_said_first() -> None:
    """The group's own word goes first, then that of its members in their order."""
    own = GroupConfig(
        name="edge", members=("web", "inside"), track=(TrackUse(name="uplink", weight=-5),)
    )
    for group, weight in ((own, -5), (GroupConfig(name="edge", members=("web", "inside")), -20)):
        for one in grouped([WEB, INSIDE], [group]):
            assert TrackUse(name="uplink", weight=weight) in one.track


def test_the_lowest_vrid_leads_in_whatever_order_a_host_names_them() -> None:
    for members in (("web", "inside"), ("inside", "web")):
        group = GroupConfig(name="edge", members=members)
        leads = {one.name: one.leads for one in grouped([INSIDE, WEB, ALONE], [group])}
        assert leads == {"inside": False, "web": True, "alone": True}


def test_the_first_member_asks_the_gates_of_the_group_after_its_own() -> None:
    own = hook(HookMoment.BEFORE_MASTER, "/own")
    gates = (hook(HookMoment.BEFORE_MASTER, "/gate"), hook(HookMoment.BEFORE_RELEASE, "/drain"))
    told = hook(HookMoment.ON_MASTER, "/told")
    first = instance("web", hooks=HooksConfig(hooks=(own,), fifo="/fifo"))
    group = GroupConfig(
        name="edge", members=("web", "inside"), hooks=HooksConfig(hooks=(*gates, told))
    )
    web, inside = grouped([first, INSIDE], [group])
    assert web.hooks == HooksConfig(hooks=(own, *gates), fifo="/fifo")
    assert inside.hooks == INSIDE.hooks
