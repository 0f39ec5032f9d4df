"""The addresses of an instance: what each line says, and which of them can stand together.

An instance of vipd has one interface, and sends adverts wherever it has addresses; in VRRPv2, and
with unicast peers, it has one family. keepalived puts any address on any interface and lets all of
them go with the adverts of one. What cannot stand together becomes several instances in one group.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from vipd.config.keepalived.body import Body
from vipd.config.keepalived.ledger import Ledger
from vipd.config.keepalived.tree import Statement
from vipd.config.text import RefusedText, quote, read_address
from vipd.core.model import Family, Vip, family_of

_WITH_VALUE: Final = frozenset(
    {"brd", "broadcast", "dev", "scope", "label", "peer", "preferred_lft", "track_group"}
)
_ALONE: Final = frozenset(
    {"use_vmac", "home", "-nodad", "mngtmpaddr", "noprefixroute", "autojoin", "no_track"}
)
_LOST: Final = {
    "label": "an address has no label here: `ip address` shows it by its interface",
    "peer": "there are no point-to-point addresses",
    "use_vmac": "virtual_mac = true is for all addresses of an instance",
    "mngtmpaddr": "there is none",
    "autojoin": "there is none",
}
"""What vipd has not. The rest it does not need: it routes nothing, and detects no duplicates."""

ALL_AT_ONCE: Final = (
    "a keepalived before 2.3.3 drops adverts with other addresses than its own, and would serve "
    "beside this host: move all hosts at one time"
)
EXCLUDED: Final = (
    f"excluded addresses are advertised here like the others; {ALL_AT_ONCE}, or list them in its "
    "virtual_ipaddress first"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One address: as it is written, as it is read, and the interface that it has of its own.

    keepalived does not advertise one that is excluded.
    """

    text: str
    vip: Vip
    dev: str | None
    excluded: bool
    statement: Statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Portion:
    """Addresses that can stand in one instance. The first portion has no suffix."""

    suffix: str
    interface: str
    version: int
    addresses: tuple[Address, ...]

    @property
    def families(self) -> frozenset[Family]:
        """The families of its addresses."""
        return frozenset(family_of(each.vip) for each in self.addresses)


def addresses(body: Body) -> tuple[Address, ...]:
    """Every address of an instance, once; what cannot be read is noted."""
    found: dict[Vip, Address] = {}
    for keyword in ("virtual_ipaddress", "virtual_ipaddress_excluded"):
        for entry in body.entries(keyword):
            address = _address(entry, body, excluded=keyword != "virtual_ipaddress")
            if address is None:
                continue
            if address.vip.ip in {each.ip for each in found}:
                body.dropped(entry, "it is listed already")
                continue
            found[address.vip] = address
            body.carried(entry, f"addresses, with {quote(address.text)}")
    return tuple(found.values())


def portions(
    every: Sequence[Address], interface: str, version: int, *, unicast: bool
) -> tuple[Portion, ...]:
    """Put together what can stand together, in the order of the file."""
    families = {family_of(each.vip) for each in every}
    apart = len(families) > 1 and (version == 2 or unicast)
    together: dict[tuple[str, Family | None], list[Address]] = {}
    for each in every:
        key = (each.dev or interface, family_of(each.vip) if apart else None)
        together.setdefault(key, []).append(each)
    return tuple(_portions(together, version))


def _portions(
    together: dict[tuple[str, Family | None], list[Address]], version: int
) -> Iterator[Portion]:
    first = next(iter(together), None)
    for key, members in together.items():
        assert first is not None, "there is a key"
        interface, family = key
        suffix = f"-{interface}" if interface != first[0] else ""
        suffix += f"-ipv{family}" if family != first[1] else ""
        only_v4 = all(family_of(each.vip) is Family.IPV4 for each in members)
        yield Portion(
            suffix=suffix,
            interface=interface,
            version=version if only_v4 else 3,
            addresses=tuple(members),
        )


def tell_portions(
    statement: Statement, parts: Sequence[Portion], interface: str, body: Body
) -> None:
    """Say what it means that the addresses stand elsewhere than they did."""
    first = parts[0]
    if first.interface != interface:
        how = f'adverts go where the addresses are: interface = "{first.interface}"'
        more = f"a keepalived beside this host listens on {interface}: move all hosts at one time"
        body.differs(statement, f'{how}, not "{interface}"; {more}')
    for address in (each for each in first.addresses if each.excluded):
        body.ledger.differs_once(address.statement, EXCLUDED)
    if len(parts) > 1:
        apart = any(part.interface != first.interface for part in parts)
        mixed = any("-ipv" in part.suffix for part in parts)
        reasons = ["one interface"] * apart + ["in VRRPv2 and unicast one family"] * mixed
        how = f"it becomes {len(parts)} instances in one group: each has {' and '.join(reasons)}"
        others = (each for part in parts[1:] for each in part.addresses)
        lost = any(not each.excluded for each in others)
        body.differs(statement, f"{how}; {ALL_AT_ONCE}" if lost else how)


def _address(entry: Statement, body: Body, *, excluded: bool) -> Address | None:
    text = entry.keyword
    try:
        vip = read_address(text)
    except RefusedText as refused:
        hint = f" ({refused.hint})" if refused.hint else ""
        body.dropped(entry, f"{refused.problem}{hint}")
        return None
    options = dict(_options(entry, body.ledger, body.table))
    lost = [f"{name}: {_LOST[name]}" for name in options if name in _LOST]
    if lost:
        body.dropped(entry, "; ".join(lost))
    dev = options.get("dev")
    return Address(text=text, vip=vip, dev=dev, excluded=excluded, statement=entry)


def _options(entry: Statement, ledger: Ledger, table: str) -> Iterator[tuple[str, str]]:
    words = iter(entry.values)
    for word in words:
        if word in _WITH_VALUE:
            yield word, next(words, "")
        elif word in _ALONE:
            yield word, ""
        else:
            how = f"keepalived does not read {quote(word)} here; each address has a line"
            ledger.dropped(entry, how, table)
            return
