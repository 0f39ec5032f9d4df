"""The rehearsal: a takeover of nothing, shortly before one that is real.

Theory of operation. A BACKUP does the same for hours: it hears adverts. What it does in a takeover
has not run for all that time, so neither the code nor what it needs is in the caches of the
processor, in Python as in the kernel. A takeover that has slept to its moment sends the first
advert 0.9 ms after it, of which 0.65 ms are memory and 0.1 ms is a processor that has to wake.

So the runtime wakes some time before (`LEAD`), and here a virtual router goes through the takeover
that lies ahead: by the same code, in a runtime of its own, with a time of its own that goes from
deadline to deadline, on ports that lead nowhere. The claim goes as far as the kernel, which refuses
it (`vipd.net.nowhere`). Then a stronger router is heard, so that it is a BACKUP again, ready for
the next time. Until its moment the agent stays awake. Measured with Python 3.11 and Linux 6.18: a
rehearsal takes 1.2 ms when all is cold, 0.2 ms when not, and the first advert of the takeover
leaves 0.2 ms after its moment.

The real sockets are read by the runtime before it rehearses. What happens here is counted, logged
and noted by nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from ipaddress import IPv4Address, IPv4Interface
from typing import Final, cast

from vipd.agent.ports import AddressPort, AdvertPort, Clock, Ports
from vipd.agent.runtime import Runtime
from vipd.core.config import InstanceConfig
from vipd.core.machine import Machine
from vipd.core.model import (
    Advert,
    Channel,
    ChecksumForm,
    IPAddress,
    LinkFacts,
    State,
    family_of,
)
from vipd.core.units import MILLISECOND, Duration, Instant, to_centiseconds
from vipd.log import Logger
from vipd.wire.vrrp import GROUP, REQUIRED_TTL, Datagram, encode

LEAD: Duration = 3 * MILLISECOND
"""How long before a takeover it is rehearsed: more than twice what that takes when all is cold."""

REST: Duration = 10 * MILLISECOND
"""What has run within that time is not cold. So, however many takeovers there are, one after the
other, no more than a tenth of the time goes into rehearsals."""

_PATIENCE: Final = 16
"""More alarms than there are on the way to anything."""

_PEER: Final = IPv4Address("192.0.2.2")
_PART: Final = InstanceConfig(
    name="rehearsal",
    interface="nowhere",
    vrid=1,
    addresses=(IPv4Interface("192.0.2.100/32"),),
    linger=0,
)
_LINK: Final = LinkFacts(
    name=_PART.interface,
    exists=True,
    up=True,
    carrier=True,
    mtu=1500,
    ipv4=IPv4Address("192.0.2.1"),
)


class Rehearsal:
    """A virtual router of its own, which takes over whenever it is asked to."""

    def __init__(self, addresses: AddressPort, clock: Clock) -> None:
        self._clock = clock
        self._rested_at: Instant | None = 0
        """When the next one may be; None for never."""
        self._time = _Time()
        self._air = _Air()
        ports = _stage(addresses, self._air)
        self._runtime = Runtime(ports, self._time, self._time, cast("Logger", _Silence()))
        self._runtime.start([_PART])
        self._machine: Machine = self._runtime.instances[0].machine
        self.rehearse()

    def rehearse(self) -> None:
        """Take over and let go again, unless that has just been done.

        Why no exception: a takeover is near, and it can do without this; but what has failed once
        is not tried again.
        """
        if self._rested_at is None or self._clock() < self._rested_at:
            return
        self._rested_at = None
        try:
            self._take_over()
            self._let_go()
        except Exception:  # noqa: BLE001
            return
        self._rested_at = self._clock() + REST

    def _take_over(self) -> None:
        self._go_on_until(lambda: self._machine.state is State.MASTER)

    def _let_go(self) -> None:
        """Yield, and be where the next rehearsal begins: right before the takeover itself."""
        self._air.arrived.append(_stronger())
        self._runtime.wake()
        self._go_on_until(lambda: self._machine.takes_over_at == self._time.rings_at)

    def _go_on_until(self, there: Callable[[], bool]) -> None:
        """Let the alarm go off until it is so. Raises: AssertionError, if that never is."""
        for _ in range(_PATIENCE):
            if there():
                return
            self._time.go_on()
            self._runtime.ring()
        raise AssertionError("a rehearsal gets nowhere")


def _stronger() -> Datagram:
    """An advert that every MASTER yields to, but an owner."""
    advert = Advert(
        version=_PART.version,
        vrid=_PART.vrid,
        priority=_PART.priority + 1,
        interval_cs=to_centiseconds(_PART.advert_interval),
        addresses=tuple(vip.ip for vip in _PART.addresses),
        checksum=ChecksumForm.PSEUDO_HEADER,
    )
    group = GROUP[family_of(_PEER)]
    payload = encode(advert, source=_PEER, destination=group)
    return Datagram(payload=payload, source=_PEER, destination=group, ttl=REQUIRED_TTL)


# -- the stage ------------------------------------------------------------------------------


class _Time:
    """A clock and an alarm: its time is that of the next alarm."""

    def __init__(self) -> None:
        self.rings_at: Instant = 0
        self._now: Instant = 0

    def __call__(self) -> Instant:
        return self._now

    def set(self, at: Instant, *, awake: bool = False) -> None:  # noqa: ARG002
        self.rings_at = at

    def go_on(self) -> None:
        """Let it be the time that the alarm is set for."""
        self._now = max(self._now, self.rings_at)


class _Nowhere:
    """Every port: whatever is asked of it is done, and nothing comes of it."""

    def _do(self, *_: object, **__: object) -> None:
        """Do nothing."""

    def _have(self, *_: object, **__: object) -> tuple[()]:
        """Have nothing."""
        return ()

    announce = follow_routes = gateway = inspect = listen = prepare = probe = release = _do
    send = unicast_source = watch = _do
    claim = drain = macs = present = renew = sweep = _have

    def index(self, name: str) -> int:  # noqa: ARG002
        return 1

    def facts(self, name: str, floating: Collection[IPAddress]) -> LinkFacts:  # noqa: ARG002
        return _LINK


class _Air:
    """What is said is heard by nobody; what is heard has `arrived`."""

    age: Duration = 0

    def __init__(self) -> None:
        self.arrived: list[Datagram] = []

    def open(self, channel: Channel, index: int) -> None:
        """There is nothing to open."""

    def retain(self, vrids: Mapping[Channel, Collection[int]]) -> None:
        """There is nothing to close."""

    def send(self, channel: Channel, destination: IPAddress, payload: bytes) -> None:
        """Nobody listens."""

    def drain(self) -> Iterator[tuple[str, Datagram]]:
        while self.arrived:
            yield _PART.interface, self.arrived.pop()


class _Silence:
    """A log that is not written."""

    def info(self, event: str, **fields: object) -> None:
        """Say nothing."""

    warning = error = info


def _stage(addresses: AddressPort, air: AdvertPort) -> Ports:
    """The ports for a part."""
    nowhere = _Nowhere()
    return Ports(
        adverts=air,
        addresses=addresses,
        virtual_macs=nowhere,
        announcer=nowhere,
        neighbors=nowhere,
        tap=nowhere,
        links=nowhere,
    )
