"""What `iptables-save` and `ip6tables-save` say, as tables. Source: iptables-extensions(8).

A match whose option is not known here may hold or not. Options of a protocol need no look: the
protocol itself is asked for first, and an advert is of no other.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from ipaddress import ip_network
from types import MappingProxyType

from vipd.core.model import Family
from vipd.doctor.ruleset.expression import PROTOCOLS
from vipd.doctor.ruleset.model import (
    HARMLESS_TARGETS,
    UNKNOWN,
    Base,
    Chain,
    Comparison,
    Effect,
    Field,
    Hook,
    Rule,
    Span,
    Table,
    Value,
)

_HOOKS = {
    "PREROUTING": Hook.PREROUTING,
    "INPUT": Hook.INPUT,
    "OUTPUT": Hook.OUTPUT,
    "POSTROUTING": Hook.POSTROUTING,
}
_PRIORITIES = {"raw": -300, "mangle": -150, "nat": -100, "filter": 0, "security": 50}
"""Source: linux/netfilter_ipv4.h."""

_TARGETS = {
    "ACCEPT": Effect.ACCEPT,
    "DROP": Effect.DROP,
    "REJECT": Effect.DROP,
    "RETURN": Effect.RETURN,
    "QUEUE": Effect.EITHER,
    "NFQUEUE": Effect.EITHER,
    "DNAT": Effect.ACCEPT,
    "SNAT": Effect.ACCEPT,
    "MASQUERADE": Effect.ACCEPT,
    "REDIRECT": Effect.ACCEPT,
    "NETMAP": Effect.ACCEPT,
    "NOTRACK": Effect.UNTRACK,
}
_SILENT = {"-m", "--match", "--comment", "--validmark", "--loose", "--accept-local"}
"""What narrows nothing by itself."""

_SAYS_ALL = {"socket", "eui64"}
"""Matches that ask something without any option."""

_ONE_WORD = {"--comment", "--log-prefix", "--nflog-prefix"}
"""Options whose value may look like anything."""

_NFTABLES = "(nf_tables)"


def tables(saved: str, family: Family, program: str) -> tuple[Table, ...]:
    """Read what was saved of one family; `program` is what would change it."""
    found: list[Table] = []
    chains: dict[str, Chain] = {}
    for line in saved.splitlines():
        if line.startswith("*"):
            chains = {}
            found.append(_table(line[1:].strip(), family, program, chains))
        elif line.startswith(":") and found:
            name, policy, *_ = line[1:].split()
            base = _base(found[-1].name, name, drops=policy == "DROP")
            chains[name] = Chain(name=name, base=base)
        elif line.startswith("-A "):
            name, rule = _rule(line)
            if name in chains:
                chains[name] = replace(chains[name], rules=(*chains[name].rules, rule))
    return tuple(found)


def in_nftables(saved: str) -> bool:
    """Whether these tables are kept in nftables, so that nft shows them as well."""
    return _NFTABLES in saved


def _table(name: str, family: Family, program: str, chains: Mapping[str, Chain]) -> Table:
    """A table whose chains are still to come."""
    return Table(
        program=program,
        family="ip" if family is Family.IPV4 else "ip6",
        name=name,
        chains=MappingProxyType(chains),
    )


def _base(table: str, chain: str, *, drops: bool) -> Base | None:
    if chain not in _HOOKS:
        return None
    return Base(hook=_HOOKS[chain], priority=_PRIORITIES.get(table, 0), drops=drops)


def _rule(line: str) -> tuple[str, Rule]:
    """The chain of a rule, and the rule."""
    try:
        words = shlex.split(line)
    except ValueError:
        words = line.split()
    tests, effect, target = [], Effect.NOTHING, ""
    for option, values, negated in _options(words[2:]):
        if option in ("-j", "--jump", "-g", "--goto"):
            target = values[0] if values else ""
            effect = _effect(target, goes=option in ("-g", "--goto"))
        elif option == "--notrack":
            effect = Effect.UNTRACK
        elif effect is Effect.NOTHING and (option not in _SILENT or _SAYS_ALL & set(values)):
            tests.append(_test(option, values, negated=negated))
    return words[1], Rule(text=line, conditions=tuple(tests), effect=effect, target=target)


def _effect(target: str, *, goes: bool) -> Effect:
    if goes:
        return Effect.GOTO
    if target in HARMLESS_TARGETS | {"CT"}:
        return Effect.NOTHING
    return _TARGETS.get(target, Effect.JUMP)


def _options(words: list[str]) -> Iterator[tuple[str, list[str], bool]]:
    """Every option with what follows it, and whether it is negated."""
    index = 0
    while index < len(words):
        negated = words[index] == "!"
        index += negated
        if index >= len(words):
            return
        option = words[index]
        end = index + 1 + (option in _ONE_WORD)
        while end < len(words) and words[end] != "!" and not words[end].startswith("-"):
            end += 1
        yield option, words[index + 1 : end], negated
        index = end


# -- matches ------------------------------------------------------------------------------------


def _test(option: str, values: list[str], *, negated: bool) -> Comparison:
    """What an option asks; unknown, if it cannot be read."""
    if option not in _READERS:
        return UNKNOWN
    field, read = _READERS[option]
    try:
        found = tuple(read(word) for value in values or [""] for word in value.split(","))
    except (KeyError, ValueError):
        return UNKNOWN
    return Comparison(field=field, values=found, negated=negated)


def _protocol(word: str) -> Span:
    if word in ("all", "0"):
        return Span(0, 255)
    number = int(word) if word.isdigit() else PROTOCOLS[word]
    return Span(number, number)


def _network(word: str) -> Span:
    network = ip_network(word, strict=False)
    return Span(int(network[0]), int(network[-1]))


def _interface(word: str) -> str:
    return f"{word[:-1]}*" if word.endswith("+") else word


def _lower(word: str) -> str:
    return word.lower()


def _link_type(word: str) -> str:
    return "host" if word == "unicast" else word


def _always(answer: str) -> Callable[[str], str]:
    """A reader of an option that asks one thing by itself."""

    def read(word: str) -> str:
        del word
        return answer

    return read


_READERS: Mapping[str, tuple[Field, Callable[[str], Value]]] = {
    "-p": (Field.PROTOCOL, _protocol),
    "--protocol": (Field.PROTOCOL, _protocol),
    "-s": (Field.SOURCE, _network),
    "--source": (Field.SOURCE, _network),
    "-d": (Field.DESTINATION, _network),
    "--destination": (Field.DESTINATION, _network),
    "-i": (Field.IN, _interface),
    "--in-interface": (Field.IN, _interface),
    "-o": (Field.OUT, _interface),
    "--out-interface": (Field.OUT, _interface),
    "-f": (Field.FRAGMENT, _always("yes")),
    "--ctstate": (Field.CONNECTION, _lower),
    "--state": (Field.CONNECTION, _lower),
    "--dst-type": (Field.DESTINATION_TYPE, _lower),
    "--src-type": (Field.SOURCE_TYPE, _lower),
    "--pkt-type": (Field.LINK_TYPE, _link_type),
    "--invert": (Field.ROUTE_BACK, _always("no")),
}
