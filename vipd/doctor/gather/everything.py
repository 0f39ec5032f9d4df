"""All facts of a host, within a bounded time.

Order: the agent is asked first, because what is heard on the link is judged by what it serves;
while somebody listens, the rest is asked for.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from vipd.capture.survey import Own, Survey
from vipd.config.host import host_problems
from vipd.config.load import load
from vipd.config.model import DEFAULT_PATH, default_control_socket
from vipd.config.trap import traps
from vipd.core.config import InstanceConfig
from vipd.core.units import SECOND
from vipd.doctor.facts import Configuration, Facts, Link, Unseen
from vipd.doctor.gather.daemon import daemons
from vipd.doctor.gather.limit import MOST_INTERFACES, listening_time
from vipd.doctor.gather.link import links, main_interfaces, routes
from vipd.doctor.gather.network import managers, mentions
from vipd.doctor.gather.platform import board, kernel, settings
from vipd.doctor.gather.process import rights
from vipd.doctor.gather.rule import rules
from vipd.doctor.port import Answer, Host, Place
from vipd.errors import ConfigError, ConfigProblem

STATE_DIRECTORY = "/var/lib/vipd"
"""Where the agent keeps what must outlive a reboot, when systemd does not say."""

UNIT = "vipd.service"
_SYSTEMD = "/run/systemd/system"
"""It is there where systemd is what the host was booted with. Source: sd_booted(3)."""

_PROPERTIES = (
    "LoadState,UnitFileState,ActiveState,SubState,Result,NRestarts,Restart,User,MainPID,"
    "CapabilityBoundingSet,AmbientCapabilities,CPUSchedulingPolicy,LimitRTPRIO,"
    "LimitMEMLOCK,FragmentPath"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be looked at. Without names: every instance; without a file: the usual one."""

    file: Path | None = None
    names: tuple[str, ...] = ()
    socket: Path | None = None
    listens: bool = True


def gather(host: Host, wish: Wish) -> Facts:
    """Ask for everything. Raises: ConfigError, when there is no instance of a name."""
    configuration = _configuration(host, wish)
    instances = _chosen(configuration, wish.names)
    socket = wish.socket or _socket(configuration)
    agent = host.ask(socket)
    found = links(host)
    seen = () if isinstance(found, Unseen) else found
    interfaces = tuple(dict.fromkeys(one.interface for one in instances))
    if not instances:
        interfaces = main_interfaces(host, seen)
    with ThreadPoolExecutor(MOST_INTERFACES) as pool:
        heard = _listen(host, pool, wish, _ears(instances, interfaces, agent, seen))
        facts = Facts(
            configuration=configuration,
            instances=instances,
            interfaces=interfaces,
            socket=socket,
            agent=agent,
            links=found,
            rules=rules(host),
            settings=settings(host, interfaces),
            routes=routes(host, instances, [one for one in seen if one.name in interfaces]),
            places=_places(host, socket),
            root=host.user() == 0,
        )
        facts = _with_the_system(host, _with_the_machine(host, facts), seen)
        return replace(facts, heard={name: future.result() for name, future in heard.items()})


def _with_the_machine(host: Host, facts: Facts) -> Facts:
    """Add what is the same for every network namespace."""
    return replace(
        facts,
        daemons=daemons(host),
        kernel=kernel(host),
        clock_is_set=host.clock_is_set(),
        board=board(host),
    )


def _with_the_system(host: Host, facts: Facts, seen: Sequence[Link]) -> Facts:
    """Add what the host's services have to do with us.

    Why: they know nothing of another network namespace than the host's own.
    """
    apart = _own_namespace(host)
    unit = None if apart else _unit(host)
    report = facts.agent.report
    vips = {str(vip.ip) for one in facts.instances for vip in one.addresses}
    return replace(
        facts,
        own_namespace=apart,
        unit=unit,
        rights=rights(host, report.pid if report else 0, {} if isinstance(unit, Unseen) else unit),
        managers=managers(host, () if apart else seen),
        mentions=() if apart else mentions(host, sorted(vips)),
    )


# -- the configuration ------------------------------------------------------------------------


def _configuration(host: Host, wish: Wish) -> Configuration:
    path = wish.file or DEFAULT_PATH
    place = _place(host, str(path))
    try:
        config = load(path)
    except ConfigError as error:
        return Configuration(
            path=path,
            given=wish.file is not None,
            exists=place is not None,
            problems=error.problems,
            place=place,
        )
    return Configuration(
        path=path,
        given=wish.file is not None,
        config=config,
        missing_here=host_problems(config),
        traps=traps(config),
        place=place,
    )


def _chosen(configuration: Configuration, names: Sequence[str]) -> tuple[InstanceConfig, ...]:
    """Why: of a file that cannot be used nobody knows which names it has."""
    instances = configuration.config.instances if configuration.config else ()
    known = {one.name for one in instances}
    if known and (unknown := [name for name in names if name not in known]):
        there = f"there is: {', '.join(sorted(known))}"
        problem = ConfigProblem(path="", problem=f"has no instance {unknown[0]!r}", hint=there)
        raise ConfigError(str(configuration.path), [problem])
    return tuple(one for one in instances if not names or one.name in names)


def _socket(configuration: Configuration) -> Path:
    if configuration.config:
        return configuration.config.agent.control_socket
    return default_control_socket(os.environ)


# -- the link -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Ear:
    """One interface to listen on, for how long, and what we have there."""

    interface: str
    seconds: float
    own: tuple[Own, ...]


def _ears(
    instances: Sequence[InstanceConfig],
    interfaces: Sequence[str],
    agent: Answer,
    seen: Sequence[Link],
) -> Iterator[Ear]:
    """Where one can listen: an interface that is not there has a finding of its own."""
    there = {link.name for link in seen if "UP" in link.flags}
    for name in [one for one in interfaces if one in there][:MOST_INTERFACES]:
        mine = [one for one in instances if one.interface == name]
        seconds = listening_time(tuple(one.advert_interval for one in mine)) / SECOND
        yield Ear(interface=name, seconds=seconds, own=tuple(_own(one, agent) for one in mine))


def _listen(
    host: Host, pool: ThreadPoolExecutor, wish: Wish, ears: Iterable[Ear]
) -> dict[str, Future[Survey | str]]:
    """Begin to listen, everywhere at once."""
    return {
        ear.interface: pool.submit(host.listen, ear.interface, ear.seconds, ear.own)
        for ear in ears
        if wish.listens
    }


def _own(instance: InstanceConfig, agent: Answer) -> Own:
    reports = agent.report.instances if agent.report else ()
    state = next((one.state.value for one in reports if one.name == instance.name), "not running")
    addresses = tuple(str(vip.ip) for vip in instance.addresses)
    return Own(name=instance.name, vrid=instance.vrid, state=state, addresses=addresses)


# -- the host -----------------------------------------------------------------------------------


def _unit(host: Host) -> Mapping[str, str] | Unseen | None:
    """What systemd says of the service; None where there is no systemd."""
    if not host.names(_SYSTEMD):
        return None
    said = host.run("systemctl", "show", UNIT, f"--property={_PROPERTIES}")
    if said.failure:
        return Unseen(why=f"systemctl: {said.failure}", root=False)
    pairs = (line.partition("=") for line in said.text.splitlines())
    return {key: value for key, _, value in pairs}


def _own_namespace(host: Host) -> bool:
    """Whether we are in another network namespace than the host's first process.

    Why: what manages the interfaces of the host knows nothing of ours then.
    """
    with suppress(OSError):
        return host.link("/proc/1/ns/net") != host.link("/proc/self/ns/net")
    return False


def _places(host: Host, socket: Path) -> Mapping[str, Place]:
    """The directories that an agent writes to, as far as they are there."""
    wanted = (str(socket.parent), STATE_DIRECTORY)
    return {path: found for path in wanted if (found := _place(host, path)) is not None}


def _place(host: Host, path: str) -> Place | None:
    with suppress(OSError):
        return host.place(path)
    return None
