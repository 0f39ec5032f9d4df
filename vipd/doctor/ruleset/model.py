"""Tables, chains and rules, however they were written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Span:
    """Numbers from `first` to `last`: an address, a prefix, a protocol."""

    first: int
    last: int


Value: TypeAlias = str | Span
"""What a test compares with. Text that ends with an asterisk stands for all that begins so."""


class Field(Enum):
    """What is known of an advert that rules may ask for."""

    FAMILY = "family"
    PROTOCOL = "protocol"
    IN = "in"
    OUT = "out"
    SOURCE = "source"
    DESTINATION = "destination"
    DESTINATION_TYPE = "destination type"
    SOURCE_TYPE = "source type"
    LINK_TYPE = "link type"
    CONNECTION = "connection"
    STATUS = "status of the connection"
    TTL = "ttl"
    FRAGMENT = "fragment"
    ROUTE_BACK = "route back"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One comparison; `negated` holds when none of the values is meant."""

    field: Field
    values: tuple[Value, ...] = ()
    negated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyOf:
    """Holds when all tests of one of the alternatives do: a set of several fields at once."""

    alternatives: tuple[tuple[Comparison, ...], ...]
    negated: bool = False


Condition: TypeAlias = Comparison | AnyOf

UNKNOWN = Comparison(field=Field.UNKNOWN)
"""Asks for what nobody knows of an advert."""


class Effect(Enum):
    """What a rule does with what matches."""

    ACCEPT = "accept"
    DROP = "drop"
    EITHER = "either"
    """Hands the packet to a program, which decides."""

    RETURN = "return"
    JUMP = "jump"
    GOTO = "goto"
    UNTRACK = "untrack"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule: its conditions, its effect, and its text for a person."""

    text: str
    conditions: tuple[Condition, ...] = ()
    effect: Effect
    target: str = ""


class Hook(Enum):
    """Where in the kernel a base chain stands."""

    INGRESS = "ingress"
    PREROUTING = "prerouting"
    INPUT = "input"
    OUTPUT = "output"
    POSTROUTING = "postrouting"
    EGRESS = "egress"


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """What makes a chain a base chain. `devices` are those of ingress and egress."""

    hook: Hook
    priority: int = 0
    drops: bool = False
    devices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """Rules in their order; a base chain has a place in the kernel."""

    name: str
    rules: tuple[Rule, ...] = ()
    base: Base | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table. `family` is as nftables calls it: ip, ip6, inet, netdev, bridge.

    `program` is what it is changed with: nft, iptables, ip6tables, or one of those that keep their
    tables outside of nftables.
    """

    program: str
    family: str
    name: str
    chains: Mapping[str, Chain] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str]:
        """What nftables tells tables apart by."""
        return self.family, self.name


HARMLESS_TARGETS = frozenset(
    {"AUDIT", "CHECKSUM", "CLASSIFY", "CONNMARK", "CONNSECMARK", "DSCP", "HL", "LED", "LOG", "MARK"}
    | {"NFLOG", "RATEEST", "SECMARK", "SET", "TCPMSS", "TCPOPTSTRIP", "TEE", "TOS", "TRACE", "TTL"}
    | {"ULOG"}
)
"""Targets of iptables behind which the rules go on. Source: iptables-extensions(8)."""
