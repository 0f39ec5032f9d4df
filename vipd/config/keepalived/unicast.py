"""Unicast: the peers of an instance, and where its adverts come from."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Final

from vipd.config.keepalived.address import Portion
from vipd.config.keepalived.body import Body
from vipd.config.keepalived.toml import Value
from vipd.config.keepalived.tree import Statement
from vipd.config.text import RefusedText, quote, read_host
from vipd.core.model import Family, IPAddress, family_of

ANY_TTL: Final = 1
HOP_LIMIT: Final = 64
"""What keepalived's IPv6 unicast leaves with: the kernel's own."""

_LINK: Final = {Family.IPV4: 24, Family.IPV6: 64}
"""Prefixes that a link usually has, to tell whether a peer is on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unicast:
    """What an instance says of unicast. Without peers it is multicast."""

    peers: tuple[IPAddress, ...] = ()
    source: IPAddress | None = None
    ttl: int | None = None
    min_ttl: int | None = None
    where: Statement | None = field(default=None, repr=False)

    def keys(self, portion: Portion, body: Body) -> dict[str, Value]:
        """The keys of a portion: the peers of its families, or none where it has no such peers."""
        peers = [peer for peer in self.peers if family_of(peer) in portion.families]
        if not self.peers or self.where is None:
            return {}
        if {family_of(peer) for peer in peers} != portion.families:
            families = " and ".join(f"IPv{family}" for family in sorted(portion.families))
            how = f"no {families} peer for the {families} addresses: they go by multicast here"
            body.differs(self.where, f"{how}; write unicast_peers where there is none")
            return {}
        keys: dict[str, Value] = {"unicast_peers": [str(peer) for peer in peers]}
        if self.source is not None and family_of(self.source) in portion.families:
            keys["source"] = str(self.source)
        if self.ttl is not None:
            keys["unicast_ttl"] = self.ttl
        if least := self._least_ttl(peers, body):
            keys["min_ttl"] = least
        return keys

    def tell_unheard(self, families: Collection[Family], body: Body) -> None:
        """Note the peers whose family no address has: nothing is sent to them."""
        for peer in self.peers:
            if family_of(peer) not in families and self.where is not None:
                how = f"{peer}: an instance without IPv{peer.version} addresses says nothing to it"
                body.dropped(self.where, how)

    def _least_ttl(self, peers: Sequence[IPAddress], body: Body) -> int | None:
        """The least TTL to accept, where vipd's own 255 would drop what keepalived takes."""
        assert self.where is not None, "there are peers"
        far = [peer for peer in peers if not self._is_near(peer)]
        if self.min_ttl is not None:
            return self.min_ttl or ANY_TTL
        if far or (self.ttl or 255) < 255:
            how = (
                f"min_ttl = {ANY_TTL}, as keepalived takes any: raise it to what peers arrive with"
            )
            body.differs(self.where, how)
            return ANY_TTL
        if any(family_of(peer) is Family.IPV6 for peer in peers):
            how = f"min_ttl = {HOP_LIMIT}, for keepalived's IPv6 adverts; leave it out afterwards"
            body.differs(self.where, how)
            return HOP_LIMIT
        return None

    def _is_near(self, peer: IPAddress) -> bool:
        """Whether a peer is on the link, as far as addresses tell; unknown counts as near."""
        if self.source is None or family_of(self.source) is not family_of(peer):
            return True
        link = ip_network(f"{self.source}/{_LINK[family_of(peer)]}", strict=False)
        return peer in link


def unicast(body: Body) -> Unicast:
    """Read what an instance says of unicast."""
    source = _source(body)
    peers = tuple(_peers(body, source))
    blocks = body.all("unicast_peer")
    for statement, _ in filter(None, (body.value("mcast_src_ip"), body.value("unicast_src_ip"))):
        if peers and source:
            body.carried(statement, f'source = "{source}"')
        elif not peers:
            how = "multicast adverts come from the interface's own address; source is for unicast"
            body.dropped(statement, how)
    if blocks and not peers:
        body.dropped(blocks[-1], "it names no other host: multicast, as in keepalived")
    ttl = body.number("unicast_ttl", 0, 255) if peers else None
    if ttl:
        body.carried(ttl[0], f"unicast_ttl = {ttl[1] or ANY_TTL}")
    elif not peers and (alone := body.last("unicast_ttl")):
        body.dropped(alone, "it is for unicast only; multicast has 255")
    return Unicast(
        peers=peers,
        source=source if peers else None,
        ttl=(ttl[1] or ANY_TTL) if ttl else None,
        min_ttl=_option(body, "min_ttl"),
        where=blocks[0] if blocks else None,
    )


def _source(body: Body) -> IPAddress | None:
    found = body.value("unicast_src_ip") or body.value("mcast_src_ip")
    return _host(found[0], found[1], body) if found else None


def _peers(body: Body, source: IPAddress | None) -> Iterator[IPAddress]:
    seen = {source}
    for entry in body.entries("unicast_peer"):
        peer = _host(entry, entry.keyword, body)
        if peer is None:
            continue
        if peer in seen:
            own = peer == source
            body.dropped(entry, "it is this host itself" if own else "it is listed already")
            continue
        seen.add(peer)
        body.carried(entry, f'unicast_peers, with "{peer}"')
        _judge_options(entry, body)
        yield peer


def _judge_options(entry: Statement, body: Body) -> None:
    names, values = entry.values[0::2], entry.values[1::2]
    for name in names:
        if name == "max_ttl" and dict(zip(names, values, strict=False)).get(name) != "255":
            body.dropped(entry, "max_ttl: there is none; min_ttl keeps out who is far away")
        elif name not in ("min_ttl", "max_ttl"):
            body.dropped(entry, f"keepalived does not read {quote(name)} here; a peer has a line")
            return


def _option(body: Body, name: str) -> int | None:
    """The least of what the peers say."""
    said = [
        int(value)
        for entry in body.entries("unicast_peer")
        for key, value in zip(entry.values[0::2], entry.values[1::2], strict=False)
        if key == name and value.isascii() and value.isdigit() and int(value) <= 255
    ]
    return min(said, default=None)


def _host(statement: Statement, text: str, body: Body) -> IPAddress | None:
    try:
        return read_host(text)
    except RefusedText as refused:
        body.dropped(statement, refused.problem)
        return None
