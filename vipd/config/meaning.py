"""What each key of the file is for, in the words of its manual page.

What a key takes, the hint that goes with it and its default stand in the schema and in the core;
nothing of that is repeated here. The keys of trackers carry their words in `track_schema`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from msgspec import Struct

from vipd.config.hook_schema import Command, Hooks
from vipd.config.schema import Agent, Auth, Group, Instance, Use

AGENT = {
    "control_socket": "Where the agent answers `vipd status` and the other commands. What a "
    "running agent writes lies beside it",
    "state_directory": "Where the agent keeps what outlives a reboot",
    "realtime": "Whether the agent goes before ordinary programs (SCHED_RR) and stays in memory",
    "metrics": "Where the status page, the metrics for Prometheus and the health checks are served",
    "hellos": "Whether the agents tell each other that they are ready to take over",
    "hello_port": "The port of the hellos",
}

INSTANCE = {
    "interface": "Where the adverts go and the addresses are put; it may appear later",
    "vrid": "The number of the virtual router, unique on the link",
    "addresses": "The virtual IP addresses, of both families if wanted; they move together. One "
    "without a prefix is a host address, /32 or /128",
    "priority": "Who serves: the host with the highest one that is in health",
    "advert_interval": "How often the MASTER says that it serves. A BACKUP takes over when it has "
    "been silent for three of its intervals and a little more. Equal on all hosts in VRRPv2",
    "version": "The version of VRRP. Version 2 carries IPv4 only",
    "preempt": "Whether this host takes over from a weaker MASTER",
    "checksum": 'The checksum over IPv4 that is sent: "rfc5798" is that of keepalived and FRR. '
    "Both are accepted always",
    "announce_refresh": "How often the MASTER repeats its gratuitous ARP and neighbor adverts",
    "auth": "The password of VRRPv2. It protects nothing: everybody on the link can read it",
    "unicast_peers": "The hosts to speak with, where the link carries no multicast. Adverts of "
    "anybody else are dropped. Each family of the addresses needs a peer of that family",
    "source": "Where unicast adverts come from",
    "unicast_ttl": "The TTL that unicast adverts are sent with",
    "min_ttl": "The least TTL that an advert of a unicast peer may come with; it has to be given "
    "for a peer behind a router",
    "virtual_mac": "Whether the addresses are served from 00:00:5e:00:01:VRID (IPv6: "
    "00:00:5e:00:02:VRID), the same on every host of the group",
    "lease": "For how long the kernel keeps an address that the agent does not renew, as when it "
    "was killed. What fits the interval is three intervals, and at least 1 s",
    "linger": "How long a MASTER that yields serves on after its successor's first advert",
    "takeover_probe": "Whether the link is asked, before a takeover, if the addresses still answer",
    "probe_hold_max": 'For how long takeover_probe = "hold" holds back at most',
    "preempt_delay": "How long this host lets a weaker MASTER serve, from when it hears it and is "
    "in health",
    "startup_delay": "How long an instance only listens after the agent was started",
    "track": "What must be well for this host to serve: the names of trackers, each with a weight "
    "if its failure is not to be FAULT",
    "hooks": "The programs that run before and after each transition, see below",
    "peer_priorities": "What is known of the other hosts, so that `vipd check` can say which "
    "weights decide nothing",
}

GROUP = {
    "members": "The instances that are MASTER together or not at all. They have one priority",
    "track": "Trackers that count for every member",
    "hooks": "Programs that run when the group moves, once for all members",
}

AUTH = {
    "type": "The type of the authentication",
    "password": "The password",
    "password_file": "A file that has the password in it, and at most a line end behind it. A name "
    "is looked for in $CREDENTIALS_DIRECTORY, then beside the configuration",
}

USE = {
    "name": "The tracker",
    "weight": "What it adds to the priority, or takes from it",
}

HOOKS = {
    "before_master": "Runs before the addresses are claimed, and holds that up",
    "before_release": "Runs before the addresses are released, and holds that up",
    "on_master": "Runs when this host serves",
    "on_backup": "Runs when another host serves",
    "on_fault": "Runs when this host cannot serve",
    "on_stop": "Runs when the instance has stopped",
    "on_any": "Runs after every transition, whatever the new state",
    "fifo": "A FIFO that gets a line for each transition, as keepalived writes it to notify_fifo",
}

COMMAND = {
    "argv": "The program, by its absolute path, and its arguments. There is no shell",
    "timeout": "How long it may take; then it is ended",
    "user": "Who it runs as",
    "style": "What the program is told",
    "required": "For before_master: whether this host does not serve if it fails",
}

Table: TypeAlias = type[Struct]
"""A table of the file, as its schema has it."""

MEANINGS: Mapping[Table, Mapping[str, str]] = {
    Agent: AGENT,
    Instance: INSTANCE,
    Group: GROUP,
    Auth: AUTH,
    Use: USE,
    Hooks: HOOKS,
    Command: COMMAND,
}
"""By table, by key. Every key of every table is here: tests/unit/config/test_config_meaning.py."""
