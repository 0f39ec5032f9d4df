"""A fixed script for the pure core, to be counted by callgrind: see `instruction`.

    python -m bench.stepping HEARD AGAIN PASSED

A BACKUP hears so many adverts of its MASTER that are news, and so many that it has just heard; a
MASTER sees so many of its deadlines pass. After each event the machine is asked for its next
deadline, as the agent does.
"""

from __future__ import annotations

import sys
from ipaddress import IPv4Address

from solo_machine import FULL, LINK

from vipd.core.events import (
    AddressesClaimed,
    AdvertReceived,
    LinkChanged,
    Started,
    TimePassed,
)
from vipd.core.machine import Machine
from vipd.core.model import Advert, ChecksumForm, Family, State
from vipd.core.units import to_centiseconds
from vipd.wire.vrrp import advertised

WARM = 100
"""Events of each kind before those that count: the interpreter adapts to what it runs often."""


def hear(count: int) -> None:
    """Have a BACKUP hear adverts, one in an interval, none of which it has just heard."""
    machine, two = _started(), (_heard(), _heard())
    for number in range(count):
        machine.step(two[number % 2], number * FULL.advert_interval)
        machine.next_deadline()
    assert machine.state is State.BACKUP, "it has a MASTER"


def hear_again(count: int) -> None:
    """Have a BACKUP hear the same advert, once in an interval."""
    machine, heard = _started(), _heard()
    machine.step(heard, 0)
    for now in range(0, count * FULL.advert_interval, FULL.advert_interval):
        assert machine.hears_again(heard, now), "it is the same"
        machine.next_deadline()
    assert machine.state is State.BACKUP, "it has a MASTER"


def serve(count: int) -> None:
    """Have a MASTER see its deadlines pass, all on time."""
    machine = _started()
    for _ in range(count):
        due = machine.next_deadline()
        assert due is not None, "who runs waits for something"
        actions = machine.step(TimePassed(), due)
        if actions and machine.state is State.MASTER and not machine.spoke:
            machine.step(AddressesClaimed(), due)
    assert machine.state is State.MASTER, "nobody opposes it"


def _heard() -> AdvertReceived:
    advert = Advert(
        version=3,
        vrid=FULL.vrid,
        priority=200,
        interval_cs=to_centiseconds(FULL.advert_interval),
        addresses=advertised(FULL.addresses, Family.IPV4),
        checksum=ChecksumForm.PSEUDO_HEADER,
    )
    return AdvertReceived(advert=advert, source=IPv4Address("192.0.2.51"))


def _started() -> Machine:
    machine = Machine(FULL)
    machine.step(LinkChanged(LINK), 0)
    machine.step(Started(), 0)
    return machine


if __name__ == "__main__":
    for kind, count in zip((hear, hear_again, serve), sys.argv[1:], strict=True):
        kind(WARM + int(count))
