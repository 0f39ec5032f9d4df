"""The machine and its kernel: clouds in which no address moves by ARP, and what vipd builds on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from vipd.core.config import HookMoment, InstanceConfig
from vipd.doctor.facts import Facts
from vipd.doctor.finding import Finding, note, ok, problem, warning

TAGS_SINCE = (5, 18)
"""The first Linux that keeps who has put an address there (IFA_PROTO)."""

_MOVING = (HookMoment.BEFORE_MASTER, HookMoment.ON_MASTER, HookMoment.ON_ANY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """A platform: how it is known, and how an address moves there.

    `signs` are words by the field of the DMI table; one that is there is enough.
    `filters` is whether a port lets nothing through but what it was told of.
    """

    name: str
    signs: tuple[tuple[str, str], ...]
    instead: str
    filters: bool = False


CLOUDS = (
    Cloud(
        name="Amazon EC2",
        signs=(
            ("sys_vendor", "Amazon EC2"),
            ("bios_vendor", "Amazon EC2"),
            ("product_version", "amazon"),
        ),
        instead="aws ec2 assign-private-ip-addresses --allow-reassignment, or an Elastic IP",
    ),
    Cloud(
        name="Google Compute Engine",
        signs=(("product_name", "Google Compute Engine"),),
        instead="gcloud compute instances network-interfaces update --aliases, or a load balancer",
    ),
    Cloud(
        name="Microsoft Azure",
        signs=(("chassis_asset_tag", "7783-7084-3265-9085-8269-3286-77"),),
        instead="az network nic ip-config, or an internal load balancer with floating IP",
    ),
    Cloud(
        name="Hetzner Cloud",
        signs=(("sys_vendor", "Hetzner"),),
        instead="hcloud floating-ip assign, or an alias IP of the private network",
    ),
    Cloud(
        name="DigitalOcean",
        signs=(("sys_vendor", "DigitalOcean"),),
        instead="doctl compute reserved-ip-action assign",
    ),
    Cloud(
        name="Oracle Cloud",
        signs=(("chassis_asset_tag", "OracleCloud.com"),),
        instead="oci network vnic assign-private-ip --unassign-if-already-assigned",
    ),
    Cloud(
        name="Alibaba Cloud",
        signs=(("sys_vendor", "Alibaba Cloud"),),
        instead="an HaVip, or aliyun ecs AssignPrivateIpAddresses",
    ),
    Cloud(
        name="Tencent Cloud",
        signs=(("sys_vendor", "Tencent Cloud"),),
        instead="an HAVIP of the VPC",
    ),
    Cloud(
        name="Vultr",
        signs=(("sys_vendor", "Vultr"),),
        instead="a reserved IP, attached by the API",
    ),
    Cloud(
        name="Linode",
        signs=(("sys_vendor", "Linode"), ("sys_vendor", "Akamai")),
        instead="IP sharing with BGP (lelastic)",
    ),
    Cloud(
        name="Scaleway",
        signs=(("sys_vendor", "Scaleway"),),
        instead="a flexible IP, attached by the API",
    ),
    Cloud(
        name="UpCloud",
        signs=(("sys_vendor", "UpCloud"),),
        instead="a floating IP, moved by the API",
    ),
    Cloud(
        name="OpenStack",
        signs=(
            ("sys_vendor", "OpenStack Foundation"),
            ("product_name", "OpenStack"),
            ("chassis_asset_tag", "OpenTelekomCloud"),
        ),
        instead="openstack port set --allowed-address ip-address=ADDRESS PORT, for both hosts",
        filters=True,
    ),
)
"""Source: the DMI strings that cloud-init and systemd-detect-virt know these platforms by."""

_FORGETFUL = (
    ("VMware", "allow forged transmits and MAC address changes on the port group"),
    ("Microsoft Corporation", "turn on MAC address spoofing for the network adapter"),
)
"""Hypervisors that drop what comes from another MAC address, unless told otherwise."""


def judge(facts: Facts) -> Iterator[Finding]:
    """The platform, then the kernel."""
    cloud = _cloud(facts.board)
    if cloud:
        yield from _of_cloud(facts, cloud)
    else:
        yield from _of_hypervisor(facts)
    yield from _of_kernel(facts)


def _cloud(board: Mapping[str, str]) -> Cloud | None:
    for cloud in CLOUDS:
        if any(word in board.get(field, "") for field, word in cloud.signs):
            return cloud
    return None


def _of_cloud(facts: Facts, cloud: Cloud) -> Iterator[Finding]:
    if cloud.filters:
        yield warning(
            code="cloud-port-security",
            what=f"this is {cloud.name}: a port drops what comes from addresses not allowed to it",
            why="virtual addresses are reached only if both ports allow them",
            hint=f"{cloud.instead}; and let IP protocol 112 in by the security group",
        )
        return
    lacking = [one for one in facts.instances if not (one.unicast and _moves(one))]
    if facts.instances and not lacking:
        what = f"this is {cloud.name}: adverts go to peers, and a hook moves the addresses"
        yield ok(code="cloud-by-hook", what=what)
        return
    make = problem if facts.instances else warning
    about = lacking[0].name if lacking else ""
    yield make(
        code="cloud-no-layer-2",
        about=about,
        what=f"this is {cloud.name}: its network carries no multicast and follows no ARP",
        why="adverts to the group are lost, and the address stays where the provider has it",
        hint="set unicast_peers, and let a hook on_master tell the provider where it is now: "
        + cloud.instead,
    )


def _moves(instance: InstanceConfig) -> bool:
    """Whether a program is told when this host becomes MASTER."""
    return any(instance.hooks.at(moment) for moment in _MOVING) or bool(instance.group)


def _of_hypervisor(facts: Facts) -> Iterator[Finding]:
    if not any(one.virtual_mac for one in facts.instances):
        return
    vendor = facts.board.get("sys_vendor", "")
    for name, advice in _FORGETFUL:
        if name in vendor:
            yield warning(
                code="hypervisor-drops-mac",
                what=f"a virtual MAC address in a virtual machine of {name}",
                why="the hypervisor drops frames from another MAC address, unless told otherwise",
                hint=advice,
            )


def _of_kernel(facts: Facts) -> Iterator[Finding]:
    kernel = facts.kernel
    if kernel.macvlan is False and any(one.virtual_mac for one in facts.instances):
        yield problem(
            code="kernel-no-macvlan",
            what=f"the kernel {kernel.release} has no macvlan, which virtual_mac needs",
            why="the instance is in FAULT",
            hint="install the modules of this kernel, or leave virtual_mac out",
            commands=("modprobe macvlan",),
        )
    if not kernel.release:
        yield note(code="kernel-not-seen", what="the version of the kernel could not be read")
    elif kernel.version < TAGS_SINCE:
        yield note(
            code="kernel-no-tags",
            what=f"Linux {kernel.release} does not keep who has put an address there",
            why='after a crash with lease = "off", vipd knows its own addresses by its '
            "configuration only",
            hint="Linux 5.18 and newer does; with a lease it hardly matters",
        )
    else:
        what = f"Linux {kernel.release} takes addresses away by itself, and knows whose they are"
        yield ok(code="kernel-good", what=what)
