"""Events and actions in words, one line each, for whoever reads a run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from vipd.core.actions import (
    Action,
    AnnounceAddresses,
    ClaimAddresses,
    ReleaseAddresses,
    RenewAddresses,
    ReportTransition,
    SendAdvert,
)
from vipd.core.events import (
    AddressesClaimed,
    AdvertReceived,
    ClaimFailed,
    ConfigChanged,
    Event,
    LinkChanged,
    Started,
    Stopped,
    TimePassed,
)
from vipd.core.model import LinkFacts, Vip
from vipd.core.units import format_duration


def describe_event(event: Event) -> str:
    """What happened."""
    match event:
        case Started():
            return "started"
        case Stopped():
            return "stopped"
        case TimePassed():
            return "time passed"
        case AdvertReceived(advert=advert, source=source):
            interval = format_duration(advert.interval)
            return f"advert from {source}: priority {advert.priority} every {interval}"
        case LinkChanged(link=link):
            return f"link {_describe_link(link)}"
        case AddressesClaimed():
            return "addresses claimed"
        case ClaimFailed(reason=reason):
            return f"claim failed: {reason}"
        case ConfigChanged(config=config):
            interval = format_duration(config.advert_interval)
            addresses = _list(config.addresses)
            return f"config now: priority {config.priority} every {interval}, {addresses}"
        case _:
            assert_never(event)


def describe_action(action: Action) -> str:
    """What is to be done."""
    match action:
        case SendAdvert(priority=priority, checksum=checksum):
            return f"send advert, priority {priority} ({checksum.value})"
        case ClaimAddresses(addresses):
            return f"claim {_list(addresses)}"
        case RenewAddresses(addresses, lease):
            return f"renew {_list(addresses)} for {format_duration(lease)}"
        case ReleaseAddresses(addresses):
            return f"release {_list(addresses)}"
        case AnnounceAddresses(addresses):
            return f"announce {_list(addresses)}"
        case ReportTransition(old=old, new=new, cause=cause):
            return f"report {old.value} to {new.value}: {cause}"
        case _:
            assert_never(action)


def _describe_link(link: LinkFacts) -> str:
    if not link.exists:
        return f"{link.name} is missing"
    up = "up" if link.up else "down"
    carrier = "carrier" if link.carrier else "no carrier"
    return f"{link.name} is {up}, {carrier}, MTU {link.mtu}, {link.ipv4}, {link.ipv6}"


def _list(addresses: Iterable[Vip]) -> str:
    return " ".join(map(str, addresses))
