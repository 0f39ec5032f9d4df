"""The machine's table, `machine_table.txt`: every situation and every event, to the letter.

`VIPD_GOLDEN=write pytest tests/unit/core/test_machine_table.py` writes its rows anew, below the
heading that a person wrote: read the difference.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface, ip_address
from pathlib import Path

import pytest

from vipd.core.actions import (
    Action,
    AnnounceAddresses,
    ClaimAddresses,
    ProbeAddresses,
    ReleaseAddresses,
    RenewAddresses,
    ReportIncident,
    ReportTransition,
    SendAdvert,
)
from vipd.core.config import HookMoment, InstanceConfig, TakeoverProbe, TrackUse
from vipd.core.events import (
    AddressesClaimed,
    AddressesDrifted,
    AdvertReceived,
    AnnouncementOrdered,
    ClaimFailed,
    ConfigChanged,
    Event,
    FailoverOrdered,
    GroupAgreed,
    GroupFailed,
    GroupLost,
    GroupRecovered,
    HooksAnswered,
    LinkChanged,
    NeighborHeard,
    OrdersGiven,
    Started,
    Stopped,
    TimePassed,
    TrackReported,
    WokeLate,
)
from vipd.core.machine import Machine
from vipd.core.model import Advert, ChecksumForm, LinkFacts, State, Vip
from vipd.core.orders import NONE, Orders
from vipd.core.units import MILLISECOND, SECOND, Instant

TABLE = Path(__file__).with_name("machine_table.txt")

VIP4, VIP6 = IPv4Interface("192.0.2.100/24"), IPv6Interface("2001:db8::100/64")
VIP4B = IPv4Interface("192.0.2.101/24")
NAMES: dict[Vip, str] = {VIP4: "4", VIP6: "6", VIP4B: "4b"}

CONFIG = InstanceConfig(
    name="web",
    interface="eth0",
    vrid=51,
    addresses=(VIP4, VIP6),
    lease=0,
    linger=100 * MILLISECOND,
    track=(TrackUse(name="nginx"), TrackUse(name="uplink", weight=-50)),
)
LINK = LinkFacts(
    name="eth0",
    exists=True,
    up=True,
    carrier=True,
    mtu=1500,
    ipv4=IPv4Address("192.0.2.50"),
    ipv6=IPv6Address("fe80::50"),
)


def heard(source: str, priority: int) -> Event:
    """An advert of the peer, who advertises every two seconds."""
    advert = Advert(
        version=3,
        vrid=51,
        priority=priority,
        interval_cs=200,
        addresses=(VIP4.ip,) if "." in source else (VIP6.ip,),
        checksum=ChecksumForm.PSEUDO_HEADER,
    )
    return AdvertReceived(advert=advert, source=ip_address(source))


def tracked(name: str, *, up: bool) -> Event:
    return TrackReported(name=name, up=up, text="well" if up else "gone")


EVENTS: dict[str, Event] = {
    "started": Started(),
    "started, spoke 50 ms ago": Started(spoke=0),
    "stopped": Stopped(),
    "stopped at once": Stopped(at_once=True),
    "time passed, early": TimePassed(),
    "time passed, due": TimePassed(),
    "time passed, 10 s late": TimePassed(),
    "woke 2 s late": WokeLate(2 * SECOND),
    "woke 10 s late": WokeLate(10 * SECOND),
    "v4 advert, priority 0": heard("192.0.2.51", 0),
    "v4 advert, lower": heard("192.0.2.51", 99),
    "v4 advert, equal, lower address": heard("192.0.2.49", 100),
    "v4 advert, equal, greater address": heard("192.0.2.51", 100),
    "v4 advert, higher": heard("192.0.2.49", 101),
    "v6 advert, priority 0": heard("fe80::51", 0),
    "v6 advert, lower": heard("fe80::51", 99),
    "v6 advert, equal, lower address": heard("fe80::4f", 100),
    "v6 advert, equal, greater address": heard("fe80::51", 100),
    "v6 advert, higher": heard("fe80::4f", 101),
    "link good": LinkChanged(LINK),
    "link missing": LinkChanged(LinkFacts(name="eth0", exists=False)),
    "link down": LinkChanged(replace(LINK, up=False, carrier=False)),
    "link without carrier": LinkChanged(replace(LINK, carrier=False)),
    "link without v4 source": LinkChanged(replace(LINK, ipv4=None)),
    "link without v6 source": LinkChanged(replace(LINK, ipv6=None)),
    "link with small MTU": LinkChanged(replace(LINK, mtu=63)),
    "link with obstacle": LinkChanged(replace(LINK, obstacle="no room for a socket")),
    "link with another MAC": LinkChanged(replace(LINK, mac=bytes.fromhex("020000000052"))),
    "link that was away": LinkChanged(replace(LINK, carriers=2)),
    "addresses drifted": AddressesDrifted("192.0.2.100/24 was removed from eth0"),
    "neighbor heard": NeighborHeard(address=VIP4.ip, mac=bytes.fromhex("020000000051")),
    "addresses claimed": AddressesClaimed(),
    "claim failed": ClaimFailed("Permission denied"),
    "tracker down": tracked("nginx", up=False),
    "tracker up": tracked("nginx", up=True),
    "weight down": tracked("uplink", up=False),
    "weight up": tracked("uplink", up=True),
    "group agreed": GroupAgreed(),
    "group lost": GroupLost("inner, of the group edge, has yielded"),
    "group failed": GroupFailed("inner, of the group edge: eth1 has no carrier"),
    "group recovered": GroupRecovered(),
    "hooks have run": HooksAnswered(moment=HookMoment.BEFORE_MASTER),
    "hooks have failed": HooksAnswered(moment=HookMoment.BEFORE_MASTER, fault="exit code 1"),
    "maintenance ordered": OrdersGiven(Orders(maintenance="maintenance: a new kernel")),
    "orders taken back": OrdersGiven(NONE),
    "priority 150 ordered": OrdersGiven(Orders(priority=150)),
    "failover ordered": FailoverOrdered("ordered by an operator"),
    "announcement ordered": AnnouncementOrdered(),
    "config the same": ConfigChanged(replace(CONFIG)),
    "config priority raised": ConfigChanged(replace(CONFIG, priority=150)),
    "config priority lowered": ConfigChanged(replace(CONFIG, priority=50)),
    "config interval doubled": ConfigChanged(replace(CONFIG, advert_interval=2 * SECOND)),
    "config preempt off": ConfigChanged(replace(CONFIG, preempt=False)),
    "config checksum pinned": ConfigChanged(replace(CONFIG, checksum=ChecksumForm.MESSAGE)),
    "config refresh off": ConfigChanged(replace(CONFIG, announce_refresh=0)),
    "config lease of 3 s": ConfigChanged(replace(CONFIG, lease=3 * SECOND)),
    "config linger off": ConfigChanged(replace(CONFIG, linger=0)),
    "config probe off": ConfigChanged(replace(CONFIG, takeover_probe=TakeoverProbe.OFF)),
    "config probe hold": ConfigChanged(replace(CONFIG, takeover_probe=TakeoverProbe.HOLD)),
    "config one address more": ConfigChanged(replace(CONFIG, addresses=(VIP4, VIP6, VIP4B))),
    "config one family less": ConfigChanged(replace(CONFIG, addresses=(VIP4,))),
}


def in_init(config: InstanceConfig = CONFIG) -> tuple[Machine, Instant]:
    machine = Machine(config)
    for event in ("link good", "tracker up", "weight up"):
        assert machine.step(EVENTS[event], 0) == ()
    return machine, 0


def in_backup(config: InstanceConfig = CONFIG) -> tuple[Machine, Instant]:
    machine, now = in_init(config)
    machine.step(Started(), now)
    return machine, now


def ready() -> tuple[Machine, Instant]:
    machine, _ = in_backup(replace(CONFIG, group="edge"))
    for now in (3_559_375_000, 3_609_375_000):
        machine.step(TimePassed(), now)
    return machine, now


def answered() -> tuple[Machine, Instant]:
    machine, _ = in_backup()
    asked = 3_559_375_000
    machine.step(TimePassed(), asked)
    machine.step(EVENTS["neighbor heard"], asked)
    return machine, asked - 20 * MILLISECOND


def claiming() -> tuple[Machine, Instant]:
    machine, _ = in_backup()
    for now in (3_559_375_000, 3_609_375_000):
        machine.step(TimePassed(), now)
    return machine, now


def in_master() -> tuple[Machine, Instant]:
    machine, claimed = claiming()
    machine.step(AddressesClaimed(), claimed)
    for after_ms in (100, 500, 1000, 2000, 3000, 4000, 5000, 6000, 7000):
        machine.step(TimePassed(), claimed + after_ms * MILLISECOND)
    return machine, claimed + 7 * SECOND


def leaving() -> tuple[Machine, Instant]:
    machine, now = in_master()
    machine.step(Stopped(), now)
    return machine, now


def moving() -> tuple[Machine, Instant]:
    machine, now = in_master()
    machine.step(EVENTS["failover ordered"], now)
    return machine, now


def standing_aside() -> tuple[Machine, Instant]:
    machine, now = moving()
    machine.step(EVENTS["v4 advert, lower"], now + MILLISECOND)
    machine.step(TimePassed(), now + 101 * MILLISECOND)
    return machine, now + 101 * MILLISECOND


def in_maintenance() -> tuple[Machine, Instant]:
    machine, now = in_backup()
    machine.step(EVENTS["maintenance ordered"], now)
    return machine, now


def lingering() -> tuple[Machine, Instant]:
    machine, now = in_master()
    machine.step(EVENTS["v4 advert, higher"], now)
    return machine, now


def in_fault_by_link() -> tuple[Machine, Instant]:
    machine, now = in_backup()
    machine.step(EVENTS["link without carrier"], now)
    return machine, now


def in_fault_by_tracker() -> tuple[Machine, Instant]:
    machine, now = in_backup()
    machine.step(EVENTS["tracker down"], now)
    return machine, now


def in_fault_by_claim() -> tuple[Machine, Instant]:
    machine, now = claiming()
    machine.step(ClaimFailed("Permission denied"), now)
    return machine, now


SITUATIONS: dict[str, tuple[State, Callable[[], tuple[Machine, Instant]]]] = {
    "INIT": (State.INIT, in_init),
    "BACKUP": (State.BACKUP, in_backup),
    "BACKUP answered": (State.BACKUP, answered),
    "BACKUP ready": (State.BACKUP, ready),
    "BACKUP aside": (State.BACKUP, standing_aside),
    "MASTER claiming": (State.MASTER, claiming),
    "MASTER": (State.MASTER, in_master),
    "MASTER leaving": (State.MASTER, leaving),
    "MASTER moving": (State.MASTER, moving),
    "MASTER lingering": (State.MASTER, lingering),
    "FAULT by link": (State.FAULT, in_fault_by_link),
    "FAULT by tracker": (State.FAULT, in_fault_by_tracker),
    "FAULT by order": (State.FAULT, in_maintenance),
    "FAULT by claim": (State.FAULT, in_fault_by_claim),
}


def read_table() -> dict[tuple[str, str], tuple[str, str]]:
    """The rows of the table: (situation, event) to (actions, next deadline)."""
    rows: dict[tuple[str, str], tuple[str, str]] = {}
    situation = ""
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            situation = line.strip("[]")
        elif line and not line.startswith("#"):
            event, actions, deadline = (cell.strip() for cell in line.split("|"))
            assert (situation, event) not in rows, f"{situation}: {event} stands there twice"
            rows[situation, event] = actions, deadline
    return rows


def write_table() -> None:
    """Replace the rows by what the machine does."""
    heading = TABLE.read_text(encoding="utf-8").partition("\n[")[0]
    lines = [heading]
    for situation in SITUATIONS:
        lines += [f"[{situation}]"]
        for event in EVENTS:
            actions, deadline, _ = what_happens(situation, event)
            lines += [f"{event:<33} | {actions:<59} | {deadline}"]
        lines += [""]
    TABLE.write_text("\n".join(lines), encoding="utf-8")


def what_happens(situation: str, event: str) -> tuple[str, str, State]:
    """The two cells of one row, and the state after it."""
    state, arrange = SITUATIONS[situation]
    machine, entered = arrange()
    assert machine.state is state
    now = moment_of(event, machine, entered)
    what = EVENTS[event]
    if isinstance(what, ConfigChanged):
        what = ConfigChanged(replace(what.config, group=machine.config.group))
    actions = "; ".join(map(in_words, machine.step(what, now)))
    return actions or "-", in_seconds(machine.next_deadline(), now), machine.state


def moment_of(event: str, machine: Machine, entered: Instant) -> Instant:
    """When the event of a row happens."""
    now = entered + 50 * MILLISECOND
    if event == "time passed, due":
        return machine.next_deadline() or now
    late = {"woke 2 s late": 2, "woke 10 s late": 10, "time passed, 10 s late": 10}
    return now + late.get(event, 0) * SECOND


def in_seconds(deadline: Instant | None, now: Instant) -> str:
    if deadline is None:
        return "never"
    return f"{(Decimal(deadline - now) / SECOND).normalize():+f}"


def state_after(actions: str, before: State) -> State:
    """The state that the last reported transition leads to."""
    moves = [word for word in actions.split() if ">" in word]
    return State(moves[-1].partition(">")[2]) if moves else before


def in_words(action: Action) -> str:
    match action:
        case SendAdvert(priority=priority, checksum=ChecksumForm.PSEUDO_HEADER):
            return f"send {priority}"
        case ClaimAddresses(addresses):
            return f"claim {names(addresses)}"
        case ReleaseAddresses(addresses):
            return f"release {names(addresses)}"
        case AnnounceAddresses(addresses):
            return f"announce {names(addresses)}"
        case RenewAddresses(addresses):
            return f"renew {names(addresses)}"
        case ProbeAddresses(addresses):
            return f"probe {names(addresses)}"
        case ReportIncident(code=code):
            return f"report {code.value}"
        case ReportTransition(old=old, new=new, cause=cause):
            return f"{old.value}>{new.value} {cause.code.value}"
        case _:
            return repr(action)


def names(addresses: tuple[Vip, ...]) -> str:
    return " ".join(NAMES[address] for address in addresses)


if os.environ.get("VIPD_GOLDEN") == "write":
    write_table()
ROWS = read_table()


def test_the_table_is_complete() -> None:
    assert list(ROWS) == [(situation, event) for situation in SITUATIONS for event in EVENTS]


def test_the_table_names_every_kind_of_event() -> None:
    assert {type(event) for event in EVENTS.values()} == set(Event.__args__)


@pytest.mark.parametrize(("situation", "event"), ROWS, ids=[" / ".join(row) for row in ROWS])
def test_row(situation: str, event: str) -> None:
    actions, deadline, state = what_happens(situation, event)
    assert (actions, deadline) == ROWS[situation, event]
    assert state is state_after(actions, SITUATIONS[situation][0])
