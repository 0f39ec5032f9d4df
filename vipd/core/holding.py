"""The addresses that an instance has asked for, whether it has them, and until when."""

from __future__ import annotations

from vipd.core.actions import Action, ClaimAddresses, ReleaseAddresses, RenewAddresses
from vipd.core.config import InstanceConfig
from vipd.core.model import Vip
from vipd.core.timers import Deadlines, Timer
from vipd.core.units import Duration, Instant

RENEW_WITHIN = 3
"""A lease is renewed at the latest when one part in so many has passed, unless an advert is due
soon after: what is renewed without one outlives what the peers have heard."""

RENEW_NOT_BEFORE = 4
"""... and with an advert when one part in so many has: short intervals need not renew with each."""


class Holding:
    """What was claimed and not yet released: a release is of this, whatever is configured now.

    It keeps `Timer.RENEW` armed while there is a lease. Why the adverts renew it: the lease should
    run from the last proof of life that the peers have heard.
    """

    __slots__ = ("_asked", "_deadlines", "_held", "_lease", "_renewed", "claiming")

    def __init__(self, deadlines: Deadlines) -> None:
        self._deadlines = deadlines
        self._asked: tuple[Vip, ...] = ()
        self._held = False
        self._renewed: Instant = 0
        self._lease: Duration = 0
        self.claiming = False
        """Whether a claim waits for its answer; nothing is announced before that."""

    @property
    def held(self) -> bool:
        """Whether a claim has succeeded and nothing was released since."""
        return self._held

    @property
    def addresses(self) -> tuple[Vip, ...]:
        """What was asked for last."""
        return self._asked

    def confirm(self, config: InstanceConfig, now: Instant) -> None:
        """The claim has succeeded."""
        self._held, self.claiming = True, False
        self._begin_lease(config, now)

    def claim(self, config: InstanceConfig) -> ClaimAddresses:
        """Ask for the addresses that are configured."""
        self.claiming = True
        self._deadlines.disarm(Timer.ANNOUNCE)
        self._asked, self._lease = config.addresses, config.address_lease
        return ClaimAddresses(self._asked, self._lease)

    def release(self) -> ReleaseAddresses:
        """Give up all that was asked for."""
        asked, self._asked = self._asked, ()
        self._held = self.claiming = False
        return ReleaseAddresses(asked)

    def renew(self, config: InstanceConfig, now: Instant) -> tuple[RenewAddresses, ...]:
        """Let the lease begin anew, if there is one."""
        if not config.address_lease:
            return ()
        self._begin_lease(config, now)
        return (RenewAddresses(self._asked, config.address_lease),)

    def renew_with_advert(self, config: InstanceConfig, now: Instant) -> tuple[RenewAddresses, ...]:
        """An advert is sent now: let the lease begin anew with it, unless it just has.

        Why: never between two adverts if one can do it; the lease would outlive what peers heard.
        """
        fresh = (now - self._renewed) * RENEW_NOT_BEFORE < config.address_lease
        due = self._deadlines.at(Timer.RENEW)
        waits = due is not None and due >= now + config.advert_interval
        return () if fresh and waits else self.renew(config, now)

    def change(self, config: InstanceConfig, now: Instant) -> tuple[Action, ...]:
        """Hold what is configured from now on: give up the others, ask for the rest.

        Order: the claim follows the release and is of all addresses, because Linux takes the
        secondary addresses of a removed primary along with it.
        """
        if config.addresses == self._asked:
            return self._change_lease(config, now)
        gone = tuple(vip for vip in self._asked if vip not in config.addresses)
        release = (ReleaseAddresses(gone),) if gone else ()
        return (*release, self.claim(config))

    def _change_lease(self, config: InstanceConfig, now: Instant) -> tuple[Action, ...]:
        if config.address_lease == self._lease:
            return ()
        if not self._held:
            return (self.claim(config),)
        self._begin_lease(config, now)
        return (RenewAddresses(self._asked, config.address_lease),)

    def _begin_lease(self, config: InstanceConfig, now: Instant) -> None:
        self._renewed, self._lease = now, config.address_lease
        self._deadlines.disarm(Timer.RENEW)
        if self._lease:
            wait = self._lease // RENEW_WITHIN
            if self._lease >= 2 * config.advert_interval:
                wait = max(wait, config.advert_interval * 5 // 4)
            self._deadlines.arm(Timer.RENEW, now + wait)
