"""Where the adverts of an instance come from: its interface, or what its unicast peers need."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from vipd.agent.ports import LinkPort
from vipd.core.config import InstanceConfig, Unicast
from vipd.core.model import Channel, Family, IPAddress, LinkFacts

_CHANNELS_KEPT = 512


def facts_for(config: InstanceConfig, link: LinkFacts, links: LinkPort) -> LinkFacts:
    """The facts of an interface as they are for one instance.

    A unicast instance sends from the address that reaches its peers. One that has none is told so
    by the obstacle.
    """
    if config.unicast is None or not link.exists:
        return link
    for family in config.families:
        source = _unicast_source(config.unicast, family, link, links)
        if source is None:
            return replace(link, obstacle=_no_source(config.unicast, family))
        link = link.with_source(source)
    return replace(link, obstacle=_far_peer(config.unicast, links))


def channels_of(config: InstanceConfig, link: LinkFacts) -> dict[Family, Channel]:
    """The ways for the adverts of an instance, where it has a source for them."""
    unicast = config.unicast
    sources = {family: link.source(family) for family in config.families}
    return {
        family: _channel(config.interface, source, unicast.ttl if unicast else None)
        for family, source in sources.items()
        if source is not None
    }


@lru_cache(_CHANNELS_KEPT)
def _channel(interface: str, source: IPAddress, unicast_ttl: int | None) -> Channel:
    """Why: instances that share a channel share the value, and it is found by being the same."""
    if unicast_ttl is None:
        return Channel(interface=interface, source=source)
    return Channel(interface=interface, source=source, ttl=unicast_ttl, unicast=True)


def _unicast_source(
    unicast: Unicast, family: Family, link: LinkFacts, links: LinkPort
) -> IPAddress | None:
    configured, first_peer = unicast.source_of(family), unicast.peers_of(family)[0]
    if configured is None and first_peer.is_link_local:
        return link.source(family)
    return links.unicast_source(configured, first_peer)


def _far_peer(unicast: Unicast, links: LinkPort) -> str | None:
    """What is wrong when a peer is behind a router and nobody has said that it may be.

    RFC: 5082 (the TTL of 255 keeps out whoever is not on the link).
    """
    if unicast.min_ttl is not None:
        return None
    gateways = ((peer, links.gateway(peer)) for peer in unicast.peers if not peer.is_link_local)
    far = next(((peer, gateway) for peer, gateway in gateways if gateway), None)
    return far and f"the peer {far[0]} is behind the router {far[1]}: set min_ttl (254 for one hop)"


def _no_source(unicast: Unicast, family: Family) -> str:
    if source := unicast.source_of(family):
        return f"{source}, the source of the adverts, is not on this host"
    return f"there is no route to the peer {unicast.peers_of(family)[0]}"
