"""Fellows: the other agents of a virtual router, as their hellos tell.

An agent that speaks both families is heard twice: it is one fellow, known by its life. A host that
begins a new life, by the same address, is the fellow that it was. One that has been silent for
longer than three hellos take is not ready any more; how long it is remembered, `Voice` tells.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from vipd.agent.fellow_line import STOPPED, hash_of
from vipd.agent.instance import Instance
from vipd.control.report import PeerReport, seconds
from vipd.core.config import InstanceConfig
from vipd.core.model import Family, IPAddress, State, family_of
from vipd.core.units import (
    DAY,
    MILLISECOND,
    MINUTE,
    Duration,
    Instant,
    format_duration,
    from_centiseconds,
)
from vipd.wire.hello import Readiness, Speaker

SILENT_AFTER: Duration = 3_500 * MILLISECOND
"""Three hellos missed, and half the time to the next."""

FORGOTTEN_AFTER: Duration = SILENT_AFTER + MINUTE
"""For so long a stranger is remembered, and whoever has said farewell."""

MISSED_FOR: Duration = DAY
"""For so long one is remembered that was there for more than a minute, and is silent: a check that
looks now and then has to find out that nobody is left to take over."""

FELLOWS_MOST = 16
"""More than this for one virtual router are not a group but a flood."""


@dataclass(slots=True, eq=False)
class Saying:
    """One datagram, as often as it comes unchanged: who says it, and when it came last.

    `missed` is whether somebody has noticed that it comes no more.
    """

    speaker: Speaker
    at: Instant
    voices: list[Voice] = field(default_factory=list)
    missed: bool = False

    def is_silent(self, now: Instant) -> bool:
        """Whether it has not come for too long."""
        return now - self.at > SILENT_AFTER

    def holds(self, now: Instant) -> bool:
        """Whether all that it says is still the last that was said."""
        return not self.is_silent(now) and all(voice.saying is self for voice in self.voices)


@dataclass(slots=True, eq=False)
class Voice:
    """What is said of one instance from one address, and what was told of it to `on_change`."""

    company: Company
    source: IPAddress
    family: Family
    saying: Saying
    readiness: Readiness
    since: Instant
    told_ready: bool | None = None
    told_differs: tuple[str, ...] = ()

    def is_forgotten(self, now: Instant) -> bool:
        """Whether its silence means nothing to anybody any more."""
        known = self.saying.at - self.since >= MINUTE and self.readiness.state is not State.INIT
        return now - self.saying.at > (MISSED_FOR if known else FORGOTTEN_AFTER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fellow:
    """One other agent of a virtual router, all families together.

    `age` is how old the newest is that it has said; `differs` is what is set up there in another
    way than here.
    """

    speaker: Speaker
    address: IPAddress
    state: State
    priority: int
    ready: bool
    why: str
    age: Duration
    differs: tuple[str, ...]
    voices: tuple[Voice, ...]

    def __str__(self) -> str:
        return f"{self.speaker.node} ({self.address})"

    def report(self) -> PeerReport:
        """The words of `vipd status` for it."""
        return PeerReport(
            address=str(self.address),
            node=self.speaker.node,
            state=self.state,
            priority=self.priority,
            ready=self.ready,
            why=self.why or None,
            age_s=seconds(self.age),
            differs=self.differs,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Own:
    """What the fellows of an instance are compared with: kept, because it is asked for often."""

    config: InstanceConfig
    first_family: Family
    addresses: bytes


class Company:
    """The fellows of one instance."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.voices: dict[IPAddress, Voice] = {}
        self._own = _own(instance.config)

    def is_judged_by_another(self) -> bool:
        """Whether the configuration has changed since anybody asked: so may what differs."""
        return self._own.config is not self.instance.config

    def hear(self, source: IPAddress, saying: Saying, readiness: Readiness) -> Voice | None:
        """Take in what somebody says of himself; None when too many do."""
        voice = self.voices.get(source)
        if voice is None:
            if len(self.voices) >= FELLOWS_MOST * len(Family):
                return None
            voice = self.voices[source] = Voice(
                self, source, family_of(source), saying, readiness, saying.at
            )
        elif voice.saying.speaker.life != saying.speaker.life:
            self._bury(voice.saying.speaker.life, but=voice)
        voice.saying, voice.readiness = saying, readiness
        return voice

    def fellows(self, now: Instant) -> list[Fellow]:
        """Who they are at this moment. Order: as they were first heard."""
        if self.is_judged_by_another():
            self._own = _own(self.instance.config)
        by_life: dict[bytes, list[Voice]] = {}
        for voice in self.voices.values():
            by_life.setdefault(voice.saying.speaker.life, []).append(voice)
        return [_fellow(voices, self._own, now) for voices in by_life.values()][:FELLOWS_MOST]

    def news(self, now: Instant) -> Iterator[tuple[str, str]]:
        """What has changed since this was last asked: a code and a text for each."""
        for fellow in self.fellows(now):
            yield from _news_of(fellow)

    def forget(self, voice: Voice) -> None:
        """Somebody has been silent for long."""
        self.voices.pop(voice.source, None)

    def _bury(self, life: bytes, *, but: Voice) -> None:
        """A life is over: what it said over the other family is, too."""
        for source, voice in list(self.voices.items()):
            if voice.saying.speaker.life == life and voice is not but:
                del self.voices[source]


def _own(config: InstanceConfig) -> _Own:
    return _Own(config=config, first_family=config.families[0], addresses=hash_of(config.addresses))


def _fellow(voices: list[Voice], own: _Own, now: Instant) -> Fellow:
    """Put together what one agent says.

    Why: a host may have an instance for each family where this one has one for both; then it is
    ready when both are. What is old of the same instance counts for nothing.
    """
    by_age = sorted(voices, key=lambda voice: voice.saying.at)
    newest = by_age[-1]
    current = [voice for voice in by_age if not voice.saying.is_silent(now)] or [newest]
    latest = {voice.readiness.families: voice.readiness for voice in current}.values()
    preferred = [voice for voice in current if voice.family is own.first_family]
    obstacle = _obstacle(newest, latest, now)
    return Fellow(
        speaker=newest.saying.speaker,
        address=(preferred or current)[-1].source,
        state=newest.readiness.state,
        priority=newest.readiness.effective_priority,
        ready=obstacle is None,
        why=obstacle or "",
        age=now - newest.saying.at,
        differs=tuple(dict.fromkeys(text for each in latest for text in _drift(own, each))),
        voices=tuple(voices),
    )


def _obstacle(newest: Voice, latest: Iterable[Readiness], now: Instant) -> str | None:
    """Why it is not ready. Who has said that it stops is silent with good reason."""
    if newest.readiness.state is State.INIT:
        return newest.readiness.why or STOPPED
    if newest.saying.is_silent(now):
        return f"silent for {format_duration(now - newest.saying.at)}"
    return next((each.why or "it gives no reason" for each in latest if not each.ready), None)


def _news_of(fellow: Fellow) -> Iterator[tuple[str, str]]:
    told_ready = next((one.told_ready for one in fellow.voices if one.told_ready is not None), None)
    told_differs = next((one.told_differs for one in fellow.voices if one.told_differs), ())
    for voice in fellow.voices:
        voice.told_ready, voice.told_differs = fellow.ready, fellow.differs
    if fellow.ready and not told_ready:
        text = f"{fellow} is ready: {fellow.state.value}, priority {fellow.priority}"
        yield "peer_ready", text
    elif told_ready is not False and not fellow.ready:
        yield "peer_not_ready", f"{fellow} is not ready: {fellow.why}"
    if fellow.differs and fellow.differs != told_differs:
        yield "peer_differs", f"{fellow} is set up in another way: {'; '.join(fellow.differs)}"
    elif told_differs and not fellow.differs:
        yield "peer_agrees", f"{fellow} is set up as this host is"


def _drift(own: _Own, theirs: Readiness) -> Iterator[str]:
    """What is set up in another way, by the keys of the configuration; or in the same way, where
    that is odd."""
    config = own.config
    if theirs.version != config.version:
        yield f"version: {theirs.version} there, {config.version} here"
    interval = from_centiseconds(theirs.interval_cs)
    if interval != config.advert_interval:
        there, here = format_duration(interval), format_duration(config.advert_interval)
        yield f"advert_interval: {there} there, {here} here"
    if theirs.addresses != own.addresses:
        yield "addresses: others there"
    if theirs.priority == config.priority:
        yield f"priority: {config.priority} there and here"
    if theirs.preempts != config.preempts:
        yield f"preempt: {_toml(theirs.preempts)} there, {_toml(config.preempts)} here"


def _toml(value: bool) -> str:  # noqa: FBT001  (it is what is written)
    return "true" if value else "false"
