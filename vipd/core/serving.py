"""What a MASTER does: it holds, speaks and announces, and in the end hands over.

The order is what matters. It claims, then speaks, then announces; it resigns, is followed, then
releases. Everything here is between the two transitions that the machine decides on.
"""

from __future__ import annotations

from vipd.core.actions import (
    Action,
    AnnounceAddresses,
    ClaimAddresses,
    ReleaseAddresses,
    RenewAddresses,
    SendAdvert,
)
from vipd.core.announcing import Announcing
from vipd.core.config import InstanceConfig
from vipd.core.holding import Holding
from vipd.core.leaving import Destination, Leaving
from vipd.core.model import RELEASE_PRIORITY, Heard, IPAddress
from vipd.core.speaking import Speaking
from vipd.core.terms import Terms
from vipd.core.timers import Deadlines, Timer
from vipd.core.units import Instant


class Serving:
    """The service of one instance, from the claim to the release."""

    __slots__ = ("_announcing", "_deadlines", "_terms", "holding", "leaving", "speaking")

    def __init__(self, terms: Terms, deadlines: Deadlines, speaking: Speaking) -> None:
        self._terms = terms
        self._deadlines = deadlines
        self._announcing = Announcing(deadlines)
        self.speaking = speaking
        self.holding = Holding(deadlines)
        self.leaving = Leaving(deadlines)

    @property
    def settled(self) -> bool:
        """Whether the addresses are held, and are to be held on."""
        return self.holding.held and not self.leaving

    @property
    def announces(self) -> bool:
        """Whether it can be said where the addresses are: each of them is there, and will be."""
        return self.settled and not self.holding.claiming

    def described(self, source: IPAddress | None) -> Heard | None:
        """This router, as others hear it; None before it serves."""
        if source is None or not self.holding.held:
            return None
        return Heard(address=source, priority=self._terms.priority, at=self.speaking.last)

    def claim(self) -> ClaimAddresses:
        """Ask for the addresses; nothing is said before they are there."""
        return self.holding.claim(self._terms.config)

    def claimed(self, now: Instant) -> tuple[Action, ...]:
        """The addresses are there: speak, then announce. On the way out they are only kept."""
        self.holding.confirm(self._terms.config, now)
        if self.leaving:
            return ()
        self._deadlines.arm(Timer.ADVERT, now + self._terms.config.advert_interval)
        self._announcing.begin(self._terms.config, now)
        return (
            self.speaking.advert(self._terms.config, self._terms.priority, now),
            self._announce(),
        )

    def beat(self, due: Instant, now: Instant) -> tuple[Action, ...]:
        """The advert of the rhythm, and with it the lease.

        Why: after a stall the rhythm begins anew rather than that it catches up.
        """
        self.speaking.beat()
        following = due + self._terms.config.advert_interval
        if following <= now:
            following = now + self._terms.config.advert_interval
        self._deadlines.arm(Timer.ADVERT, following)
        renewal = self.holding.renew_with_advert(self._terms.config, now)
        return (self.speaking.advert(self._terms.config, self._terms.priority, now), *renewal)

    def renew(self, now: Instant) -> tuple[RenewAddresses, ...]:
        """Let the lease begin anew."""
        return self.holding.renew(self._terms.config, now)

    def change(self, old: InstanceConfig, now: Instant) -> tuple[Action, ...]:
        """Serve what is configured from now on."""
        if self.announces:
            self._announcing.change(old, self._terms.config, now)
        return self.holding.change(self._terms.config, now)

    # -- what is announced ------------------------------------------------------------------

    def announce_next(self, now: Instant) -> tuple[Action, ...]:
        """The announcement that is due."""
        self._announcing.go_on(self._terms.config, now)
        return (self._announce(),)

    def announce_again(self, now: Instant) -> tuple[Action, ...]:
        """Somebody may have been told otherwise, or may have forgotten: begin anew, but not
        while that has hardly begun."""
        if not self.announces or not self._announcing.again(self._terms.config, now):
            return ()
        return (self._announce(),)

    def announce_anew(self, now: Instant) -> tuple[Action, ...]:
        """The link or what the addresses are at has changed: begin anew, whatever was before."""
        if not self.announces:
            return ()
        self._announcing.begin(self._terms.config, now)
        return (self._announce(),)

    def _announce(self) -> AnnounceAddresses:
        return AnnounceAddresses(self.holding.addresses)

    # -- against others ---------------------------------------------------------------------

    def answer_release(self, now: Instant) -> tuple[Action, ...]:
        """Another one stops: assert that we are MASTER; one that still claims will say so soon."""
        if not self.settled:
            return ()
        self._deadlines.arm(Timer.ADVERT, now + self._terms.config.advert_interval)
        advert = self.speaking.advert(self._terms.config, self._terms.priority, now)
        return (advert, *self.announce_again(now))

    def answer_loser(self, now: Instant) -> tuple[Action, ...]:
        """A weaker one took itself for the MASTER: tell it, and tell whom it may have told."""
        if not self.settled:
            return ()
        answer = self.speaking.answer(self._terms.config, self._terms.priority, now)
        return (*answer, *self.announce_again(now))

    # -- the way out ------------------------------------------------------------------------

    def resign(self, destination: Destination, now: Instant) -> tuple[SendAdvert, ...]:
        """Say that this router stops, and serve on until it is followed."""
        self.leaving.begin(destination, self._terms.config, now)
        return (self.speaking.advert(self._terms.config, RELEASE_PRIORITY, now),)

    def stay(self, now: Instant) -> tuple[Action, ...]:
        """Nobody has come: serve on as if nothing had been said."""
        self.leaving.end()
        self._deadlines.arm(Timer.ADVERT, now + self._terms.config.advert_interval)
        advert = self.speaking.advert(self._terms.config, self._terms.priority, now)
        renewal = self.holding.renew_with_advert(self._terms.config, now)
        return (advert, *renewal, *self.announce_anew(now))

    def yield_to(
        self,
        stronger: int,
        destination: Destination,
        now: Instant,
    ) -> tuple[SendAdvert, ...]:
        """A router of a greater priority serves: linger, in silence after the last words.

        Why: two that were apart have each announced the addresses, and only the loser knows yet.
        """
        self.leaving.begin(destination, self._terms.config, now)
        self.leaving.follow(stronger, self._terms.config, now)
        return (self.speaking.last_words(self._terms.config, self._terms.priority, now),)

    def release(self, now: Instant, *, says_so: bool) -> tuple[SendAdvert | ReleaseAddresses, ...]:
        """Give the addresses up now; say so, unless that was said or another one serves."""
        resigns = self.settled and says_so
        self.leaving.end()
        release = self.holding.release()
        if not resigns:
            return (release,)
        return (self.speaking.advert(self._terms.config, RELEASE_PRIORITY, now), release)
