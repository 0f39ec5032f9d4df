"""Made-up reports of everything that a status can tell, all at one moment."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from vipd.control.report import (
    AddressReport,
    AgentReport,
    ConfigReport,
    Counters,
    EffectReport,
    HookReport,
    InstanceReport,
    MasterReport,
    NextReport,
    OrderReport,
    PeerReport,
    StrangerReport,
    TrackerReport,
)
from vipd.core.model import State

NOW = "2026-01-02T03:04:05.678Z"


def addresses(
    *cidrs: str, held: bool, in_kernel: bool | None = None, interface: str = "eth0"
) -> tuple[AddressReport, ...]:
    """Addresses of an instance, in the kernel if they are held, unless it is told otherwise."""
    present = held if in_kernel is None else in_kernel
    return tuple(
        AddressReport(address=cidr, interface=interface, held=held, in_kernel=present)
        for cidr in cidrs
    )


WEB = InstanceReport(
    name="web",
    interface="eth0",
    vrid=51,
    version=3,
    state=State.MASTER,
    since="2026-01-02T01:02:03.456Z",
    cause="no advert from 192.0.2.11 (last priority 100) for 3.414 s",
    priority=150,
    effective_priority=150,
    master=MasterReport(address="192.0.2.10", priority=150, age_s=0.312),
    advert_interval_s=1.0,
    master_down_interval_s=3.4140625,
    addresses=addresses("192.0.2.100/24", "2001:db8:51::100/64", held=True),
    counters=Counters(
        adverts_sent=14_649,
        adverts_received=12,
        transitions=2,
        dropped={"ttl": 1, "checksum": 21, "vrid": 0},
    ),
)

INTERNAL = InstanceReport(
    name="internal",
    interface="eth1",
    vrid=52,
    version=3,
    state=State.BACKUP,
    since="2026-01-01T22:59:30.000Z",
    cause="started",
    priority=100,
    effective_priority=100,
    master=MasterReport(address="198.51.100.11", priority=150, age_s=0.0052),
    advert_interval_s=0.01,
    master_down_interval_s=0.036094,
    addresses=addresses("198.51.100.1/24", held=False, interface="eth1"),
    counters=Counters(adverts_received=1_465_512, transitions=1),
)


BETA = PeerReport(
    address="192.0.2.11",
    node="beta",
    state=State.BACKUP,
    priority=100,
    ready=True,
    age_s=0.412,
)
SICK = PeerReport(
    address="192.0.2.13",
    node="gamma",
    state=State.FAULT,
    priority=0,
    ready=False,
    why="nginx is down",
    age_s=0.9,
)
MUTE = PeerReport(address="192.0.2.12", priority=200, age_s=0.3)
ODD = PeerReport(
    address="192.0.2.14",
    node="delta",
    state=State.BACKUP,
    priority=150,
    ready=True,
    age_s=0.1,
    differs=("priority: 150 there and here", "preempt: false there, true here"),
)


def changed(instance: InstanceReport, **changes: object) -> InstanceReport:
    """The same but for this."""
    return msgspec.structs.replace(instance, **changes)


FAULT = changed(
    WEB,
    state=State.FAULT,
    since="2026-01-02T03:03:25.678Z",
    cause="eth0 has no carrier",
    master=MasterReport(address="192.0.2.11", priority=100, age_s=44.25),
    addresses=addresses("192.0.2.100/24", held=False, in_kernel=True),
    counters=Counters(),
)

LEAVING = changed(
    WEB,
    leaving="stopped",
    master=MasterReport(address="192.0.2.11", priority=100, age_s=0.004),
)

WARNED = changed(
    INTERNAL,
    warnings=(
        "198.51.100.1 is alive at 02:00:00:00:00:12, but no adverts: is IP protocol 112 blocked?",
        "adverts from 198.51.100.11 reach eth1, but a firewall of this host drops them",
    ),
)

INIT = changed(
    INTERNAL,
    state=State.INIT,
    since="2026-01-02T03:04:05.678Z",
    cause="not started",
    master=None,
    counters=Counters(),
)


GROUPED = changed(
    WEB,
    effective_priority=130,
    group="edge",
    track=(
        EffectReport(tracker="nginx"),
        EffectReport(tracker="uplink", weight=-20, adds=-20),
        EffectReport(tracker="spare", weight=10),
    ),
    hooks=(
        HookReport(
            moment="before_master",
            program="/etc/vipd/hooks/promote",
            ok=True,
            text="exit 0: OK",
            took_s=0.02,
            at="2026-01-02T01:02:03.400Z",
        ),
        HookReport(
            moment="on_any",
            group="edge",
            program="/etc/vipd/hooks/tell",
            ok=False,
            text="did not end within 10 s",
            took_s=10.0,
            at="2026-01-02T01:02:13.500Z",
        ),
    ),
)

UNHEALTHY = changed(
    FAULT,
    cause="nginx: 3 failures in a row: connection refused",
    addresses=addresses("192.0.2.100/24", held=False),
    track=(EffectReport(tracker="nginx"),),
)

HELD_DOWN = "held down: changed more than 5 times in 1 min; now HTTP 200"
TRACKERS = {
    "good": TrackerReport(
        name="nginx",
        kind="http",
        up=True,
        since="2026-01-02T01:02:00.000Z",
        text="HTTP 200",
        took_s=0.0012,
        next_look_s=0.35,
    ),
    "bad": TrackerReport(
        name="nginx",
        kind="http",
        up=False,
        since="2026-01-02T03:03:25.600Z",
        text="3 failures in a row: connection refused",
        took_s=0.0002,
        next_look_s=0.6604,
    ),
    "uplink": TrackerReport(
        name="uplink", kind="interface", up=False, since="2026-01-02T03:00:00.000Z", text=HELD_DOWN
    ),
    "spare": TrackerReport(
        name="spare",
        kind="file",
        up=False,
        since="2026-01-01T03:04:05.678Z",
        text="/run/spare does not exist",
    ),
}


def tracked(instance: InstanceReport, *names: str) -> AgentReport:
    """A report of an instance and of these trackers."""
    return report(instance, trackers=tuple(TRACKERS[name] for name in names))


def report(*instances: InstanceReport, **changes: object) -> AgentReport:
    """A report of these instances."""
    facts: dict[str, object] = {
        "node": "alpha",
        "version": "0.1.0",
        "generated_at": NOW,
        "uptime_s": 14_675.7,
        "instances": instances,
    }
    return AgentReport(**(facts | changes))  # type: ignore[arg-type]


SERVED = changed(WEB, peers=(BETA,))
STANDBY = changed(
    INTERNAL,
    peers=(
        PeerReport(
            address="198.51.100.11",
            node="beta",
            state=State.MASTER,
            priority=150,
            ready=True,
            age_s=0.0052,
        ),
    ),
)
LEASED = changed(
    SERVED,
    addresses=tuple(msgspec.structs.replace(each, lease_left_s=2.68) for each in WEB.addresses),
    counters=Counters(
        adverts_sent=14_649,
        adverts_received=12,
        adverts_failed=1,
        transitions=4,
        announced=20,
        renewed=4_883,
        claims_failed=1,
        dropped={"ttl": 1, "checksum": 21},
        mismatched={"interval": 3},
        causes={"started": 1, "master_silent": 2, "outranked": 1},
        incidents={"stalled": 1},
    ),
)
PREEMPTS = changed(
    INTERNAL,
    name="dns",
    priority=200,
    effective_priority=200,
    peers=(msgspec.structs.replace(MUTE, address="198.51.100.11", priority=150),),
    next=NextReport(text="preempts 198.51.100.11", in_s=12.2),
)
ASIDE = changed(
    STANDBY,
    priority=200,
    effective_priority=180,
    stands_aside=True,
    priority_order=OrderReport(
        since="2026-01-02T02:54:05.678Z",
        until="2026-01-02T03:24:05.678Z",
        reason="new kernel on beta",
        priority=180,
    ),
)
LONELY = changed(WEB, peers=(SICK, MUTE))
DRIFTED = changed(WEB, peers=(BETA, ODD))
MAINTENANCE = OrderReport(
    since="2026-01-02T02:54:05.678Z", until="2026-01-02T03:24:05.678Z", reason="new kernel"
)
STAYS_DOWN = changed(
    FAULT,
    cause="maintenance: new kernel",
    master=MasterReport(address="192.0.2.11", priority=100, age_s=0.25),
    addresses=addresses("192.0.2.100/24", held=False),
    peers=(msgspec.structs.replace(BETA, state=State.MASTER),),
)
REFUSED = ConfigReport(
    file="/etc/vipd/vipd.toml",
    loaded_at="2026-01-01T22:59:30.000Z",
    refused="instance.web.vrid: must be between 1 and 255",
)
STRANGERS = tuple(
    StrangerReport(interface="eth0", vrid=vrid, source="192.0.2.77", count=9)
    for vrid in range(70, 80)
)


def many() -> AgentReport:
    """More instances than are told one by one: two of them are not well."""
    healthy = [
        changed(SERVED if number % 2 else STANDBY, name=f"vip-{number:02}", vrid=number)
        for number in range(1, 13)
    ]
    healthy[5] = changed(FAULT, name="vip-06", peers=(BETA,))
    healthy[8] = changed(LONELY, name="vip-09")
    return report(*healthy)


TABLES: Mapping[str, AgentReport] = {
    "master-and-backup": report(SERVED, STANDBY),
    "without-hellos": report(WEB, INTERNAL),
    "fault": report(FAULT, INTERNAL),
    "init": report(INIT),
    "empty": report(),
    "disagreement": report(
        changed(SERVED, addresses=addresses("192.0.2.100/24", held=True, in_kernel=False)),
        changed(
            STANDBY,
            addresses=addresses("198.51.100.1/24", held=False, in_kernel=True, interface="eth1"),
        ),
    ),
    "stalled": report(
        changed(WEB, master=MasterReport(address="192.0.2.10", priority=150, age_s=7.5)),
        changed(INTERNAL, master=MasterReport(address="198.51.100.11", priority=150, age_s=95)),
    ),
    "handing-over": report(
        LEAVING,
        changed(LEAVING, name="api", leaving="192.0.2.11 advertises priority 200, ours is 150"),
    ),
    "warnings": report(
        WARNED,
        changed(WEB, warnings=("192.0.2.100 is claimed by 02:00:00:00:00:12 as well",)),
    ),
    "grouped": tracked(GROUPED, "good", "uplink", "spare"),
    "unhealthy": tracked(UNHEALTHY, "bad"),
    "nobody-heard": report(
        changed(WEB, master=None),
        changed(INTERNAL, master=None, effective_priority=50),
        changed(FAULT, name="api", master=None),
        changed(
            FAULT,
            name="dns",
            master=MasterReport(address="fe80::5054:ff:fe12:3456", priority=1, age_s=0),
        ),
    ),
    "preempts": report(PREEMPTS, SERVED),
    "orders": report(ASIDE),
    "peers": report(LONELY, DRIFTED),
    "maintenance": report(STAYS_DOWN, STANDBY, maintenance=MAINTENANCE),
    "maintenance-alone": report(changed(STAYS_DOWN, master=None), maintenance=MAINTENANCE),
    "refused-reload": report(SERVED, config=REFUSED, strangers=STRANGERS),
    "many": many(),
}

DETAILS: Mapping[str, AgentReport] = {
    "detail-master": report(LEASED, config=REFUSED),
    "detail-backup": report(STANDBY),
    "detail-fault": report(FAULT),
    "detail-init": report(INIT),
    "detail-handing-over": report(LEAVING),
    "detail-warnings": report(WARNED),
    "detail-grouped": tracked(GROUPED, "good", "uplink", "spare"),
    "detail-unhealthy": tracked(UNHEALTHY, "bad"),
    "detail-preempts": report(PREEMPTS),
    "detail-orders": report(ASIDE),
    "detail-peers": report(changed(LONELY, peers=(BETA, SICK, MUTE, ODD))),
    "detail-maintenance": report(STAYS_DOWN, maintenance=MAINTENANCE),
}
