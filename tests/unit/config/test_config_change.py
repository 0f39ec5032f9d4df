"""What a reload tells of itself: the keys that differ, and what follows in which state."""

from __future__ import annotations

from dataclasses import fields, replace
from ipaddress import ip_address, ip_interface
from pathlib import Path
from typing import Any

import msgspec
import pytest

from vipd.config import schema
from vipd.config.change import Change, KeyChange, describe, differences
from vipd.config.hook_schema import Command
from vipd.config.load import parse
from vipd.config.model import AgentConfig, Config
from vipd.config.spelling import NOT_WRITTEN, Section, keys_of
from vipd.config.track_schema import TRACKERS
from vipd.core.config import (
    GroupConfig,
    Hook,
    HookMoment,
    HooksConfig,
    InstanceConfig,
    TakeoverProbe,
    TrackerConfig,
    TrackUse,
    Unicast,
)
from vipd.core.model import ChecksumForm, State
from vipd.core.units import MILLISECOND, SECOND

ONE, TWO = ip_interface("192.0.2.101/24"), ip_interface("192.0.2.102/24")
AGENT = AgentConfig(
    control_socket=Path("/run/vipd/control.sock"),
    runtime_directory=Path("/run/vipd"),
    state_directory=Path("/var/lib/vipd"),
)
WEB = InstanceConfig(name="web", interface="eth0", vrid=51, addresses=(ONE,))
NGINX = TrackerConfig(name="nginx", kind="http", interval=SECOND, timeout=SECOND)
EDGE = GroupConfig(name="edge", members=("web", "db"))
PROMOTE = HooksConfig(hooks=((HookMoment.ON_MASTER, Hook(argv=("/bin/a", "-v"))),))

OTHER: dict[type, dict[str, Any]] = {
    AgentConfig: {
        "control_socket": Path("/run/a.sock"),
        "state_directory": Path("/srv"),
        "realtime": False,
        "metrics": "127.0.0.1:9112",
        "hellos": False,
        "hello_port": 1,
    },
    InstanceConfig: {
        "interface": "eth1",
        "vrid": 52,
        "addresses": (TWO,),
        "priority": 150,
        "advert_interval": 100 * MILLISECOND,
        "version": 2,
        "preempt": False,
        "checksum": ChecksumForm.MESSAGE,
        "announce_refresh": 0,
        "password": b"s3cret",
        "unicast": Unicast(peers=(ip_address("192.0.2.12"),)),
        "lease": 0,
        "virtual_mac": True,
        "linger": 0,
        "takeover_probe": TakeoverProbe.HOLD,
        "probe_hold_max": SECOND,
        "preempt_delay": SECOND,
        "startup_delay": SECOND,
        "track": (TrackUse(name="nginx"),),
        "hooks": PROMOTE,
        "peer_priorities": (100,),
    },
    TrackerConfig: {
        "kind": "tcp",
        "interval": 2 * SECOND,
        "timeout": MILLISECOND,
        "rise": 2,
        "fall": 3,
        "initially_up": True,
        "flaps": 5,
        "flap_window": SECOND,
        "options": {"port": 80},
    },
    GroupConfig: {
        "members": ("web",),
        "track": (TrackUse(name="nginx", weight=-50),),
        "hooks": PROMOTE,
    },
}
"""Another value for every field that stands in the file."""

SECTIONS: tuple[tuple[Section, type[msgspec.Struct]], ...] = (
    (AGENT, schema.Agent),
    (WEB, schema.Instance),
    (NGINX, TRACKERS["http"]),
    (EDGE, schema.Group),
)
FIELDS = [(one, field, table) for one, table in SECTIONS for field in OTHER[type(one)]]


def config(
    *instances: InstanceConfig,
    agent: AgentConfig = AGENT,
    trackers: tuple[TrackerConfig, ...] = (),
    groups: tuple[GroupConfig, ...] = (),
) -> Config:
    return Config(agent=agent, instances=instances or (WEB,), trackers=trackers, groups=groups)


def another(one: Section, field: str) -> Section:
    """The same section with another value of one field."""
    return replace(one, **{field: OTHER[type(one)][field]})


def told(old: Config, new: Config, **states: State) -> dict[str, Change]:
    """What is said of each section."""
    return {f"{one.section} {one.name}".rstrip(): one for one in describe(old, new, states)}


def effect(old: Config, new: Config, section: str, **states: State) -> str:
    return told(old, new, **states)[section].effect


def keys(old: Section, new: Section) -> list[tuple[str, str | None, str | None]]:
    return [(one.key, one.old, one.new) for one in differences(old, new)]


class TestKeys:
    @pytest.mark.parametrize("kind", OTHER)
    def test_no_field_is_forgotten(self, kind: type[Section]) -> None:
        made_of = {one.name for one in fields(kind) if one.init}
        assert made_of - NOT_WRITTEN == OTHER[kind].keys()

    @pytest.mark.parametrize(("one", "field", "table"), FIELDS)
    def test_each_field_is_told_of_by_a_key_of_the_file(
        self, one: Section, field: str, table: type[msgspec.Struct]
    ) -> None:
        found = list(differences(one, another(one, field)))
        known = {*table.__struct_fields__, "type", "port"}
        assert found
        assert {change.key.partition(".")[0] for change in found} <= known

    @pytest.mark.parametrize(("one", "field", "table"), FIELDS)
    def test_what_is_the_same_is_not_told(
        self, one: Section, field: str, table: type[msgspec.Struct]
    ) -> None:
        del table
        other = another(one, field)
        assert keys(other, replace(other)) == []

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"priority": 150}, ("priority", "100", "150")),
            ({"advert_interval": 100 * MILLISECOND}, ("advert_interval", "1s", "100ms")),
            ({"preempt": False}, ("preempt", "true", "false")),
            ({"lease": 0}, ("lease", "auto", "off")),
            ({"lease": 5 * SECOND}, ("lease", "auto", "5s")),
            ({"checksum": ChecksumForm.MESSAGE}, ("checksum", "auto", "rfc9568")),
            ({"takeover_probe": TakeoverProbe.HOLD}, ("takeover_probe", "warn", "hold")),
            ({"password": b"s3cret"}, ("auth.password", None, None)),
            ({"track": (TrackUse(name="nginx"),)}, ("track", None, "nginx")),
            (
                {"track": (TrackUse(name="a", weight=-5),)},
                ("track", None, '{ name = "a", weight = -5 }'),
            ),
            ({"hooks": PROMOTE}, ("hooks.on_master", None, '["/bin/a", "-v"]')),
            ({"hooks": HooksConfig(fifo="/run/fifo")}, ("hooks.fifo", None, "/run/fifo")),
            (
                {"unicast": Unicast(peers=(ip_address("192.0.2.12"),))},
                ("unicast_peers", None, "192.0.2.12"),
            ),
        ],
    )
    def test_values_are_written_as_in_the_file(
        self, changes: dict[str, Any], said: tuple[str, str | None, str | None]
    ) -> None:
        assert keys(WEB, replace(WEB, **changes)) == [said]

    def test_a_list_tells_what_it_has_gained_and_lost(self) -> None:
        assert keys(replace(WEB, addresses=(TWO,)), WEB) == [
            ("addresses", None, str(ONE)),
            ("addresses", str(TWO), None),
        ]

    def test_another_order_is_told_whole(self) -> None:
        old, new = replace(WEB, addresses=(ONE, TWO)), replace(WEB, addresses=(TWO, ONE))
        assert keys(old, new) == [("addresses", f"[{ONE}, {TWO}]", f"[{TWO}, {ONE}]")]

    def test_a_command_that_stands_twice_is_told(self) -> None:
        once = PROMOTE.hooks
        old, new = replace(WEB, hooks=PROMOTE), replace(WEB, hooks=HooksConfig(hooks=once * 2))
        assert [one[0] for one in keys(old, new)] == ["hooks.on_master"]

    def test_a_command_is_written_with_what_is_particular_to_it(self) -> None:
        hook = Hook(
            argv=("/bin/a",), timeout=5 * SECOND, user="www", keepalived_style=True, required=True
        )
        hooks = HooksConfig(hooks=((HookMoment.BEFORE_MASTER, hook),))
        words = keys_of(replace(WEB, hooks=hooks))["hooks.before_master"]
        assert isinstance(words, tuple)
        (text,) = words
        assert text == (
            '{ argv = ["/bin/a"], timeout = "5s", user = "www", '
            'style = "keepalived", required = true }'
        )
        assert all(f"{key} = " in text for key in Command.__struct_fields__)

    def test_nothing_that_a_terminal_obeys_is_written(self) -> None:
        new = replace(WEB, hooks=HooksConfig(fifo="/run/\x1b[2J"))
        assert keys(WEB, new) == [("hooks.fifo", None, '"/run/\\x1b[2J"')]


TRACKER = """
[instance.web]
interface = "eth0"
vrid = 51
addresses = ["192.0.2.101/24"]
[track.a]
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('type="disk"\npath="/"', 'free_min="5%"', ("free_min", None, "5%")),
        ('type="disk"\npath="/"', 'free_min="1kB"', ("free_min", None, "1000B")),
        ('type="redis"\nrole="replica"', 'lag_max="1m"', ("lag_max", None, "1m")),
        ('type="redis"', 'password="a"', ("password", None, None)),
        ('type="http"\nurl="http://a/"', "status=[200,204]", ("status", "200-299", "")),
        ('type="http"\nurl="http://a/"', 'headers={Host="a"}', ("headers.Host", None, None)),
        (
            'type="dns"\nserver="192.0.2.1"\nname="a"',
            'record="AAAA"',
            ("record", "A", "AAAA"),
        ),
        ('type="script"\nargv=["/bin/a"]', 'initial="up"', ("initial", "down", "up")),
    ],
)
def test_the_options_of_a_tracker_are_written_as_in_the_file(
    old: str, new: str, said: tuple[str, str | None, str | None]
) -> None:
    before, after = parse(TRACKER + old, "f", {}), parse(f"{TRACKER}{old}\n{new}", "f", {})
    found = keys(before.trackers[0], after.trackers[0])
    if said[0] == "status":
        assert ("status", None, "204") in found
    else:
        assert found == [said]


def test_the_words_of_a_command_line_are_told_in_their_order() -> None:
    text = f'{TRACKER}type = "script"\nargv = ["/bin/a", "%s"]'
    before, after = (parse(text % word, "f", {}).trackers[0] for word in ("-a", "-b"))
    assert keys(before, after) == [("argv", '["/bin/a", "-a"]', '["/bin/a", "-b"]')]


class TestSections:
    def test_the_agent_is_told_of_only_when_it_changes(self) -> None:
        assert [one.section for one in describe(config(), config(), {})] == ["instance"]
        new = config(agent=replace(AGENT, realtime=False))
        assert told(config(), new)["agent"] == Change(
            section="agent",
            name="",
            verdict="changed",
            keys=(KeyChange(key="realtime", old="true", new="false"),),
            effect="takes effect when the agent is restarted",
        )

    def test_who_keeps_the_name_is_changed_also_when_it_begins_anew(self) -> None:
        old = config(WEB, replace(WEB, name="a"), replace(WEB, name="gone"))
        new = config(replace(WEB, vrid=52), replace(WEB, name="a"), replace(WEB, name="came"))
        verdicts = {name: one.verdict for name, one in told(old, new).items()}
        assert verdicts == {
            "instance a": "kept",
            "instance web": "changed",
            "instance came": "added",
            "instance gone": "removed",
        }


class TestInstances:
    @pytest.mark.parametrize(
        ("changes", "state", "said"),
        [
            ({"addresses": (ONE, TWO)}, State.MASTER, f"keeps its state; claims {TWO} now"),
            (
                {"addresses": (TWO,)},
                State.MASTER,
                f"keeps its state; releases {ONE} now; claims {TWO} now",
            ),
            (
                {"addresses": (TWO,)},
                State.BACKUP,
                "keeps its state; has the new list when it becomes MASTER",
            ),
            (
                {"advert_interval": 200 * MILLISECOND},
                State.MASTER,
                "keeps its state; adverts every 200 ms from now on",
            ),
            (
                {"advert_interval": 2 * SECOND},
                State.BACKUP,
                "keeps its state; adverts every 2 s once it is MASTER",
            ),
            (
                {"priority": 50},
                State.MASTER,
                "keeps its state; yields to a BACKUP of more than 50 that preempts",
            ),
            ({"priority": 150}, State.MASTER, "keeps its state; stands with priority 150 from now"),
            (
                {"priority": 150},
                State.BACKUP,
                "keeps its state; takes over from a MASTER of less than 150",
            ),
            (
                {"priority": 150, "preempt": False},
                State.BACKUP,
                "keeps its state; stands with priority 150 from now on",
            ),
            (
                {"hooks": PROMOTE},
                State.MASTER,
                "keeps its state; the new hooks run from the next transition on",
            ),
            (
                {"track": (TrackUse(name="nginx"),)},
                State.MASTER,
                "keeps its state; a tracker that is new here counts as up until it has looked",
            ),
            (
                {"unicast": Unicast(peers=(ip_address("192.0.2.12"),))},
                State.MASTER,
                "keeps its state; adverts go to and come from the new peers",
            ),
            (
                {"password": b"a"},
                State.MASTER,
                "keeps its state; until all hosts have the same, two may serve",
            ),
            ({"linger": 0}, State.BACKUP, "keeps its state"),
            ({"linger": 0}, State.FAULT, "stays in FAULT, unless this mends it"),
        ],
    )
    def test_what_goes_on(self, changes: dict[str, Any], state: State, said: str) -> None:
        new = config(replace(WEB, **changes))
        assert effect(config(), new, "instance web", web=state).startswith(said)

    def test_an_interval_of_version_2_must_be_the_same_everywhere(self) -> None:
        old, new = replace(WEB, version=2), replace(WEB, version=2, advert_interval=2 * SECOND)
        said = effect(config(old), config(new), "instance web", web=State.MASTER)
        assert said.endswith("; until all hosts have the same, two may serve")

    @pytest.mark.parametrize(
        ("changes", "state", "said"),
        [
            (
                {"vrid": 52},
                State.MASTER,
                "is released at once and begins as BACKUP under VRID 52: an interruption",
            ),
            (
                {"vrid": 52, "addresses": (TWO,)},
                State.MASTER,
                "hands over first and begins as BACKUP under VRID 52",
            ),
            (
                {"interface": "eth1", "version": 2},
                State.BACKUP,
                "ends and begins as BACKUP on eth1 with VRRPv2",
            ),
            (
                {"virtual_mac": True},
                State.BACKUP,
                "ends and begins as BACKUP with a virtual MAC address",
            ),
            (
                {"priority": 255},
                State.BACKUP,
                "ends and begins as MASTER: priority 255 owns the addresses",
            ),
        ],
    )
    def test_what_begins_anew(self, changes: dict[str, Any], state: State, said: str) -> None:
        new = config(replace(WEB, **changes))
        assert effect(config(), new, "instance web", web=state) == said

    def test_an_owner_no_more(self) -> None:
        old = config(replace(WEB, priority=255))
        assert effect(old, config(), "instance web", web=State.MASTER) == (
            "is released at once and begins as BACKUP and owns the addresses no more: "
            "an interruption"
        )

    def test_what_comes(self) -> None:
        other, owner = replace(WEB, name="db", vrid=52), replace(WEB, name="own", priority=255)
        said = told(config(), config(WEB, other, owner))
        assert said["instance db"].effect == "begins as BACKUP"
        assert said["instance own"].effect == "begins as MASTER: priority 255 owns the addresses"

    @pytest.mark.parametrize(
        ("state", "others", "said"),
        [
            (State.MASTER, (), f"hands over first, then releases {ONE}"),
            (State.BACKUP, (), "ends; it does not serve now"),
            (
                State.MASTER,
                (replace(WEB, name="www"),),
                "is released at once: instance www needs its place or an address",
            ),
        ],
    )
    def test_what_goes(self, state: State, others: tuple[InstanceConfig, ...], said: str) -> None:
        stays = replace(WEB, name="db", vrid=52, addresses=(TWO,))
        new = config(stays, *others)
        assert effect(config(WEB, stays), new, "instance web", web=state) == said


class TestTrackersAndGroups:
    def test_trackers(self) -> None:
        uses = config(replace(WEB, track=(TrackUse(name="nginx"),)), trackers=(NGINX,))
        slower = replace(NGINX, interval=2 * SECOND)
        assert effect(config(), uses, "track nginx") == (
            "is started; it decides from its first look on"
        )
        assert effect(config(), config(trackers=(NGINX,)), "track nginx") == (
            "is started; nobody uses it"
        )
        assert effect(config(trackers=(NGINX,)), config(trackers=(slower,)), "track nginx") == (
            "is restarted; what is known of it holds until it has looked"
        )
        assert effect(config(trackers=(NGINX,)), config(), "track nginx") == "ends"

    @pytest.mark.parametrize(
        ("web", "db", "said"),
        [
            (
                State.MASTER,
                State.MASTER,
                "keeps the states; its members move together from now on",
            ),
            (State.MASTER, State.BACKUP, "web hands over if db hears another MASTER"),
            (State.BACKUP, State.FAULT, "db is in FAULT and takes the others along"),
        ],
    )
    def test_who_is_together_from_now_on(self, web: State, db: State, said: str) -> None:
        both = (WEB, replace(WEB, name="db", vrid=52, addresses=(TWO,)))
        old, new = config(*both), config(*both, groups=(EDGE,))
        assert effect(old, new, "group edge", web=web, db=db) == said

    def test_what_else_changes_of_a_group_keeps_the_states(self) -> None:
        old, new = config(groups=(EDGE,)), config(groups=(replace(EDGE, hooks=PROMOTE),))
        assert effect(old, new, "group edge") == (
            "keeps the states; the new hooks run from the next transition on"
        )

    def test_a_group_that_goes(self) -> None:
        said = effect(config(groups=(EDGE,)), config(), "group edge")
        assert said.startswith("its members keep their states")
