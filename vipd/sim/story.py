"""Events and actions in words, one line each, for whoever reads a run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from vipd.core import actions, events
from vipd.core.config import InstanceConfig
from vipd.core.model import LinkFacts, Vip
from vipd.core.units import format_duration


def describe_turn(event: events.Event, done: Iterable[actions.Action]) -> str:
    """What happened, and what was made of it."""
    return f"{describe_event(event)}  ->  {'; '.join(map(describe_action, done)) or '-'}"


def describe_event(event: events.Event) -> str:  # noqa: C901  (one line for each event)
    """What happened."""
    match event:
        case events.Started(spoke=spoke):
            return "started" if spoke is None else f"restarted, last spoke at {spoke / 1e9:.6f} s"
        case events.Stopped(at_once=at_once):
            return "stopped at once" if at_once else "stopped"
        case events.TimePassed():
            return "time passed"
        case events.AdvertReceived(advert=advert, source=source):
            interval = format_duration(advert.interval)
            return f"advert from {source}: priority {advert.priority} every {interval}"
        case events.WokeLate(by=by):
            return f"woke {format_duration(by)} late"
        case events.NeighborHeard(address=address, mac=mac):
            return f"{address} is at {mac.hex(':')}"
        case events.AddressesDrifted(what=what):
            return f"drift: {what}"
        case events.TrackReported(name=name, up=up, text=text, weight=weight):
            number = "" if weight is None else f", weight {weight}"
            return f"tracker {name} is {'up' if up else 'down'}{number}: {text}"
        case events.HooksAnswered(moment=moment, fault=fault):
            return f"hooks {moment.value} have run: {fault or 'well'}"
        case events.GroupAgreed():
            return "group agreed"
        case events.GroupLost(why=why) | events.GroupFailed(why=why):
            return f"group: {why}"
        case events.GroupRecovered():
            return "group recovered"
        case events.LinkChanged(link=link):
            return f"link {_describe_link(link)}"
        case events.AddressesClaimed():
            return "addresses claimed"
        case events.ClaimFailed(reason=reason):
            return f"claim failed: {reason}"
        case events.ConfigChanged(config=config):
            return f"config now: {_describe_config(config)}"
        case events.OrdersGiven() | events.FailoverOrdered() | events.AnnouncementOrdered():
            return _describe_order(event)
        case _:
            assert_never(event)


def _describe_config(config: InstanceConfig) -> str:
    interval, addresses = format_duration(config.advert_interval), _list(config.addresses)
    return f"priority {config.priority} every {interval}, {addresses}"


def _describe_order(order: events.Order) -> str:
    match order:
        case events.OrdersGiven(orders=orders):
            return f"orders: maintenance {orders.maintenance}, priority {orders.priority}"
        case events.FailoverOrdered(why=why):
            return f"failover: {why}"
        case events.AnnouncementOrdered():
            return "announcement ordered"


def describe_action(action: actions.Action) -> str:  # noqa: C901  (one line for each action)
    """What is to be done."""
    match action:
        case actions.SendAdvert(priority=priority, checksum=checksum, first_only=first_only):
            where = ", first family only" if first_only else ""
            return f"send advert, priority {priority} ({checksum.value}){where}"
        case actions.ClaimAddresses(addresses):
            return f"claim {_list(addresses)}"
        case actions.RenewAddresses(addresses, lease):
            return f"renew {_list(addresses)} for {format_duration(lease)}"
        case actions.ReleaseAddresses(addresses):
            return f"release {_list(addresses)}"
        case actions.AnnounceAddresses(addresses):
            return f"announce {_list(addresses)}"
        case actions.ProbeAddresses(addresses):
            return f"probe {_list(addresses)}"
        case actions.DoubtFirewall():
            return "doubt the firewall"
        case actions.AskHooks(moment=moment, report=report):
            return f"ask hooks {moment.value}, to be {report.new.value}"
        case actions.CallOffHooks():
            return "call off hooks"
        case actions.ReportIncident(code=code, text=text):
            return f"report {code.value}: {text}"
        case actions.ReportTransition(old=old, new=new, cause=cause):
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
