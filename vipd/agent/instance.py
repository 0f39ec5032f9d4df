"""An instance at work: its machine, and what the agent keeps beside it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from vipd.core.actions import ReportTransition, SendAdvert
from vipd.core.config import InstanceConfig
from vipd.core.machine import Machine
from vipd.core.model import Advert, Family, IPAddress, LinkFacts
from vipd.core.units import Instant, to_centiseconds
from vipd.wire.vrrp import GROUP, DropReason, advertised, encode


@dataclass(slots=True)
class Counters:
    """What one instance has counted since it began."""

    adverts_sent: int = 0
    adverts_received: int = 0
    transitions: int = 0
    dropped: Counter[DropReason] = field(default_factory=Counter)


@dataclass(slots=True)
class Passage:
    """One transition and how long what it asked for took, from the moment it was decided."""

    report: ReportTransition
    at: Instant
    timings: dict[str, float] = field(default_factory=dict)


class Instance:
    """One virtual router of this agent."""

    def __init__(self, config: InstanceConfig) -> None:
        self.machine = Machine(config)
        self.counters = Counters()
        self.passages: list[Passage] = []
        self._link = LinkFacts(name=config.interface, exists=False)
        self._packets: dict[tuple[Family, SendAdvert], bytes] = {}

    @property
    def config(self) -> InstanceConfig:
        """What this instance is told to be."""
        return self.machine.config

    @property
    def link(self) -> LinkFacts:
        """What the machine was last told of its interface."""
        return self._link

    def learn(self, link: LinkFacts) -> None:
        """Remember the link; packets from another source are other packets."""
        self._link = link
        self.forget_packets()

    def forget_packets(self) -> None:
        """Build every packet anew: the link or the configuration has changed."""
        self._packets.clear()

    def packet(self, family: Family, what: SendAdvert) -> bytes | None:
        """The bytes of an advert, built once and sent many times; None without a source."""
        key = (family, what)
        if key not in self._packets:
            source = self._link.source(family)
            if source is None:
                return None
            self._packets[key] = self._build(family, source, what)
        return self._packets[key]

    def _build(self, family: Family, source: IPAddress, what: SendAdvert) -> bytes:
        config = self.config
        advert = Advert(
            version=config.version,
            vrid=config.vrid,
            priority=what.priority,
            interval_cs=to_centiseconds(config.advert_interval),
            addresses=advertised(config.addresses, family),
            checksum=what.checksum,
        )
        return encode(advert, source=source, destination=GROUP[family])
