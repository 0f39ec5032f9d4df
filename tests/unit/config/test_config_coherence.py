"""Keys of one instance that do not go together; and those of VRRPv2 and unicast that do."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from vipd.config.load import parse
from vipd.core.config import InstanceConfig, Unicast
from vipd.core.units import SECOND
from vipd.errors import ConfigError

SECRET = "s3cret-7"


def text(*lines: str, addresses: str = '"192.0.2.100/24"') -> str:
    return "\n".join(
        ["[instance.web]", 'interface = "eth0"', "vrid = 51", f"addresses = [{addresses}]", *lines]
    )


def instance(source: str) -> InstanceConfig:
    (only,) = parse(source, "test.toml").instances
    return only


def problems(source: str) -> list[tuple[str, str]]:
    with pytest.raises(ConfigError) as caught:
        parse(source, "test.toml")
    assert SECRET not in str(caught.value)
    return [(one.path.removeprefix("instance.web."), one.problem) for one in caught.value.problems]


def test_version_2_with_a_password() -> None:
    config = instance(
        text(
            "version = 2",
            'advert_interval = "255s"',
            f'auth = {{ type = "pass", password = "{SECRET}" }}',
        )
    )
    assert (config.version, config.advert_interval) == (2, 255 * SECOND)
    assert config.password == SECRET.encode()


@pytest.mark.parametrize(
    ("source", "path", "problem"),
    [
        (
            text("version = 2", addresses='"192.0.2.100", "2001:db8::1"'),
            "addresses[1]",
            "VRRPv2 cannot carry 2001:db8::1",
        ),
        (
            text("version = 2", 'advert_interval = "1500ms"'),
            "advert_interval",
            "VRRPv2 counts whole seconds, not 1.5s",
        ),
        (text("version = 2", 'checksum = "rfc5798"'), "checksum", "is for VRRPv3 only"),
        (
            text('advert_interval = "41s"'),
            "advert_interval",
            "VRRPv3 counts up to 40.95 s, not 41s",
        ),
        (
            text(f'auth = {{ type = "pass", password = "{SECRET}" }}'),
            "auth",
            "VRRPv3 has no authentication",
        ),
        (
            text("version = 2", f'auth = {{ type = "pass", password = "{SECRET}-too-long" }}'),
            "auth.password",
            "must have 1 to 8 bytes, this one has 17",
        ),
        (
            text("version = 2", 'auth = { type = "pass", password = "" }'),
            "auth.password",
            "must have 1 to 8 bytes, this one has 0",
        ),
        (
            text("version = 2", 'auth = { type = "pass", password = 12345678 }'),
            "auth.password",
            "must be a string",
        ),
        (text("version = 2", f'auth = "{SECRET}"'), "auth", "must be a table"),
        (text("version = 2", 'auth = { type = "pass" }'), "auth.password", "is missing"),
        (
            text("version = 2", 'auth = { type = "ah", password = "x" }'),
            "auth.type",
            'must be "pass", not "ah"',
        ),
        (text("unicast_peers = []"), "unicast_peers", "must not be empty"),
        (text("min_ttl = 254"), "min_ttl", "is for unicast only"),
        (text('source = "192.0.2.11"'), "source", "is for unicast only"),
        (
            text('unicast_peers = ["192.0.2.12", "192.0.2.12"]'),
            "unicast_peers",
            "192.0.2.12 is listed 2 times",
        ),
        (
            text('unicast_peers = ["192.0.2.100"]'),
            "unicast_peers",
            "192.0.2.100 is a virtual IP of this instance",
        ),
        (
            text('unicast_peers = ["192.0.2.12/24"]'),
            "unicast_peers[0]",
            '"192.0.2.12/24" has a prefix; a host is written without',
        ),
        (
            text('unicast_peers = ["192.0.2.12", "2001:db8::2"]'),
            "unicast_peers",
            "has an IPv6 peer, but there are no IPv6 addresses",
        ),
        (
            text('unicast_peers = ["192.0.2.12"]', addresses='"192.0.2.100", "2001:db8::1"'),
            "unicast_peers",
            "has no IPv6 peer for the IPv6 addresses",
        ),
        (
            text('unicast_peers = ["192.0.2.12"]', 'source = ["192.0.2.11", "192.0.2.13"]'),
            "source",
            "has 2 IPv4 addresses",
        ),
        (
            text('unicast_peers = ["192.0.2.12"]', 'source = "192.0.2.12"'),
            "source",
            "192.0.2.12 is a peer",
        ),
        (
            text('unicast_peers = ["192.0.2.12"]', 'source = "192.0.2.100"'),
            "source",
            "192.0.2.100 is a virtual IP of this instance",
        ),
        (
            text('unicast_peers = ["192.0.2.12"]', "source = 7"),
            "source",
            "must be a string, not the integer 7",
        ),
        (
            text('probe_hold_max = "60s"'),
            "probe_hold_max",
            'is for takeover_probe = "hold" only',
        ),
        (
            text('takeover_probe = "warn"', 'probe_hold_max = "60s"'),
            "probe_hold_max",
            'is for takeover_probe = "hold" only',
        ),
        (
            text('takeover_probe = "hold"', 'probe_hold_max = "4s"', 'advert_interval = "5s"'),
            "probe_hold_max",
            "4s is shorter than advert_interval (5s)",
        ),
        (
            text("version = 2", 'takeover_probe = "hold"', 'advert_interval = "61s"'),
            "probe_hold_max",
            "1m is shorter than advert_interval (61s)",
        ),
        (
            text('unicast_peers = ["192.0.2.12"]', "unicast_ttl = 0"),
            "unicast_ttl",
            "must be an integer from 1 to 255, not 0",
        ),
    ],
)
def test_what_does_not_go_together(source: str, path: str, problem: str) -> None:
    assert problems(source) == [(path, problem)]


def test_unicast_in_both_families() -> None:
    config = instance(
        text(
            'unicast_peers = ["192.0.2.12", "2001:db8::12"]',
            'source = ["192.0.2.11", "2001:db8::11"]',
            "unicast_ttl = 64",
            "min_ttl = 60",
            addresses='"192.0.2.100/24", "2001:db8::100/64"',
        )
    )
    assert config.unicast == Unicast(
        peers=(ip_address("192.0.2.12"), ip_address("2001:db8::12")),
        sources=(ip_address("192.0.2.11"), ip_address("2001:db8::11")),
        ttl=64,
        min_ttl=60,
    )


def test_one_source_is_written_without_brackets() -> None:
    config = instance(text('unicast_peers = ["192.0.2.12"]', 'source = "192.0.2.11"'))
    assert config.unicast == Unicast(
        peers=(ip_address("192.0.2.12"),), sources=(ip_address("192.0.2.11"),)
    )
