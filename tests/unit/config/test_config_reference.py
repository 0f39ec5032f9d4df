"""Names that lead somewhere, or nowhere: what is tracked, and who moves with whom."""

from __future__ import annotations

import pytest

from vipd.config.load import parse
from vipd.core.config import TrackUse
from vipd.errors import ConfigError

BASE = """
[instance.web]
interface = "eth0"
vrid = 51
addresses = ["192.0.2.100/24"]
{web}
[instance.db]
interface = "eth1"
vrid = 51
addresses = ["192.0.2.101/24"]
{db}
[instance.mail]
interface = "eth2"
vrid = 51
addresses = ["192.0.2.102/24"]
[track.nginx]
type = "ping"
address = "192.0.2.1"
[track.uplink]
type = "gateway"
interface = "eth0"
{rest}
"""


def text(web: str = "", db: str = "", rest: str = "") -> str:
    return BASE.format(web=web, db=db, rest=rest)


def found(source: str) -> list[tuple[str, str, str]]:
    """What is wrong, if anything is."""
    try:
        parse(source, "f", {})
    except ConfigError as error:
        return [(one.path, one.problem, one.hint) for one in error.problems]
    return []


def problems_of(source: str) -> list[tuple[str, str, str]]:
    problems = found(source)
    assert problems
    return problems


def test_a_tracker_is_used_by_name_with_or_without_a_weight() -> None:
    config = parse(text('track = ["nginx", { name = "uplink", weight = -50 }]'), "f", {})
    uses = (TrackUse(name="nginx"), TrackUse(name="uplink", weight=-50))
    assert config.instances[0].track == uses
    assert [tracker.name for tracker in config.trackers] == ["nginx", "uplink"]


def test_a_group_has_members_and_trackers() -> None:
    rest = '[group.edge]\nmembers = ["web", "db"]\ntrack = [{ name = "uplink", weight = 20 }]'
    (group,) = parse(text(rest=rest), "f", {}).groups
    assert (group.name, group.members) == ("edge", ("web", "db"))
    assert group.track == (TrackUse(name="uplink", weight=20),)


WEIGHT = (
    "above 0 it counts while the tracker is up, below while it is down; "
    "without a weight its failure is FAULT"
)


@pytest.mark.parametrize(
    ("line", "path", "problem", "hint"),
    [
        ('track = ["ngnix"]', "track[0]", 'there is no tracker "ngnix"', 'did you mean "nginx"?'),
        ('track = ["zz"]', "track[0]", 'there is no tracker "zz"', "declare it: [track.zz]"),
        (
            'track = ["nginx", { name = "nginx", weight = 5 }]',
            "track[1]",
            '"nginx" is listed twice',
            "list it once",
        ),
        (
            'track = [{ name = "nginx", weight = 0 }]',
            "track[0].weight",
            "a weight of 0 changes nothing",
            "leave it out: the failure is then FAULT",
        ),
        (
            'track = [{ name = "nginx", weight = 254 }]',
            "track[0].weight",
            "must be an integer from -253 to 253, not 254",
            WEIGHT,
        ),
        (
            'track = [{ name = "nginx", wieght = 5 }]',
            "track[0].wieght",
            "unknown key",
            "did you mean weight?",
        ),
        (
            'track = "nginx"',
            "track",
            'must be a list, not the string "nginx"',
            'put it in brackets: ["nginx"]',
        ),
        (
            "track = []",
            "track",
            "must not be empty",
            'such as track = ["nginx", { name = "uplink", weight = -50 }]',
        ),
        (
            "preempt_delay = 300",
            "preempt_delay",
            "must be a string, not the integer 300",
            'write it with its unit: "300s"',
        ),
        (
            "peer_priorities = [0]",
            "peer_priorities[0]",
            "must be an integer from 1 to 255, not 0",
            "the priority of another host",
        ),
    ],
)
def test_a_wrong_use_is_told(line: str, path: str, problem: str, hint: str) -> None:
    assert problems_of(text(line)) == [(f"instance.web.{path}", problem, hint)]


def test_a_group_may_use_only_what_is_declared() -> None:
    rest = '[group.edge]\nmembers = ["web", "db"]\ntrack = ["uplin"]'
    assert problems_of(text(rest=rest)) == [
        ("group.edge.track[0]", 'there is no tracker "uplin"', 'did you mean "uplink"?')
    ]


def test_a_tracker_that_could_not_be_read_is_declared_nevertheless() -> None:
    rest = '[track.bad]\ntype = "nope"'
    assert [path for path, _, _ in problems_of(text('track = ["bad"]', rest=rest))] == [
        "track.bad.type"
    ]


ONE = "a group is for two or more; hooks and trackers can stand on the instance"


@pytest.mark.parametrize(
    ("members", "problem", "hint"),
    [
        ('["web"]', "has one member only", ONE),
        ('["web", "mial"]', 'there is no instance "mial"', 'did you mean "mail"?'),
        ('["web", "db", "web"]', '"web" is listed 2 times', "list it once"),
        (
            '["web", "owner"]',
            '"owner" owns its addresses (priority 255)',
            "an owner serves in any case, so nothing can move with it; give it 254",
        ),
    ],
)
def test_wrong_members_are_told(members: str, problem: str, hint: str) -> None:
    owner = (
        'instance.owner = { interface = "eth3", vrid = 9, addresses = ["192.0.2.9"], '
        "priority = 255 }"
    )
    source = f"{owner}\n{text(rest=f'[group.edge]{chr(10)}members = {members}')}"
    assert problems_of(source) == [("group.edge.members", problem, hint)]


def test_an_instance_moves_with_one_group() -> None:
    rest = '[group.a]\nmembers = ["web", "db"]\n[group.b]\nmembers = ["mail", "db"]'
    assert problems_of(text(rest=rest)) == [
        (
            "group.b.members",
            '"db" is a member of group a already',
            "an instance moves with one group; make them one group",
        )
    ]


def test_a_group_needs_members() -> None:
    hint = 'such as members = ["web", "internal"], the names of instances'
    assert problems_of(text(rest="[group.edge]")) == [("group.edge.members", "is missing", hint)]


TOGETHER = "they move together: write one priority for all of them"


@pytest.mark.parametrize(
    ("web", "db", "problems"),
    [
        (100, 100, []),
        (150, 100, ["web has priority 150, db has 100", "web has priority 150, mail has 100"]),
        (100, 150, ["web has priority 100, db has 150"]),
        (150, 150, ["web has priority 150, mail has 100"]),
    ],
)
def test_members_of_a_group_have_one_priority(web: int, db: int, problems: list[str]) -> None:
    """One that is left out, as that of mail, is 100."""
    rest = '[group.edge]\nmembers = ["web", "db", "mail"]'
    source = text(f"priority = {web}", f"priority = {db}", rest)
    assert found(source) == [("group.edge.members", problem, TOGETHER) for problem in problems]


def test_a_priority_that_could_not_be_read_is_not_taken_for_the_default() -> None:
    source = text("priority = 300", "priority = 150", '[group.edge]\nmembers = ["web", "db"]')
    assert [path for path, _, _ in problems_of(source)] == ["instance.web.priority"]
