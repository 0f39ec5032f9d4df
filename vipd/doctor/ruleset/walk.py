"""An advert's way through the chains: it passes, it is dropped, or it cannot be told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import TypeAlias

from vipd.core.model import Family
from vipd.doctor.ruleset.model import (
    AnyOf,
    Base,
    Chain,
    Comparison,
    Condition,
    Effect,
    Field,
    Hook,
    Rule,
    Span,
    Table,
    Value,
)
from vipd.doctor.ruleset.packet import Packet

DEEPEST = 16
"""Jumps within jumps. Source: NFT_JUMP_STACK_SIZE of the kernel."""

_FAMILIES = {Family.IPV4: {"ip", "inet", "netdev"}, Family.IPV6: {"ip6", "inet", "netdev"}}


class Fate(Enum):
    """What becomes of an advert."""

    PASSES = "passes"
    DROPPED = "dropped"
    UNCERTAIN = "uncertain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A base chain that drops an advert, or may: by which rule, and on which one it hangs.

    `rule` is the policy of the chain where no rule decides. `chains` are all that were entered.
    """

    table: Table
    chain: Chain
    rule: str
    doubt: str = ""
    chains: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """The answer. `places` are all chains that drop, or, if none surely does, that may."""

    fate: Fate
    places: tuple[Place, ...] = ()


class _Match(IntEnum):
    NO = 0
    MAYBE = 1
    YES = 2

    def negated(self) -> _Match:
        return _Match(2 - self)


class _End(Enum):
    """How a chain can end for a packet."""

    ACCEPT = "accept"
    DROP = "drop"
    BACK = "back"


_Ends: TypeAlias = dict[_End, str]
"""Every way in which a chain may end, each with the rule that does it."""


def walk(packet: Packet, tables: Iterable[Table], *, bridge: bool = False) -> Way:
    """Send an advert through every base chain in its way.

    `bridge` is whether its interface is a bridge, whose own chains it meets as well.
    """
    walker = _Walker(packet)
    families = _FAMILIES[packet.family] | ({"bridge"} if bridge else set())
    mine = [table for table in tables if table.family in families]
    sure, unsure = [], []
    for hook in packet.direction.hooks:
        for table, chain, base in _at(hook, mine, packet.interface):
            ends, place = walker.base(table, chain, base)
            if _End.ACCEPT not in ends:
                sure.append(place)
            elif _End.DROP in ends:
                unsure.append(place)
    if sure:
        return Way(fate=Fate.DROPPED, places=tuple(sure))
    if unsure:
        return Way(fate=Fate.UNCERTAIN, places=tuple(unsure))
    return Way(fate=Fate.PASSES)


def _at(hook: Hook, tables: Iterable[Table], interface: str) -> Iterator[tuple[Table, Chain, Base]]:
    """The base chains of a hook, in the order of their priorities."""
    found = [
        (table, chain, chain.base)
        for table in tables
        for chain in table.chains.values()
        if chain.base
        and chain.base.hook is hook
        and (not chain.base.devices or interface in chain.base.devices)
    ]
    yield from sorted(found, key=lambda each: each[2].priority)


class _Walker:
    """Follows one packet. It remembers what rules have done to it on its way."""

    def __init__(self, packet: Packet) -> None:
        self._packet = packet
        self._seen = packet
        self._doubts: list[str] = []
        self._entered: list[str] = []

    def base(self, table: Table, chain: Chain, base: Base) -> tuple[_Ends, Place]:
        """How a base chain may end, and where it drops if it does."""
        self._doubts, self._entered = [], []
        self._seen = self._packet.without_interface() if table.family == "bridge" else self._packet
        ends = self._chain(table, chain, DEEPEST)
        if _End.BACK in ends:
            ends.setdefault(_End.DROP if base.drops else _End.ACCEPT, "policy drop")
        place = Place(
            table=table,
            chain=chain,
            rule=ends.get(_End.DROP, ""),
            doubt=self._doubts[0] if self._doubts else "",
            chains=tuple(self._entered),
        )
        return ends, place

    def _chain(self, table: Table, chain: Chain, depth: int) -> _Ends:
        """Order: what ends surely ends the chain; what may end leaves the rest to be followed."""
        self._entered.append(chain.name)
        ends: _Ends = {}
        for rule in chain.rules:
            match = self._match(rule.conditions)
            if match is _Match.NO:
                continue
            found = self._effect(table, rule, depth, sure=match is _Match.YES)
            goes_on = found.pop(_End.BACK, None) is not None
            if match is _Match.MAYBE and (found or rule.effect is Effect.RETURN):
                self._doubts.append(rule.text)
            if rule.effect in (Effect.RETURN, Effect.GOTO) and goes_on:
                ends.setdefault(_End.BACK, rule.text)
                goes_on = False
            for end, text in found.items():
                ends.setdefault(end, text)
            if match is _Match.YES and not goes_on:
                return ends
        ends.setdefault(_End.BACK, "")
        return ends

    def _effect(self, table: Table, rule: Rule, depth: int, *, sure: bool) -> _Ends:
        """How the packet may leave a rule that it matches; BACK is to go on behind it."""
        match rule.effect:
            case Effect.ACCEPT:
                return {_End.ACCEPT: rule.text}
            case Effect.DROP:
                return {_End.DROP: rule.text}
            case Effect.EITHER:
                self._doubts.append(rule.text)
                return {_End.ACCEPT: rule.text, _End.DROP: rule.text}
            case Effect.JUMP | Effect.GOTO:
                target = table.chains.get(rule.target)
                if target is None or depth == 0:
                    self._doubts.append(rule.text)
                    return {_End.BACK: "", _End.ACCEPT: rule.text, _End.DROP: rule.text}
                return self._chain(table, target, depth - 1)
            case Effect.UNTRACK:
                self._untrack(sure=sure)
            case Effect.RETURN | Effect.NOTHING:
                pass
        return {_End.BACK: ""}

    def _untrack(self, *, sure: bool) -> None:
        states = ("untracked",) if sure else ("new", "untracked")
        self._packet = self._packet.with_connection(*states)
        self._seen = self._seen.with_connection(*states)

    # -- conditions ---------------------------------------------------------------------------

    def _match(self, conditions: Iterable[Condition]) -> _Match:
        """All of them; one that surely does not hold decides, whatever the others are."""
        return min(map(self._condition, conditions), default=_Match.YES)

    def _condition(self, condition: Condition) -> _Match:
        if isinstance(condition, AnyOf):
            found = max(map(self._match, condition.alternatives), default=_Match.NO)
        else:
            found = self._test(condition)
        return found.negated() if condition.negated else found

    def _test(self, test: Comparison) -> _Match:
        if test.field is Field.UNKNOWN or test.field not in self._seen.fields:
            return _Match.MAYBE
        found = {_among(one, test.values) for one in self._seen.fields[test.field]}
        return found.pop() if len(found) == 1 else _Match.MAYBE


def _among(one: Value, values: Iterable[Value]) -> _Match:
    return max((_compare(one, value) for value in values), default=_Match.NO)


def _compare(one: Value, wanted: Value) -> _Match:
    match one, wanted:
        case str(), str():
            prefix = wanted.removesuffix("*")
            same = one.startswith(prefix) if wanted.endswith("*") else one == wanted
            return _Match.YES if same else _Match.NO
        case Span(), Span():
            if wanted.first <= one.first and one.last <= wanted.last:
                return _Match.YES
            apart = one.last < wanted.first or wanted.last < one.first
            return _Match.NO if apart else _Match.MAYBE
        case _:
            return _Match.MAYBE
