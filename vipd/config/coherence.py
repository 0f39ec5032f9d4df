"""What no single key can know: keys of one instance that do not go together.

It looks at what could be read; a key that could not be has its own problem already.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import UNSET

from vipd.config.text import write_duration
from vipd.core.config import DEFAULT_ADVERT_INTERVAL, DEFAULT_PROBE_HOLD_MAX, TakeoverProbe
from vipd.core.model import Family, IPAddress, Vip, family_of
from vipd.core.units import CENTISECOND, SECOND
from vipd.errors import ConfigProblem

LONGEST_V3 = 4095 * CENTISECOND
"""RFC: 9568 §5.2.7: twelve bits of centiseconds."""

UNICAST_KEYS = ("source", "unicast_ttl", "min_ttl")


def incoherences(path: str, keys: Mapping[str, Any]) -> Iterator[ConfigProblem]:
    """Find every problem between the keys of one instance."""
    yield from _of_version_2(path, keys) if keys.get("version") == 2 else _of_version_3(path, keys)
    if "unicast_peers" in keys:
        yield from _of_peers(path, keys)
        yield from _of_sources(path, keys)
    else:
        for key in UNICAST_KEYS:
            if key in keys:
                hint = "give unicast_peers, or leave it out: multicast needs no such key"
                yield _problem(path, key, "is for unicast only", hint)
    yield from _of_probe(path, keys)


def _of_version_2(path: str, keys: Mapping[str, Any]) -> Iterator[ConfigProblem]:
    """RFC: 3768 §5.2, §5.3.7."""
    v3 = "leave version out for VRRPv3, which"
    for index, vip in enumerate(_known(keys, "addresses")):
        if vip.version == Family.IPV6:
            hint = f"{v3} carries both families"
            yield _problem(path, f"addresses[{index}]", f"VRRPv2 cannot carry {vip.ip}", hint)
    interval = keys.get("advert_interval", DEFAULT_ADVERT_INTERVAL)
    if interval % SECOND:
        hint = f"{v3} counts in steps of 10 ms"
        problem = f"VRRPv2 counts whole seconds, not {write_duration(interval)}"
        yield _problem(path, "advert_interval", problem, hint)
    if keys.get("checksum"):
        hint = "leave it out: VRRPv2 has one form only"
        yield _problem(path, "checksum", "is for VRRPv3 only", hint)


def _of_version_3(path: str, keys: Mapping[str, Any]) -> Iterator[ConfigProblem]:
    """RFC: 9568 §5.2.7, §9 (no authentication)."""
    interval = keys.get("advert_interval", DEFAULT_ADVERT_INTERVAL)
    if interval > LONGEST_V3:
        problem = f"VRRPv3 counts up to 40.95 s, not {write_duration(interval)}"
        yield _problem(path, "advert_interval", problem, "only version = 2 has longer intervals")
    if "auth" in keys:
        hint = (
            "leave auth out; it protects nothing in VRRPv2 either: everybody on the link reads it"
        )
        yield _problem(path, "auth", "VRRPv3 has no authentication", hint)


def _of_peers(path: str, keys: Mapping[str, Any]) -> Iterator[ConfigProblem]:
    peers: list[IPAddress] = list(_known(keys, "unicast_peers"))
    vips: list[Vip] = list(_known(keys, "addresses"))
    for peer, count in Counter(peers).items():
        if count > 1:
            yield _problem(path, "unicast_peers", f"{peer} is listed {count} times", "list it once")
        if peer in {vip.ip for vip in vips}:
            hint = "list the peer's own address, which does not move"
            yield _problem(path, "unicast_peers", f"{peer} is a virtual IP of this instance", hint)
    if not peers:
        return
    needed, given = {family_of(vip) for vip in vips}, {family_of(peer) for peer in peers}
    for family in sorted(needed - given):
        problem = f"has no IPv{family} peer for the IPv{family} addresses"
        yield _problem(path, "unicast_peers", problem, "each family speaks to peers of its own")
    for family in sorted(given - needed):
        problem = f"has an IPv{family} peer, but there are no IPv{family} addresses"
        yield _problem(path, "unicast_peers", problem, "each family speaks to peers of its own")


def _of_sources(path: str, keys: Mapping[str, Any]) -> Iterator[ConfigProblem]:
    sources: list[IPAddress] = list(_known(keys, "source"))
    families = Counter(family_of(source) for source in sources)
    for family, count in sorted(families.items()):
        if count > 1:
            yield _problem(path, "source", f"has {count} IPv{family} addresses", "give one of them")
    for source in sources:
        if source in _known(keys, "unicast_peers"):
            yield _problem(path, "source", f"{source} is a peer", "the source is this host's own")
        if source in {vip.ip for vip in _known(keys, "addresses")} and keys.get("priority") != 255:
            hint = "adverts come from an address that stays on this host"
            yield _problem(path, "source", f"{source} is a virtual IP of this instance", hint)


def _of_probe(path: str, keys: Mapping[str, Any]) -> Iterator[ConfigProblem]:
    """Why: a hold that ends within an interval ends before the MASTER could be heard again."""
    if keys.get("takeover_probe", TakeoverProbe.WARN) is not TakeoverProbe.HOLD:
        if "probe_hold_max" in keys:
            hint = 'write takeover_probe = "hold", or leave it out: nothing else waits'
            yield _problem(path, "probe_hold_max", 'is for takeover_probe = "hold" only', hint)
        return
    interval = keys.get("advert_interval", DEFAULT_ADVERT_INTERVAL)
    hold = keys.get("probe_hold_max", DEFAULT_PROBE_HOLD_MAX)
    if hold < interval:
        shorter = f"{write_duration(hold)} is shorter than"
        problem = f"{shorter} advert_interval ({write_duration(interval)})"
        hint = "wait for three of them or longer, so that the MASTER can be heard again"
        yield _problem(path, "probe_hold_max", problem, hint)


def _known(keys: Mapping[str, Any], key: str) -> tuple[Any, ...]:
    """The items of a list that could be read; a single value counts as a list of one."""
    value = keys.get(key, ())
    items = value if isinstance(value, tuple) else (value,)
    return tuple(item for item in items if item is not UNSET)


def _problem(path: str, key: str, problem: str, hint: str) -> ConfigProblem:
    return ConfigProblem(path=f"{path}.{key}", problem=problem, hint=hint)
