"""What a MASTER says to its peers, and how often."""

from __future__ import annotations

from dataclasses import replace

from vipd.core.actions import SendAdvert
from vipd.core.config import InstanceConfig
from vipd.core.hearing import Hearing
from vipd.core.model import ChecksumForm
from vipd.core.units import Instant

FIRST_CHECKSUM = ChecksumForm.PSEUDO_HEADER
"""What is sent before a peer was heard: keepalived and FRR drop the other form by default."""

ANSWERS_PER_BEAT = 8
"""How many losing adverts are answered between two adverts of our own: enough for any group, and
an end for two routers that each count the other as the loser."""


class Speaking:
    """Makes the adverts, and remembers when the last one was made."""

    __slots__ = ("_answers", "_hearing", "_said", "last")

    def __init__(self, hearing: Hearing) -> None:
        self._hearing = hearing
        self._answers = 0
        self._said = SendAdvert(priority=0, checksum=FIRST_CHECKSUM)
        self.last: Instant = 0
        """When the last advert was sent."""

    def advert(self, config: InstanceConfig, priority: int, now: Instant) -> SendAdvert:
        """Say once that this router has a priority."""
        self.last = now
        return self.wording(config, priority)

    def wording(self, config: InstanceConfig, priority: int) -> SendAdvert:
        """How that would be said. Why: what says the same is the same value; its bytes are found
        by that."""
        said = self._said
        checksum = config.checksum or self._hearing.checksum or FIRST_CHECKSUM
        if said.priority != priority or said.checksum is not checksum:
            said = self._said = SendAdvert(priority=priority, checksum=checksum)
        return said

    def last_words(self, config: InstanceConfig, priority: int, now: Instant) -> SendAdvert:
        """Say to whom outranks us that he was not alone, so that he announces again.

        Why: only in the family that decides ties. The other one could make him yield, too.
        """
        return replace(self.advert(config, priority, now), first_only=True)

    def beat(self) -> None:
        """An advert of the rhythm is due: answers may be given again."""
        self._answers = 0

    def answer(self, config: InstanceConfig, priority: int, now: Instant) -> tuple[SendAdvert, ...]:
        """Assert at once that we are MASTER, against an advert that loses.

        RFC: 9568 §6.4.3; 3768 §6.4.3 (VRRPv2 is silent).
        """
        if config.version == 2 or self._answers >= ANSWERS_PER_BEAT:
            return ()
        self._answers += 1
        return (self.advert(config, priority, now),)
