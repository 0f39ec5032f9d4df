"""What rules of nftables compare, as conditions. Source: libnftables-json(5), nft(8).

Whoever asks for a field of a protocol asks for that protocol first, as nft does by itself: a rule
about TCP ports never matches an advert. What is not known here is asked for as unknown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import ip_address, ip_network
from typing import Any, TypeAlias

from vipd.doctor.ruleset.model import UNKNOWN, AnyOf, Comparison, Condition, Field, Span, Value

Object: TypeAlias = Mapping[str, Any]
Named: TypeAlias = Mapping[str, Sequence[Any]]

PROTOCOLS = {
    "icmp": 1,
    "igmp": 2,
    "ipv4": 4,
    "ipencap": 4,
    "tcp": 6,
    "udp": 17,
    "dccp": 33,
    "ipv6": 41,
    "gre": 47,
    "esp": 50,
    "ah": 51,
    "icmpv6": 58,
    "ipv6-icmp": 58,
    "ospf": 89,
    "pim": 103,
    "comp": 108,
    "ipcomp": 108,
    "vrrp": 112,
    "carp": 112,
    "l2tp": 115,
    "sctp": 132,
    "udplite": 136,
}
"""The names that rules use. Source: the registry of protocol numbers of IANA."""

_META = {
    "nfproto": Field.FAMILY,
    "protocol": Field.FAMILY,
    "l4proto": Field.PROTOCOL,
    "iifname": Field.IN,
    "iif": Field.IN,
    "oifname": Field.OUT,
    "oif": Field.OUT,
    "pkttype": Field.LINK_TYPE,
}
_PAYLOAD = {
    ("ip", "protocol"): Field.PROTOCOL,
    ("ip", "saddr"): Field.SOURCE,
    ("ip", "daddr"): Field.DESTINATION,
    ("ip", "ttl"): Field.TTL,
    ("ip6", "nexthdr"): Field.PROTOCOL,
    ("ip6", "saddr"): Field.SOURCE,
    ("ip6", "daddr"): Field.DESTINATION,
    ("ip6", "hoplimit"): Field.TTL,
    ("ether", "type"): Field.FAMILY,
}
_FAMILY_OF = {"ip": "ipv4", "ip6": "ipv6"}
_WORDS = {"ip": "ipv4", "ip6": "ipv6", "unicast": "host"}
"""Several words for one thing."""


def condition(family: str, match: Object, named: Named) -> tuple[Condition, ...]:
    """One comparison, after what it takes for granted."""
    left, right, operator = match["left"], match["right"], match["op"]
    if operator not in ("==", "!=", "in"):
        return (*_required(left), UNKNOWN)
    negated = operator == "!="
    if isinstance(left, dict) and "concat" in left:
        alternatives = tuple(
            conditions_of_element(family, left, element, named)
            for element in _elements(right, named) or ()
        )
        known = _elements(right, named) is not None
        return (AnyOf(alternatives=alternatives, negated=negated),) if known else (UNKNOWN,)
    return (*_required(left), _test(left, right, named, negated=negated))


def conditions_of_element(
    family: str, key: Object, element: object, named: Named
) -> tuple[Comparison, ...]:
    """What a packet must be to be an element of a set or of a map."""
    if element == "*":
        return ()
    if isinstance(key, dict) and "concat" in key:
        parts = element["concat"] if isinstance(element, dict) and "concat" in element else ()
        pairs = zip(key["concat"], parts, strict=False)
        return tuple(
            test for one, part in pairs for test in conditions_of_element(family, one, part, named)
        )
    return (*_required(key), _test(key, element, named, negated=False))


def _required(left: object) -> tuple[Comparison, ...]:
    """What must be so before the field of a protocol can be compared at all."""
    match left:
        case {"payload": {"protocol": ("ip" | "ip6") as protocol}}:
            return (Comparison(field=Field.FAMILY, values=(_FAMILY_OF[protocol],)),)
        case {"payload": {"protocol": str(protocol)}} if protocol in PROTOCOLS:
            return (Comparison(field=Field.PROTOCOL, values=(_number(protocol),)),)
        case {"payload": {"protocol": ("arp" | "vlan") as protocol}}:
            return (Comparison(field=Field.FAMILY, values=(protocol,)),)
        case {"&": [inner, *_]}:
            return _required(inner)
        case _:
            return ()


def _test(left: object, right: object, named: Named, *, negated: bool) -> Comparison:
    field = _field(left)
    elements = _elements(right, named)
    if field is Field.UNKNOWN or elements is None:
        return UNKNOWN
    if field is Field.ROUTE_BACK and elements:
        return _route_back(elements, negated=negated)
    values = [value for element in elements if (value := _value(field, element)) is not None]
    if len(values) < len(elements):
        return UNKNOWN
    return Comparison(field=field, values=tuple(values), negated=negated)


def _route_back(elements: Sequence[object], *, negated: bool) -> Comparison:
    """Whether there is a route to the sender: nothing, or zero, says that there is none."""
    missing = str(elements[0]) in ("False", "0")
    return Comparison(field=Field.ROUTE_BACK, values=("no" if missing else "yes",), negated=negated)


def _field(left: object) -> Field:
    match left:
        case {"meta": {"key": str(key)}}:
            return _META.get(key, Field.UNKNOWN)
        case {"payload": {"protocol": str(protocol), "field": str(name)}}:
            return _PAYLOAD.get((protocol, name), Field.UNKNOWN)
        case {"ct": {"key": "state"}}:
            return Field.CONNECTION
        case {"ct": {"key": "status"}}:
            return Field.STATUS
        case {"fib": {"result": "type", "flags": flags}} if "daddr" in flags:
            return Field.DESTINATION_TYPE
        case {"fib": {"result": "type", "flags": flags}} if "saddr" in flags:
            return Field.SOURCE_TYPE
        case {"fib": {"result": "oif" | "oifname", "flags": flags}} if "saddr" in flags:
            return Field.ROUTE_BACK
        case {"&": [{"payload": {"protocol": "ip", "field": "frag-off"}}, *_]}:
            return Field.FRAGMENT
        case _:
            return Field.UNKNOWN


def _elements(right: object, named: Named) -> Sequence[Any] | None:
    """What is compared with; None when it is not known."""
    match right:
        case str() if right.startswith("@"):
            return [_bare(each) for each in named[right[1:]]] if right[1:] in named else None
        case {"set": str(name)}:
            return _elements(name, named)
        case {"set": list(elements)}:
            return [_bare(each) for each in elements]
        case list():
            return right
        case _:
            return [right]


def _bare(element: Any) -> Any:  # noqa: ANN401  (JSON has no types to name)
    """An element without its counter, comment or time."""
    if isinstance(element, dict) and "elem" in element:
        return element["elem"]["val"]
    return element


def _value(field: Field, element: object) -> Value | None:
    """One value of a field; None for what cannot be read."""
    try:
        if field in (Field.SOURCE, Field.DESTINATION):
            return _addresses(element)
        if field in (Field.PROTOCOL, Field.TTL):
            return _number(element)
    except (KeyError, TypeError, ValueError):
        return None
    if field is Field.FRAGMENT:
        return "no" if element == 0 else None
    return _WORDS.get(element, element) if isinstance(element, str) else None


def _addresses(element: Any) -> Span:  # noqa: ANN401  (as above)
    match element:
        case {"prefix": {"addr": address, "len": length}}:
            network = ip_network(f"{address}/{length}", strict=False)
            return Span(int(network[0]), int(network[-1]))
        case {"range": [first, last]}:
            return Span(int(ip_address(first)), int(ip_address(last)))
        case _:
            return Span(int(ip_address(element)), int(ip_address(element)))


def _number(element: Any) -> Span:  # noqa: ANN401  (as above)
    """A number, or a protocol by its name."""
    match element:
        case {"range": [first, last]}:
            return Span(_number(first).first, _number(last).last)
        case str() if not element.isdigit():
            number = PROTOCOLS[element]
        case _:
            number = int(element)
    return Span(number, number)
