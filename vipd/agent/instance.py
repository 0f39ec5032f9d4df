"""An instance at work: its machine, and what the agent keeps beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from vipd.agent.firewall import Firewall
from vipd.agent.memory import key_of
from vipd.agent.scrutiny import Scrutiny
from vipd.agent.source import channels_of
from vipd.core.actions import ClaimAddresses, RenewAddresses, ReportTransition, SendAdvert
from vipd.core.cause import CauseCode
from vipd.core.config import InstanceConfig
from vipd.core.incident import IncidentCode
from vipd.core.machine import Machine
from vipd.core.model import Advert, Channel, Claim, Family, IPAddress, LinkFacts
from vipd.core.units import Instant, to_centiseconds
from vipd.wire.virtual_mac import advert_frame
from vipd.wire.vrrp import GROUP, REQUIRED_TTL, DropReason, Rules, advertised, encode


@dataclass(slots=True)
class Counters:
    """What one instance has counted since it began."""

    adverts_sent: int = 0
    adverts_received: int = 0
    adverts_failed: int = 0
    transitions: int = 0
    announced: int = 0
    renewed: int = 0
    claims_failed: int = 0
    dropped: Counter[DropReason] = field(default_factory=Counter)
    causes: Counter[CauseCode] = field(default_factory=Counter)
    incidents: Counter[IncidentCode] = field(default_factory=Counter)


@dataclass(slots=True)
class Passage:
    """One transition and how long what it asked for took, from the moment it was decided."""

    report: ReportTransition
    at: Instant
    timings: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """One advert, ready to be sent: as a VRRP message, or `framed`, with all headers before it."""

    family: Family
    channel: Channel
    destination: IPAddress
    payload: bytes
    framed: bool


class Instance:
    """One virtual router of this agent. Why slots: adverts of hundreds come at once, and what is
    touched for each should be little."""

    __slots__ = (
        "_channels",
        "_claim",
        "_config",
        "_index",
        "_link",
        "_packets",
        "_said",
        "counters",
        "early",
        "firewall",
        "key",
        "leased_until",
        "machine",
        "passages",
        "rules",
        "scrutiny",
        "stepped_at",
    )

    def __init__(self, config: InstanceConfig) -> None:
        self.machine = Machine(config)
        self.counters = Counters()
        self.scrutiny = Scrutiny()
        self.firewall = Firewall(config.interface)
        self.passages: list[Passage] = []
        self.stepped_at: Instant = 0
        """When its machine was stepped last."""
        self.early: dict[str, float] | None = None
        """What was done since then, and when, before a transition was reported; None where no
        transition can follow."""
        self.leased_until: Instant | None = None
        """When the kernel removes the addresses by itself; None without a lease."""
        self._link = LinkFacts(name=config.interface, exists=False)
        self._index: int | None = None
        self.configure(config)

    @property
    def config(self) -> InstanceConfig:
        """What this instance is told to be; the machine is told right after."""
        return self._config

    @property
    def link(self) -> LinkFacts:
        """What the machine was last told of its interface."""
        return self._link

    @property
    def channels(self) -> Mapping[Family, Channel]:
        """The ways for its adverts, where it has a source for them."""
        return self._channels

    def configure(self, config: InstanceConfig) -> None:
        """Derive all that follows from the configuration, once for many packets."""
        self._config = config
        self.key = key_of(config)
        self.rules = Rules(
            version=config.version,
            min_ttl=(config.unicast and config.unicast.min_ttl) or REQUIRED_TTL,
            password=config.password,
            interval_cs=to_centiseconds(config.advert_interval) if config.version == 2 else None,
        )
        self.learn(self._link, self._index)

    def learn(self, link: LinkFacts, index: int | None) -> None:
        """Remember the link and which interface it is; other sources make other packets."""
        self._link, self._index = link, index
        self._channels = channels_of(self._config, link)
        self._said: SendAdvert | None = None
        self._packets: tuple[Packet, ...] = ()
        self._claim: Claim | None = None

    def replaced_by(self, index: int | None) -> bool:
        """Whether another interface has taken the name since we learned of it."""
        return None not in (self._index, index) and self._index != index

    def packets(self, what: SendAdvert) -> tuple[Packet, ...]:
        """An advert for each of its destinations, built once and sent many times."""
        if what is not self._said:
            self._said, self._packets = what, tuple(self._build(what))
        return self._packets

    def claim(self, what: ClaimAddresses | RenewAddresses) -> Claim:
        """What the kernel is asked for: the same value for as long as it is the same."""
        claim, config = self._claim, self._config
        if claim is None or claim.addresses is not what.addresses or claim.lease != what.lease:
            claim = self._claim = Claim(
                interface=config.interface,
                vrid=config.vrid,
                addresses=what.addresses,
                lease=what.lease,
                owner=config.owner,
            )
        return claim

    def _build(self, what: SendAdvert) -> Iterator[Packet]:
        for family in what.among(self._config.families):
            yield from self._build_for(family, what)

    def _build_for(self, family: Family, what: SendAdvert) -> Iterator[Packet]:
        config = self.config
        channel = self._channels.get(family)
        if channel is None:
            return
        advert = Advert(
            version=config.version,
            vrid=config.vrid,
            priority=what.priority,
            interval_cs=to_centiseconds(config.advert_interval),
            addresses=advertised(config.addresses, family),
            checksum=what.checksum,
        )
        framed = config.virtual_mac and config.unicast is None
        peers = config.unicast.peers_of(family) if config.unicast else (GROUP[family],)
        for peer in peers:
            payload = encode(
                advert, source=channel.source, destination=peer, password=config.password
            )
            if framed:
                payload = advert_frame(payload, source=channel.source, vrid=config.vrid)
            yield Packet(
                family=family,
                channel=channel,
                destination=peer,
                payload=payload,
                framed=framed,
            )
