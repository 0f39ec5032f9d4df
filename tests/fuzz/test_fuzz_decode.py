"""Runs the fuzz target for a bounded time, from seeds that are adverts, packets and files."""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import subprocess
import sys
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import pytest
from captured import ethernet, ipv4, ipv6, message, pcap, pcapng

from vipd.core.model import ChecksumForm
from vipd.wire.arp import gratuitous_reply
from vipd.wire.ndp import unsolicited_advertisement

pytestmark = pytest.mark.slow

TARGET = Path(__file__).with_name("fuzz_decode.py")
SECONDS = 20
FEWEST_EXECUTIONS = 10_000
"""A hundredth of what an idle machine does; fewer would prove nothing."""

BUILT_FOR_THIS = (
    sys.version_info < (3, 14) and sys.platform == "linux" and platform.machine() == "x86_64"
)
"""As in pyproject.toml."""

MAC = bytes.fromhex("02 00 00 00 00 01")
V3, V2 = message(), message(version=2)
SECRET = message(version=2, password=b"s3cret")
V3_6 = message("fe80::5", "2001:db8::5")
HELLO = bytes.fromhex(
    "766970640100106c6966656c696665010268310330 2e35"
    "0016330303029664030064 6861736868617368 0465746830"
)
"""The one of tests/unit/wire/test_wire_hello.py."""

SEEDS = (
    b"\0\xff" + V3,
    b"\0\xff" + message(checksum=ChecksumForm.MESSAGE),
    b"\0\xff" + V2,
    b"\0\xff" + SECRET,
    b"\1\xff" + V3_6,
    b"\2" + ipv4(V3),
    b"\2" + ipv4(SECRET, options=bytes.fromhex("94040000")),
    b"\2" + ipv4(V2),
    b"\2" + ipv4(V3, fragment=0x2000),
    b"\2" + ipv6(V3_6, headers=bytes([112, 0, 5, 2, 0, 0, 1, 0]), first=0),
    b"\3" + pcap(ipv4(V3), ipv6(V3_6), link_type=101),
    b"\3" + pcapng(ethernet(ipv4(V2)), order=">"),
    b"\4" + gratuitous_reply(MAC, IPv4Address("192.0.2.100")),
    b"\4" + unsolicited_advertisement(MAC, IPv6Address("2001:db8::100")),
    b"\5" + HELLO,
)


def test_no_bytes_of_a_stranger_raise_anything(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    if not importlib.util.find_spec("atheris"):
        reason = "no fuzzing: atheris is not installed"
        if os.environ.get("CI") == "true" and BUILT_FOR_THIS:
            pytest.fail(reason)
        pytest.skip(reason)
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(SEEDS):
        (corpus / f"seed-{number}").write_bytes(seed)
    options = [f"-max_total_time={SECONDS}", f"-artifact_prefix={tmp_path}/", "-max_len=600"]
    options.append("-use_value_profile=1")
    done = subprocess.run(
        [sys.executable, TARGET, *options, corpus],
        capture_output=True,
        text=True,
        timeout=SECONDS * 6,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    counted = re.search(r"Done (\d+) runs in (\d+) second", done.stderr)
    assert counted is not None, done.stderr[-2000:]
    executions, seconds = map(int, counted.groups())
    found = len(list(corpus.iterdir())) - len(SEEDS)
    text = f"{executions:,} executions in {seconds} s, {found} new inputs, nothing raised"
    record_property("figure", f"fuzzing the readers of packets: {text}")
    assert executions > FEWEST_EXECUTIONS
