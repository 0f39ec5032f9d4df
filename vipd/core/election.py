"""The arithmetic of an election: who waits how long, and who outranks whom."""

from __future__ import annotations

from vipd.core.model import IPAddress
from vipd.core.units import SECOND, Duration


def skew_time(priority: int, interval: Duration, version: int = 3) -> Duration:
    """How much later than the strongest a BACKUP of this priority gives up on the MASTER.

    RFC: 9568 §6.1: ((256 - priority) * Active_Adver_Interval) / 256; 3768 §6.1: (256 - priority) /
    256 seconds, whatever the interval.
    """
    return (256 - priority) * (interval if version == 3 else SECOND) // 256


def master_down_interval(priority: int, interval: Duration, version: int = 3) -> Duration:
    """The silence after which a BACKUP of this priority takes over.

    RFC: 9568 §6.1, 3768 §6.1: three intervals and the skew.
    """
    return 3 * interval + skew_time(priority, interval, version)


def outranks(priority: int, source: IPAddress, own_priority: int, own_source: IPAddress) -> bool:
    """Whether a MASTER must yield to an advert.

    RFC: 9568 §6.4.3: a greater priority, or an equal one from a greater primary address,
    compared as unsigned integers in network byte order. The addresses are of one family.
    """
    return (priority, int(source)) > (own_priority, int(own_source))
