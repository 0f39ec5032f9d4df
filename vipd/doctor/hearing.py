"""Who speaks VRRP on a link, heard for a moment: the door to what loads scapy."""

from __future__ import annotations

import time
from collections.abc import Sequence

from vipd.capture.membership import Membership
from vipd.capture.source import Listener, read_packets
from vipd.capture.survey import Own, Sighting, Survey, survey
from vipd.capture.verdict import report


def hear(interface: str, seconds: float, own: Sequence[Own]) -> Survey:
    """Listen as a member of the groups, and conclude. Raises: VipdError, OSError."""
    with Listener(interface) as listener, Membership(interface):
        sightings = [
            Sighting(at=time.monotonic_ns(), report=report(packet))
            for _, packet in read_packets(listener.frames(seconds))
        ]
        return survey(sightings, end=time.monotonic_ns(), own=own, local=listener.addresses)
