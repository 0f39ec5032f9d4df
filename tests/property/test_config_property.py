"""Whatever stands in the file: a configuration comes out, or a ConfigError."""

from __future__ import annotations

import json
from collections.abc import Callable
from ipaddress import IPv4Interface
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vipd.config.foreign import FOREIGN_KEYS, RENAMED_KEYS
from vipd.config.hook_schema import Hooks
from vipd.config.load import interpret, parse
from vipd.config.model import Config
from vipd.config.track_schema import TRACKERS
from vipd.core.config import InstanceConfig, TakeoverProbe
from vipd.errors import ConfigError

AGENT_KEYS = ("control_socket", "realtime")
INSTANCE_KEYS = (
    "interface",
    "vrid",
    "addresses",
    "priority",
    "advert_interval",
    "version",
    "preempt",
    "checksum",
    "announce_refresh",
    "linger",
    "takeover_probe",
    "probe_hold_max",
    "preempt_delay",
    "peer_priorities",
    "track",
    "hooks",
)
TRACKER_KEYS = tuple(
    sorted({key for table in TRACKERS.values() for key in table.__struct_fields__})
)
GROUP_KEYS = ("members", "track", "hooks")
HOOK_KEYS = tuple(Hooks.__struct_fields__)

texts = st.text(max_size=40) | st.sampled_from(
    ["eth0", "192.0.2.1/24", "192.0.2.1", "2001:db8::1/64", "fe80::1", "1s", "10ms", "auto"]
)
plain = st.one_of(
    st.booleans(),
    st.integers(),
    st.integers(min_value=-1, max_value=257),
    st.floats(),
    texts,
    st.dates() | st.datetimes() | st.times(),
)
anything = st.recursive(
    plain,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)
words = st.text(max_size=12) | st.sampled_from([*RENAMED_KEYS, *FOREIGN_KEYS])


def tables_of(*keys: str) -> st.SearchStrategy[dict[str, Any]]:
    """Tables that have some of the right keys, with anything in them, and perhaps wrong ones."""
    right = st.fixed_dictionaries({}, optional=dict.fromkeys(keys, anything))
    wrong = st.dictionaries(words, anything, max_size=1)
    return st.builds(lambda first, second: {**first, **second}, right, wrong)


commands = st.lists(texts | st.lists(texts, max_size=2) | tables_of("argv", "user"), max_size=3)
nearly_good = st.fixed_dictionaries(
    {
        "interface": st.sampled_from(["eth0", "eth1"]),
        "vrid": st.integers(min_value=1, max_value=3),
        "addresses": st.lists(texts, max_size=4),
    },
    optional={
        "priority": anything,
        "advert_interval": texts,
        "announce_refresh": texts,
        "track": st.lists(texts | tables_of("name", "weight"), max_size=3),
        "hooks": st.dictionaries(st.sampled_from(HOOK_KEYS), commands, max_size=2),
    },
)
instances = st.dictionaries(words, nearly_good | tables_of(*INSTANCE_KEYS) | anything, max_size=4)
trackers = st.dictionaries(
    words,
    st.builds(
        lambda kind, keys: {"type": kind, **keys},
        st.sampled_from([*TRACKERS, "htp"]),
        tables_of(*TRACKER_KEYS),
    )
    | anything,
    max_size=3,
)
groups = st.dictionaries(words, tables_of(*GROUP_KEYS) | anything, max_size=3)
documents = st.fixed_dictionaries(
    {},
    optional={
        "agent": tables_of(*AGENT_KEYS) | anything,
        "instance": instances | anything,
        "track": trackers | anything,
        "group": groups | anything,
    },
)


def outcome_of(read: Callable[[], Config]) -> Config | ConfigError:
    """What comes out; an error without a problem would be none."""
    try:
        return read()
    except ConfigError as error:
        return error if error.problems else pytest.fail("an error that names no problem")


def check(document: dict[str, Any]) -> None:
    """Only two things can come out, and both can be shown on a terminal."""
    outcome = outcome_of(lambda: interpret(document, "vipd.toml", {}))
    for problem in outcome.problems if isinstance(outcome, ConfigError) else ():
        assert f"{problem.path}{problem.problem}{problem.hint}".isprintable()


@settings(max_examples=150, deadline=None, derandomize=True)
@given(documents)
def test_a_document_is_a_configuration_or_an_error(document: dict[str, Any]) -> None:
    check(document)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.dictionaries(words, anything, max_size=4))
def test_a_document_of_another_program_is_an_error(document: dict[str, Any]) -> None:
    check(document)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    st.binary(max_size=200) | st.text(max_size=200) | st.text("[]=\"'{}.\n ax1#,\\", max_size=60)
)
def test_bytes_and_texts_are_a_configuration_or_an_error(source: bytes | str) -> None:
    outcome_of(lambda: parse(source, "vipd.toml", {}))


def as_toml(instance: InstanceConfig) -> str:
    """Write an instance as an administrator would."""
    addresses = json.dumps([str(address) for address in instance.addresses])
    return f"""
        [instance.{instance.name}]
        interface = "{instance.interface}"
        vrid = {instance.vrid}
        addresses = {addresses}
        priority = {instance.priority}
        advert_interval = "{instance.advert_interval // 1_000_000}ms"
        preempt = {str(instance.preempt).lower()}
        announce_refresh = "{instance.announce_refresh // 1_000_000_000}s"
        linger = "{instance.linger // 1_000_000}ms"
        takeover_probe = "{instance.takeover_probe.value}"
        """


good = st.builds(
    InstanceConfig,
    name=st.just("web"),
    interface=st.from_regex(r"[a-z][a-z0-9.-]{0,14}", fullmatch=True),
    vrid=st.integers(min_value=1, max_value=255),
    addresses=st.lists(
        st.integers(min_value=1, max_value=254), min_size=1, max_size=5, unique=True
    ).map(lambda hosts: tuple(IPv4Interface(f"192.0.2.{host}/24") for host in hosts)),
    priority=st.integers(min_value=1, max_value=255),
    advert_interval=st.integers(min_value=1, max_value=4095).map(lambda cs: cs * 10_000_000),
    preempt=st.booleans(),
    announce_refresh=st.integers(min_value=0, max_value=3_600).map(lambda s: s * 1_000_000_000),
    linger=st.integers(min_value=0, max_value=1_000).map(lambda ms: ms * 1_000_000),
    takeover_probe=st.sampled_from(TakeoverProbe),
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(good)
def test_what_is_written_is_read(instance: InstanceConfig) -> None:
    assert parse(as_toml(instance), "vipd.toml", {}).instances == (instance,)
