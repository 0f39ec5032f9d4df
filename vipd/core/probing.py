"""Who else uses the addresses, as ARP and Neighbor Discovery tell.

Adverts are not the only sign of life. Before a BACKUP takes over from a MASTER that is silent it
asks the link for the addresses: what answers is a host whose adverts do not get through, and two
owners are about to be. A MASTER that has met such a host asks again now and then, so that the
warning ends when the other one does. RFC: 5227 §2.1.1, §2.4.
"""

from __future__ import annotations

from vipd.core.actions import ProbeAddresses, ReportIncident
from vipd.core.config import InstanceConfig, TakeoverProbe
from vipd.core.incident import IncidentCode
from vipd.core.model import IPAddress
from vipd.core.timers import Deadlines, Timer
from vipd.core.units import MILLISECOND, SECOND, Duration, Instant, format_duration

PROBE_LEAD: Duration = 50 * MILLISECOND
"""How long before its takeover a BACKUP asks: a host on the link answers in less, and the lease of
a MASTER that died is over by then."""

ASK_AGAIN: Duration = 30 * SECOND

TELL_AGAIN: Duration = SECOND
"""Two hosts that defend the same address would else fill the log."""


def probe_lead(skew: Duration) -> Duration:
    """How long before its takeover a BACKUP asks: within its skew, when the silence is sure."""
    return min(PROBE_LEAD, skew)


class Probing:
    """What was asked and answered. Keeps `Timer.PROBE` armed for the next question."""

    __slots__ = ("_answer", "_asked", "_deadlines", "_hold_until", "_shared", "_told", "warning")

    def __init__(self, deadlines: Deadlines) -> None:
        self._deadlines = deadlines
        self.forget()

    def forget(self) -> None:
        """Nothing was asked: the MASTER speaks, or this router does not wait for one."""
        self._asked = self._told = False
        self._answer: str | None = None
        self._hold_until: Instant | None = None
        self._shared: Instant | None = None
        self.warning: str | None = None
        """What a person should know of it, as long as it is so."""

    def expect(self, master_down: Instant, lead: Duration | None) -> None:
        """Ask so long before a takeover, or not at all."""
        if lead is None:
            self._deadlines.disarm(Timer.PROBE)
        else:
            self._deadlines.arm(Timer.PROBE, master_down - lead)

    def ask(self, config: InstanceConfig) -> tuple[ProbeAddresses, ...]:
        """Ask now; an answer to an earlier question counts no more."""
        self._asked, self._answer = True, None
        if config.takeover_probe is TakeoverProbe.OFF:
            return ()
        return (ProbeAddresses(config.addresses),)

    def note(self, address: IPAddress, mac: bytes) -> None:
        """Somebody has an address; that means something if it was asked."""
        if self._asked:
            self._answer = f"{address} is alive at {mac.hex(':')}"

    @property
    def judged(self) -> bool:
        """Whether a takeover was due in this silence, and the addresses were in use."""
        return self._hold_until is not None

    @property
    def evidence(self) -> tuple[str, ...]:
        """What came of the question, for who acts on it."""
        if not self._asked:
            return ()
        return (f"asked for the addresses: {self._answer or 'nobody answers'}",)

    # -- a BACKUP that is about to take over ------------------------------------------------

    def judge(self, config: InstanceConfig, now: Instant) -> tuple[ReportIncident, ...]:
        """A takeover is due: say, once in a silence, that the addresses are in use."""
        if self._answer is None:
            self.forget()
            return ()
        if self._hold_until is None:
            self._hold_until = now + config.probe_hold_max
        told, self._told = self._told, True
        self.warning = f"{self._answer}, but no adverts: is IP protocol 112 blocked?"
        if self.held_until(config, now) is not None:
            self.warning += f" Holds back for {format_duration(config.probe_hold_max)} at most"
        report = ReportIncident(IncidentCode.MASTER_SILENT_BUT_ALIVE, self.warning)
        return () if told else (report,)

    def held_until(self, config: InstanceConfig, now: Instant) -> Instant | None:
        """Until when, at most, the takeover waits for the one that answers; None: not at all."""
        until = self._hold_until
        if config.takeover_probe is not TakeoverProbe.HOLD or until is None or until <= now:
            return None
        return until

    # -- a MASTER that is not alone ---------------------------------------------------------

    def share(self, address: IPAddress, mac: bytes, now: Instant) -> tuple[ReportIncident, ...]:
        """Somebody claims an address of this MASTER: say so now and then, and ask again later."""
        self._asked = True
        self.note(address, mac)
        self.warning = f"{address} is claimed by {mac.hex(':')} as well"
        if self._deadlines.at(Timer.PROBE) is None:
            self._deadlines.arm(Timer.PROBE, now + ASK_AGAIN)
        if self._shared is not None and now - self._shared < TELL_AGAIN:
            return ()
        self._shared = now
        return (ReportIncident(IncidentCode.ADDRESS_CONFLICT, self.warning),)

    def watch(self, now: Instant) -> None:
        """This router has taken over from somebody who answered: see whether that ends."""
        if self._answer is not None:
            self._deadlines.arm(Timer.PROBE, now + ASK_AGAIN)

    def check(self, config: InstanceConfig, now: Instant) -> tuple[ProbeAddresses, ...]:
        """Ask again, unless nobody has claimed the addresses since it was asked last."""
        if self._answer is None:
            self.forget()
            return ()
        self._deadlines.arm(Timer.PROBE, now + ASK_AGAIN)
        return self.ask(config)
