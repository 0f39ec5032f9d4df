"""Whatever configuration is sent from one process to another: exactly that arrives."""

from __future__ import annotations

from dataclasses import asdict
from ipaddress import ip_interface
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from vipd.config.model import AgentConfig, Config
from vipd.config.transfer import pack, unpack
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
from vipd.core.model import ChecksumForm

texts = st.text(st.characters(codec="utf-8"), max_size=8)
numbers = st.integers(min_value=-(2**63), max_value=2**63 - 1)
durations = st.integers(min_value=0, max_value=2**45)
addresses = st.ip_addresses()
paths = texts.map(lambda text: Path("/") / text.replace("\0", "").lstrip("/"))


def several(items: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(items, max_size=2).map(tuple)


vips = st.builds(
    lambda address, length: ip_interface(f"{address}/{length}"),
    addresses,
    st.integers(min_value=0, max_value=32),
)


hooks = st.builds(
    HooksConfig,
    hooks=several(
        st.tuples(
            st.sampled_from(HookMoment),
            st.builds(Hook, argv=several(texts), timeout=durations, user=st.none() | texts),
        )
    ),
    fifo=st.none() | texts,
)
uses = several(st.builds(TrackUse, name=texts, weight=st.none() | numbers))
plain = st.none() | st.booleans() | numbers | texts | st.floats(min_value=-1e300, max_value=1e300)
options = st.dictionaries(
    texts,
    plain | several(plain) | several(several(plain)) | st.dictionaries(texts, plain, max_size=2),
    max_size=3,
)
instances = st.builds(
    InstanceConfig,
    name=texts,
    interface=texts,
    vrid=numbers,
    addresses=several(vips),
    preempt=st.booleans(),
    checksum=st.none() | st.sampled_from(ChecksumForm),
    password=st.none() | st.binary(max_size=8),
    unicast=st.none()
    | st.builds(
        Unicast,
        peers=several(addresses),
        sources=several(addresses),
        min_ttl=st.none() | numbers,
    ),
    lease=st.none() | durations,
    takeover_probe=st.sampled_from(TakeoverProbe),
    track=uses,
    hooks=hooks,
    peer_priorities=several(numbers),
    group=st.none() | texts,
    leads=st.booleans(),
)
trackers = st.builds(
    TrackerConfig,
    name=texts,
    kind=texts,
    interval=durations,
    timeout=durations,
    initially_up=st.booleans(),
    options=options,
)
groups = st.builds(GroupConfig, name=texts, members=several(texts), track=uses, hooks=hooks)
configs = st.builds(
    Config,
    agent=st.builds(
        AgentConfig,
        control_socket=paths,
        runtime_directory=paths,
        state_directory=paths,
        realtime=st.booleans(),
        metrics=st.none() | st.text(),
        hellos=st.booleans(),
        hello_port=st.integers(1, 65535),
    ),
    instances=several(instances),
    trackers=several(trackers),
    groups=several(groups),
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(configs)
def test_what_is_sent_arrives(config: Config) -> None:
    """Compared as text, too: to Python True is 1 and 1.0, to a tracker it is not."""
    steps = unpack(pack(config), "vipd.toml")
    arrived = config
    while True:
        try:
            next(steps)
        except StopIteration as end:
            arrived = end.value
            break
    assert arrived is not config
    assert arrived == config
    assert repr(asdict(arrived)) == repr(asdict(config))
