"""The metrics of instances: one table says what each is called, what it means, where it is from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from vipd.control.report import InstanceReport
from vipd.core.cause import CauseCode
from vipd.core.incident import IncidentCode
from vipd.core.model import State
from vipd.web.digest import moment

_Value: TypeAlias = Callable[[InstanceReport], float | None]
_Counts: TypeAlias = Callable[[InstanceReport], Mapping[str, int]]

_GAUGES: Final[tuple[tuple[str, str, _Value], ...]] = (
    (
        "vipd_instance_since_timestamp_seconds",
        "When the instance entered its state.",
        lambda one: moment(one.since) / 1000,
    ),
    ("vipd_instance_priority", "The configured priority.", lambda one: one.priority),
    (
        "vipd_instance_effective_priority",
        "The priority that the instance stands for election with.",
        lambda one: one.effective_priority,
    ),
    (
        "vipd_instance_priority_ordered",
        "Whether an operator has ordered another priority.",
        lambda one: one.priority_order is not None,
    ),
    (
        "vipd_instance_leaving",
        "Whether a MASTER is on its way out.",
        lambda one: one.leaving is not None,
    ),
    (
        "vipd_instance_stands_aside",
        "Whether the instance lets a weaker MASTER serve, by order.",
        lambda one: one.stands_aside,
    ),
    (
        "vipd_instance_warnings",
        "How many warnings `vipd status` shows for the instance.",
        lambda one: len(one.warnings),
    ),
    ("vipd_advert_interval_seconds", "The advert interval.", lambda one: one.advert_interval_s),
    (
        "vipd_master_down_interval_seconds",
        "The silence after which a BACKUP takes over.",
        lambda one: one.master_down_interval_s,
    ),
    (
        "vipd_master_last_advert_age_seconds",
        "The age of the last advert of the MASTER, of one's own where that is this host.",
        lambda one: one.master.age_s if one.master else None,
    ),
    (
        "vipd_peers",
        "The other agents that are known of this virtual router.",
        lambda one: len(one.peers),
    ),
    (
        "vipd_ready_peers",
        "Those of them that would take over.",
        lambda one: sum(peer.ready is True for peer in one.peers),
    ),
    ("vipd_addresses", "The virtual addresses.", lambda one: len(one.addresses)),
    (
        "vipd_addresses_held",
        "The virtual addresses that this host should have.",
        lambda one: sum(each.held for each in one.addresses),
    ),
    (
        "vipd_addresses_in_kernel",
        "The virtual addresses that the kernel of this host has.",
        lambda one: sum(each.in_kernel for each in one.addresses),
    ),
    (
        "vipd_lease_left_seconds",
        "After how long the kernel removes the first address, unless it is renewed.",
        lambda one: min(
            (each.lease_left_s for each in one.addresses if each.lease_left_s is not None),
            default=None,
        ),
    ),
)

_COUNTERS: Final[tuple[tuple[str, str, _Value], ...]] = (
    ("vipd_adverts_sent", "Adverts sent.", lambda one: one.counters.adverts_sent),
    (
        "vipd_adverts_received",
        "Adverts received and accepted.",
        lambda one: one.counters.adverts_received,
    ),
    (
        "vipd_adverts_failed",
        "Adverts that did not leave this host.",
        lambda one: one.counters.adverts_failed,
    ),
    (
        "vipd_announcements",
        "Gratuitous ARP and unsolicited neighbour advertisements: addresses announced.",
        lambda one: one.counters.announced,
    ),
    ("vipd_lease_renewals", "Leases that began anew.", lambda one: one.counters.renewed),
    (
        "vipd_claims_failed",
        "Claims of addresses, and renewals, that the kernel refused.",
        lambda one: one.counters.claims_failed,
    ),
)

_KINDS: Final[tuple[tuple[str, str, str, _Counts, Sequence[str]], ...]] = (
    (
        "vipd_transitions",
        "Changes of the state, by cause.",
        "cause",
        lambda one: one.counters.causes,
        tuple(code.value for code in CauseCode),
    ),
    (
        "vipd_incidents",
        "What happened without changing the state.",
        "code",
        lambda one: one.counters.incidents,
        tuple(code.value for code in IncidentCode),
    ),
    (
        "vipd_adverts_dropped",
        "Packets that were no valid advert for this instance.",
        "reason",
        lambda one: one.counters.dropped,
        (),
    ),
    (
        "vipd_adverts_mismatched",
        "Adverts of peers that are set up in another way, by what differs.",
        "what",
        lambda one: one.counters.mismatched,
        (),
    ),
)


def instance_families(instances: Sequence[InstanceReport]) -> Iterator[Metric]:
    """All that is said of each instance."""
    yield _about(instances)
    yield _states(instances)
    for name, text, value in _GAUGES:
        yield _fill(GaugeMetricFamily(name, text, labels=["name"]), instances, value)
    for name, text, value in _COUNTERS:
        yield _fill(CounterMetricFamily(name, text, labels=["name"]), instances, value)
    for name, text, label, counts, known in _KINDS:
        family = CounterMetricFamily(name, text, labels=["name", label])
        for one in instances:
            for kind, count in (dict.fromkeys(known, 0) | dict(counts(one))).items():
                family.add_metric([one.name, kind], count)
        yield family


def _about(instances: Iterable[InstanceReport]) -> Metric:
    family = GaugeMetricFamily(
        "vipd_instance_info",
        "What an instance is: always 1.",
        labels=["name", "interface", "vrid", "vrrp_version", "group"],
    )
    for one in instances:
        labels = [one.name, one.interface, str(one.vrid), str(one.version), one.group or ""]
        family.add_metric(labels, 1)
    return family


def _states(instances: Iterable[InstanceReport]) -> Metric:
    family = GaugeMetricFamily(
        "vipd_instance_state",
        "1 for the state that the instance is in, 0 for the others.",
        labels=["name", "state"],
    )
    for one in instances:
        for state in State:
            family.add_metric([one.name, state.value], float(one.state is state))
    return family


def _fill(
    family: GaugeMetricFamily | CounterMetricFamily,
    instances: Iterable[InstanceReport],
    value: _Value,
) -> Metric:
    for one in instances:
        if (number := value(one)) is not None:
            family.add_metric([one.name], float(number))
    return family
