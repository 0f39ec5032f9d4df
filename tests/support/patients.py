"""Facts of hosts that are well, for tests that change one of them."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_interface
from pathlib import Path
from typing import Any

from vipd.capture.survey import Own, Speaker, Survey, VirtualRouter
from vipd.config.model import AgentConfig, Config
from vipd.control.report import AddressReport, AgentReport, Counters, InstanceReport
from vipd.core.config import InstanceConfig, Unicast
from vipd.core.model import Family, State
from vipd.core.units import SECOND
from vipd.doctor.facts import Address, Configuration, Facts, Kernel, Link, Rights
from vipd.doctor.finding import Severity
from vipd.doctor.port import Answer, Place
from vipd.doctor.registry import Judge

FILE = Path("/etc/vipd/vipd.toml")
SOCKET = Path("/run/vipd/control.sock")
MAY_ALL = frozenset({"CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_SETUID", "CAP_SETGID", "CAP_KILL"})
USABLE = frozenset({"UP", "LOWER_UP", "BROADCAST", "MULTICAST"})


def instance(**changes: Any) -> InstanceConfig:  # noqa: ANN401 (any field of it)
    """An instance of both families."""
    plain: dict[str, Any] = {
        "name": "web",
        "interface": "eth0",
        "vrid": 51,
        "addresses": ("192.0.2.100/24", "2001:db8::100/64"),
    }
    fields = plain | changes
    fields["addresses"] = tuple(map(ip_interface, fields["addresses"]))
    return InstanceConfig(**fields)


def unicast(*peers: str) -> Unicast:
    return Unicast(peers=tuple(map(ip_address, peers)))


def link(*addresses: str, **changes: Any) -> Link:  # noqa: ANN401 (as above)
    """An interface that can be used."""
    own = addresses or ("192.0.2.11/24", "2001:db8::11/64", "fe80::11/64")
    fields: dict[str, Any] = {
        "name": "eth0",
        "index": 2,
        "flags": USABLE,
        "addresses": tuple(Address(vip=ip_interface(one)) for one in own),
    }
    return Link(**(fields | changes))


def without(*flags: str) -> frozenset[str]:
    return USABLE - set(flags)


def settings(**changes: int) -> dict[str, int]:
    """Kernel settings as they should be; a change is written as ipv4_conf_eth0_rp_filter."""
    good = {"ipv4/ip_nonlocal_bind": 1, "ipv6/ip_nonlocal_bind": 1}
    good |= {"ipv4/conf/eth0/promote_secondaries": 1, "ipv6/conf/eth0/accept_dad": 1}
    return good | {name.replace("_", "/", 3): value for name, value in changes.items()}


def config(*instances: InstanceConfig, **changes: Any) -> Config:  # noqa: ANN401 (as above)
    runtime, state = SOCKET.parent, Path("/var/lib/vipd")
    agent = AgentConfig(control_socket=SOCKET, runtime_directory=runtime, state_directory=state)
    if "realtime" in changes:
        agent = replace(agent, realtime=changes.pop("realtime"))
    return Config(agent=agent, instances=instances, **changes)


def report(state: State = State.BACKUP, *, held: bool = False, **changes: Any) -> InstanceReport:  # noqa: ANN401 (as above)
    """What an agent tells of `instance()`."""
    fields: dict[str, Any] = {
        "name": "web",
        "interface": "eth0",
        "vrid": 51,
        "version": 3,
        "state": state,
        "since": "2026-01-02T03:04:05.000Z",
        "cause": "heard a better one",
        "priority": 100,
        "effective_priority": 100,
        "master": None,
        "advert_interval_s": 1.0,
        "master_down_interval_s": 3.6,
        "counters": Counters(),
        "addresses": tuple(
            AddressReport(address=one, interface="eth0", held=held, in_kernel=held)
            for one in ("192.0.2.100/24", "2001:db8::100/64")
        ),
    }
    return InstanceReport(**(fields | changes))


def answer(*instances: InstanceReport, **changes: Any) -> Answer:  # noqa: ANN401 (as above)
    """What an agent answers."""
    fields: dict[str, Any] = {
        "node": "here",
        "version": "0.5.0",
        "generated_at": "2026-01-02T03:04:05.000Z",
        "uptime_s": 60.0,
        "pid": 42,
    }
    return Answer(report=AgentReport(instances=instances or (report(),), **(fields | changes)))


def speaker(source: str = "192.0.2.12", **changes: Any) -> Speaker:  # noqa: ANN401 (as above)
    """A router that serves `instance()` in IPv4."""
    fields: dict[str, Any] = {
        "version": 3,
        "priority": 150,
        "interval_s": 1.0,
        "addresses": ("192.0.2.100",),
        "auth_type": None,
        "adverts": 3,
        "first": 0,
        "last": 2 * SECOND,
        "ours": False,
        "speaking": True,
    }
    return Speaker(source=source, **(fields | changes))


def survey(*speakers: Speaker, vrid: int = 51, **changes: Any) -> Survey:  # noqa: ANN401 (as above)
    """What was heard of one VRID in IPv4."""
    own = Own(name="web", vrid=51, state="BACKUP", addresses=("192.0.2.100",))
    router = VirtualRouter(
        vrid=vrid,
        family=Family.IPV4,
        speakers=speakers,
        instance=own if vrid == 51 else None,
    )
    fields: dict[str, Any] = {"conflicts": (), "free_vrids": (52, 53), "unread": 0}
    return Survey(routers=(router,), **(fields | changes))


def facts(*instances: InstanceConfig, **changes: Any) -> Facts:  # noqa: ANN401 (as above)
    """A host on which all is well and an agent runs; without instances as told, one."""
    chosen = instances or (instance(),)
    fields: dict[str, Any] = {
        "configuration": Configuration(
            path=FILE, config=config(*chosen), place=Place(mode=0o100640)
        ),
        "instances": chosen,
        "interfaces": tuple(dict.fromkeys(one.interface for one in chosen)),
        "socket": SOCKET,
        "agent": answer(),
        "rights": Rights(
            whose="the agent", capabilities=MAY_ALL, real_time=True, memory=True, runs=True
        ),
        "links": (link(),),
        "settings": settings(),
        "kernel": Kernel(release="6.1.0-18-amd64", macvlan=True, rt_runtime_us=950_000),
        "clock_is_set": True,
    }
    return Facts(**(fields | changes))


def bare(**changes: Any) -> Facts:  # noqa: ANN401 (as above)
    """A host without a configuration."""
    nothing = Configuration(path=FILE, exists=False)
    plain = {"instances": (), "interfaces": ("eth0",), "agent": Answer(reached=False)}
    return facts(**({"configuration": nothing, **plain} | changes))


def codes(judge: Judge, seen: Facts) -> list[str]:
    """What a topic says, as `severity code`; what is well is left out."""
    return [
        f"{one.severity.value} {one.code}" for one in judge(seen) if one.severity is not Severity.OK
    ]


def good(judge: Judge, seen: Facts) -> list[str]:
    """What a topic says to be well."""
    return [one.code for one in judge(seen) if one.severity is Severity.OK]
