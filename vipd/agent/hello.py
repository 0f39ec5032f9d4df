"""Hellos: the agents tell each other what they are, so that readiness is known before it is needed.

Theory of operation. VRRP has its BACKUPs keep silent. So each agent says once a second, and soon
after anything has changed, what each of its instances is and whether it would take over: in small
datagrams, to where the adverts of that instance go. What is heard is advisory. It feeds the status,
the metrics and the orders of people, and no election depends on it: who is silent may be of another
make, and nothing of this is authenticated.

`speak` looks at every instance and sends what is due; it keeps the datagrams until their content is
another, and its own pace. `hear` takes in what has arrived. A datagram that comes again unchanged,
as nearly all do, is known by its bytes and only noted. Nothing here waits or keeps time: see
`vipd.agent.fellow_rounds`.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from vipd import __version__
from vipd.agent.fellow import FORGOTTEN_AFTER, Company, Fellow, Saying, Voice
from vipd.agent.fellow_line import Line, Way, line_of
from vipd.agent.instance import Instance
from vipd.agent.ports import Clock
from vipd.agent.throttle import Throttle
from vipd.control.report import PeerReport, seconds
from vipd.core.model import Channel, Family, IPAddress, family_of
from vipd.core.units import MILLISECOND, SECOND, Duration, Instant
from vipd.log import Logger
from vipd.wire.hello import (
    LIFE_BYTES,
    LONGEST_DATAGRAM,
    Hello,
    HelloFault,
    Readiness,
    Speaker,
    decode,
    pack,
)
from vipd.wire.vrrp import REQUIRED_TTL, Datagram

INTERVAL: Duration = SECOND
"""How often everything is said."""

PACE: Duration = 100 * MILLISECOND
"""News comes no more often than this, however much happens."""

NEWS_MOST = 2 * LONGEST_DATAGRAM
"""Units: bytes. When so much was new, the rest has to wait for the next time: it is the work of a
few milliseconds, and adverts wait no longer than that, whatever is heard."""

NEIGHBORS_MOST = 64
"""More addresses than this on one interface are not a cluster but a flood."""

Place: TypeAlias = tuple[str | IPAddress, Family]
"""Where hellos are heard: by the group on an interface, or at our own address."""

Ear: TypeAlias = tuple[Place, IPAddress | None, int]
"""Whom a hello is for: by where it is heard, from which peer if it must be one, and the VRID."""


class HelloPort(Protocol):
    """Hellos in and out."""

    def open(self, channel: Channel) -> None:
        """Listen and be ready to send, if that is not so already; OSError when it is refused."""

    def retain(self, channels: Collection[Channel]) -> None:
        """Close every other channel."""

    def send(self, channel: Channel, destination: IPAddress, payload: bytes) -> None:
        """Send one hello; OSError when it did not leave this host."""

    def drain(self) -> Iterable[tuple[Channel, Datagram]]:
        """What has arrived, up to a bound, and the channels that it came by.

        What nobody asks for any more is left for the next time.
        """


@dataclass(slots=True)
class _Parcel:
    """What goes one way: packed when the records have become others, sent when it is due."""

    instance: Instance
    records: list[bytes]
    datagrams: tuple[bytes, ...]
    due: Instant


class Hellos:
    """What this agent tells of itself, and what it has heard of others."""

    def __init__(self, port: HelloPort, clock: Clock, log: Logger) -> None:
        self._port = port
        self._clock = clock
        self._throttle = Throttle(log, clock)
        self._life = os.urandom(LIFE_BYTES)
        self._speaker = self._introduce(maintenance=False)
        self._rests_until: Instant | None = None
        self._lines: dict[Instance, Line] = {}
        self._parcels: dict[Way, _Parcel] = {}
        self._companies: dict[Instance, Company] = {}
        self._ears: dict[Ear, Company] = {}
        self._sayings: dict[tuple[Place, Datagram], Saying] = {}
        self._neighbors: dict[str, set[IPAddress]] = {}
        self.dropped: Counter[HelloFault] = Counter()
        """The datagrams that were heard and did not count, by reason."""
        self.on_change: Callable[[Instance, str, str], None] = lambda _, __, ___: None
        """Called with a code and a text when a fellow of an instance is not what it was."""

    # -- what is known ----------------------------------------------------------------------

    def fellows_of(self, instance: Instance) -> tuple[PeerReport, ...]:
        """The other agents of an instance; and who serves it, if that one sends no hellos."""
        now = self._clock()
        reports = [fellow.report() for fellow in self._fellows(instance, now)]
        return (*reports, *self._mute_master(instance, now))

    def ready_fellows(self, instance: Instance) -> int:
        """How many others would take over from this host."""
        return sum(fellow.ready for fellow in self._fellows(instance, self._clock()))

    def ready_for(self, instances: Iterable[Instance]) -> frozenset[str]:
        """The nodes that are ready for each of these instances, as for those of a group."""
        now = self._clock()
        ready = [
            {one.speaker.life: one.speaker.node for one in self._fellows(each, now) if one.ready}
            for each in instances
        ]
        lives = frozenset(ready[0]).intersection(*ready[1:]) if ready else frozenset()
        return frozenset(ready[0][life] for life in lives)

    def _fellows(self, instance: Instance, now: Instant) -> list[Fellow]:
        company = self._companies.get(instance)
        return company.fellows(now) if company else []

    def _mute_master(self, instance: Instance, now: Instant) -> Iterator[PeerReport]:
        """The MASTER that is known by its adverts alone. Why: nobody knows whether it is ready."""
        master = instance.machine.status(now).master
        if master is None or now - master.at > FORGOTTEN_AFTER:
            return
        company = self._companies.get(instance)
        speaks = company is not None and master.address in company.voices
        if not speaks and master.address != instance.link.source(family_of(master.address)):
            yield PeerReport(
                address=str(master.address),
                priority=master.priority,
                age_s=seconds(now - master.at),
            )

    # -- speaking ---------------------------------------------------------------------------

    def speak(self, instances: Sequence[Instance], *, maintenance: bool) -> Duration:
        """Say what is due; after how long to call this again at the latest.

        Why: whoever calls sooner than the pace allows is told when it does, and nothing is said.
        """
        now = self._clock()
        if self._rests_until is not None and now < self._rests_until:
            return self._rests_until - now
        self._rests_until = now + PACE
        self._compose(instances, now, maintenance=maintenance)
        self._notice_silence(now)
        for way, parcel in self._parcels.items():
            # What is nearly due goes along.
            if parcel.due < self._rests_until:
                parcel.due = now + INTERVAL
                self._send(way, parcel.datagrams, parcel.instance)
        return min((parcel.due for parcel in self._parcels.values()), default=now + INTERVAL) - now

    def leave(self) -> None:
        """Say of every instance that it is no more, and hear nothing any more."""
        self._part_from(self._lines.values())
        self._rests_until = None
        self._lines, self._parcels, self._companies = {}, {}, {}
        self._arrange_ears()
        self._port.retain(())

    def _introduce(self, *, maintenance: bool) -> Speaker:
        node = os.uname().nodename
        return Speaker(life=self._life, node=node, version=__version__, maintenance=maintenance)

    def _compose(self, instances: Sequence[Instance], now: Instant, *, maintenance: bool) -> None:
        """Look at every instance; arrange anew what is said and heard where that has changed."""
        old, self._lines = (
            self._lines,
            {
                instance: line_of(instance, maintenance=maintenance, old=self._lines.get(instance))
                for instance in instances
            },
        )
        gone = [line for instance, line in old.items() if instance not in self._lines]
        if not gone and all(line is old.get(one) for one, line in self._lines.items()):
            return
        self._speaker = self._introduce(maintenance=maintenance)
        self._part_from(gone)
        self._arrange_parcels(now)
        self._arrange_ears()
        self._port.retain({way.channel for way in self._parcels})
        judged_by_another = (one for one in self._companies.values() if one.is_judged_by_another())
        self._tell_news(judged_by_another, now)

    def _part_from(self, gone: Iterable[Line]) -> None:
        """Say a last word of these."""
        for way, lines in _by_way(gone).items():
            datagrams = pack(self._speaker, [line.farewell() for line in lines])
            self._send(way, datagrams, lines[0].instance)

    def _arrange_parcels(self, now: Instant) -> None:
        """Pack what has changed; that is due at once."""
        old, self._parcels = self._parcels, {}
        for way, lines in _by_way(self._lines.values()).items():
            records = [line.record for line in lines]
            parcel = old.get(way)
            if parcel is None or parcel.records != records:
                datagrams = pack(self._speaker, records)
                parcel = _Parcel(lines[0].instance, records, datagrams, now)
            self._parcels[way] = parcel

    def _arrange_ears(self) -> None:
        """Note whom which hello is for. Order: who runs goes before who leaves."""
        self._companies = {one: self._companies.get(one) or Company(one) for one in self._lines}
        ears: dict[Ear, Company] = {}
        for instance, line in self._lines.items():
            for way in line.ways:
                ear = _ear(way.channel, way.destination, instance.config.vrid)
                ears.setdefault(ear, self._companies[instance])
        if ears != self._ears:
            # A datagram that was heard before may mean something now.
            self._ears = ears
            self._sayings.clear()
            self._count_neighbors()

    def _send(self, way: Way, datagrams: Sequence[bytes], instance: Instance) -> None:
        """Send; say what only a person can mend. A link that is down says so by itself."""
        try:
            self._port.open(way.channel)
            for datagram in datagrams:
                self._port.send(way.channel, way.destination, datagram)
        except OSError as error:
            if instance.link.up and instance.link.carrier:
                text = "cannot tell the other hosts what this one is"
                interface = way.channel.interface
                self._throttle.warning(text, interface=interface, error=str(error))

    # -- hearing ----------------------------------------------------------------------------

    def hear(self) -> None:
        """Take in what has arrived, up to a bound; what is left is for the next time."""
        now, news = self._clock(), 0
        concerned: dict[Company, None] = {}
        for channel, datagram in self._port.drain():
            place = _place(channel)
            known = self._sayings.get((place, datagram))
            if known and known.holds(now):
                known.at = now
            elif saying := self._take(channel, datagram, now):
                self._sayings[place, datagram] = saying
                concerned |= dict.fromkeys(voice.company for voice in saying.voices)
                news += len(datagram.payload)
                if news >= NEWS_MOST:
                    break
        self._tell_news(concerned, now)

    def _take(self, channel: Channel, datagram: Datagram, now: Instant) -> Saying | None:
        """Read a datagram that is new; None when it does not count."""
        hello = decode(datagram.payload)
        if isinstance(hello, Hello) and hello.speaker.life == self._life:
            hello = HelloFault.OWN
        if isinstance(hello, HelloFault):
            self._drop(channel, hello)
            return None
        saying = Saying(hello.speaker, now)
        answers = [self._admit(channel, datagram, saying, router) for router in hello.routers]
        saying.voices = [answer for answer in answers if isinstance(answer, Voice)]
        for fault in {answer for answer in answers if isinstance(answer, HelloFault)}:
            self._drop(channel, fault)
        return saying

    def _admit(
        self, channel: Channel, datagram: Datagram, saying: Saying, router: Readiness
    ) -> Voice | HelloFault | None:
        """Take what is said of one router; None when it is none of ours."""
        source = datagram.source
        company = self._ears.get(_ear(channel, source, router.vrid))
        if company is None:
            return None
        least = company.instance.rules.min_ttl if channel.unicast else REQUIRED_TTL
        if datagram.ttl < least:
            return HelloFault.TTL
        neighbors = self._neighbors.setdefault(company.instance.config.interface, set())
        if source not in neighbors and len(neighbors) >= NEIGHBORS_MOST:
            return HelloFault.FULL
        voice = company.hear(source, saying, router)
        if voice is None:
            return HelloFault.FULL
        neighbors.add(source)
        return voice

    def _drop(self, channel: Channel, fault: HelloFault) -> None:
        self.dropped[fault] += 1
        if fault is HelloFault.VERSION:
            text = "cannot read the hellos of another host: is its vipd much newer?"
            self._throttle.warning(text, interface=channel.interface)

    # -- who is silent ----------------------------------------------------------------------

    def _notice_silence(self, now: Instant) -> None:
        """Tell of those who are silent, and forget those who have been for long."""
        voices = [one for each in self._companies.values() for one in each.voices.values()]
        silent = [one for one in voices if one.saying.is_silent(now)]
        self._sayings = {key: one for key, one in self._sayings.items() if not one.is_silent(now)}
        news = [one for one in silent if not one.saying.missed]
        for voice in news:
            voice.saying.missed = True
        self._tell_news(dict.fromkeys(voice.company for voice in news), now)
        long_silent = [one for one in silent if one.is_forgotten(now)]
        for voice in long_silent:
            voice.company.forget(voice)
        if long_silent:
            self._count_neighbors()

    def _count_neighbors(self) -> None:
        """Note anew who speaks on which interface."""
        self._neighbors = {}
        for instance, company in self._companies.items():
            self._neighbors.setdefault(instance.config.interface, set()).update(company.voices)

    def _tell_news(self, companies: Iterable[Company], now: Instant) -> None:
        for company in companies:
            for code, text in company.news(now):
                self.on_change(company.instance, code, text)


def _by_way(lines: Iterable[Line]) -> dict[Way, list[Line]]:
    """What goes where."""
    found: dict[Way, list[Line]] = {}
    for line in lines:
        for way in line.ways:
            found.setdefault(way, []).append(line)
    return found


def _place(channel: Channel) -> Place:
    return (channel.source if channel.unicast else channel.interface), family_of(channel.source)


def _ear(channel: Channel, peer: IPAddress, vrid: int) -> Ear:
    return _place(channel), (peer if channel.unicast else None), vrid
