"""What an administrator knows from keepalived or FRR, and what to write here instead."""

from __future__ import annotations

import re
from typing import Final

from vipd.errors import ConfigProblem

RENAMED_KEYS = {
    "virtual_router_id": "vrid",
    "virtual_ipaddress": "addresses",
    "advert_int": "advert_interval",
    "advertisement_interval": "advert_interval",
    "garp_master_refresh": "announce_refresh",
    "vrrp_garp_master_refresh": "announce_refresh",
    "vrrp_version": "version",
    "unicast_peer": "unicast_peers",
    "unicast_src_ip": "source",
    "mcast_src_ip": "source",
    "authentication": "auth",
    "auth_type": "type",
    "auth_pass": "password",
    "use_vmac": "virtual_mac",
    "vrrp_instance": "instance",
    "vrrp_sync_group": "group",
    "sync_group": "group",
    "vrrp_script": "track",
    "vrrp_track_file": "track",
    "vrrp_track_process": "track",
    "trackers": "track",
    "tracker": "track",
    "instances": "members",
    "vrrp_startup_delay": "startup_delay",
    "script": "argv",
    "command": "argv",
    "arguments": "argv",
    "kind": "type",
    "process": "executable",
    "quorum": "minimum",
    "file": "path",
    "host": "address",
    "socket": "unix_socket",
    "status_code": "status",
    "expected_status": "status",
    "misc_timeout": "timeout",
    "connect_timeout": "timeout",
    "connect_port": "port",
    "connect_ip": "address",
    "retry": "fall",
    "notify": "on_any",
    "notify_master": "on_master",
    "notify_backup": "on_backup",
    "notify_fault": "on_fault",
    "notify_stop": "on_stop",
    "notify_fifo": "fifo",
    "vrrp_notify_fifo": "fifo",
}
"""What goes by another name here; it counts only where a table has that key."""

_REPEATED = ("delay", "repeat")
_REALTIME = "write realtime = true under [agent], or nothing: it is so where permitted"
_ANNOUNCED_AGAIN = "there is none: a MASTER that hears a weaker one announces again at once"
_ANNOUNCED_AFTER_CLAIM = "there is none: the addresses are announced six times in the first 5 s"
_AT_USE = 'it stands where the tracker is used: track = [{ name = "NAME", weight = -50 }]'
_IN_HOOKS = "it stands in the table hooks: [instance.NAME.hooks] or [group.NAME.hooks]"
_STATES = ("master", "backup", "fault", "stop")
_MOMENTS = (
    "before_master",
    "before_release",
    *(f"on_{state}" for state in _STATES),
    "on_any",
    "fifo",
)
_PGREP = 'there is none: run pgrep from a tracker of type "script"'
_SECURE = "there is none: what others can write is never run as root"
_USERS = 'write user = "NAME" in each [track.NAME] of type "script" and in each hook'


def _declared(kind: str, key: str = "") -> str:
    also = f" and {key}" if key else ""
    return f'declare [track.NAME] with type = "{kind}"{also}, and name it here: track = ["NAME"]'


def _hooked(moment: str) -> str:
    return f'write {moment} = ["/path/of/the/program"] in the table hooks below this one'


FOREIGN_KEYS = {
    "state": "there is none: the election decides, by priority",
    "nopreempt": "write preempt = false",
    "virtual_ipaddress_excluded": "list every address in addresses",
    "vrrp_rt_priority": _REALTIME,
    "vrrp_no_swap": _REALTIME,
    "vrrp_rlimit_rttime": "there is none: a loop that runs away is ended in any case",
    "vrrp_rlimit_rtime": "there is none: a loop that runs away is ended in any case",
    "vrrp_priority": "leave realtime on, or set Nice= in the unit of the service",
    "vrrp_cpu_affinity": "set CPUAffinity= in the unit of the service",
    **dict.fromkeys(
        (f"{prefix}garp_lower_prio_{what}" for prefix in ("", "vrrp_") for what in _REPEATED),
        _ANNOUNCED_AGAIN,
    ),
    **dict.fromkeys(
        (f"{prefix}garp_master_{what}" for prefix in ("", "vrrp_") for what in _REPEATED),
        _ANNOUNCED_AFTER_CLAIM,
    ),
    "track_script": _declared("script"),
    "track_interface": _declared("interface", 'interface = "eth1"'),
    "track_file": _declared("file"),
    "track_process": _declared("process"),
    "track_bfd": 'there is no BFD; a tracker of type "gateway" or "ping" may do',
    "peers": "write peer_priorities = [100], or unicast_peers for their addresses",
    "dont_track_primary": "there is none: an instance depends on its interface in any case",
    "vrrp_startup_delay": "write startup_delay in each [instance.NAME]",
    "vrrp_delay_after_boot": "write startup_delay in each [instance.NAME]",
    "global_tracking": "there is none: put the trackers on the group",
    "sync_group_tracking_weight": "there is none: weights on a group apply to all its members",
    "script_user": _USERS,
    "vrrp_script_user": _USERS,
    "enable_script_security": _SECURE,
    "weight": _AT_USE,
    "reverse": "there is none: give the tracker a weight above 0, which counts while it is up",
    "init_fail": 'write initial = "down", or nothing: it is so',
    "init_file": "there is none: write the file before the agent starts",
    "param_match": _PGREP,
    "full_command": _PGREP,
    "quorum_max": _PGREP,
    "shell": 'there is none; ask for one: argv = ["/bin/sh", "-c", "..."]',
    "notify": _hooked("on_any"),
    "notify_fifo": 'write fifo = "/path/of/the/fifo" in the table hooks below this one',
    "notify_deleted": "there is none: an instance that a reload removes has on_stop",
    "notify_master_rx_lower_pri": "there is none: on_master has run when the addresses came",
    "smtp_alert": "send mail from a hook: on_any",
    **{f"notify_{state}": _hooked(f"on_{state}") for state in _STATES},
    **dict.fromkeys(_MOMENTS, _IN_HOOKS),
}
"""What has no counterpart of one name, and what to write instead."""

FOREIGN_KINDS = {
    "exec": "script",
    "command": "script",
    "check": "script",
    "url": "http",
    "web": "http",
    "port": "tcp",
    "connect": "tcp",
    "icmp": "ping",
    "arp": "gateway",
    "nd": "gateway",
    "unit": "process",
    "service": "process",
    "systemd": "process",
    "valkey": "redis",
    "nic": "interface",
    "link": "interface",
    "cpu": "load",
    "pressure": "load",
    "drain": "file",
    "filesystem": "disk",
}
"""What other programs call a kind of tracker."""

_KEEPALIVED: Final = re.compile(
    r"""^[ \t]*(?:@\S+[ \t]+)?
    (?:(?:global_defs|vrrp_[a-z]+(?:_[a-z]+)?|track_file|virtual_server(?:_group)?|bfd_instance
    |static_[a-z]+)(?=[ \t{]|$)(?![ \t]*=) | include[abmrw]?[ \t]+\S)""",
    re.MULTILINE | re.VERBOSE,
)
"""A line that begins a block of keepalived's, or includes a file; TOML has no such line."""


def keepalived_problem(text: str, file: str) -> ConfigProblem | None:
    """What to say of a text that is no TOML, if it is a configuration of keepalived."""
    match = _KEEPALIVED.search(text)
    if match is None:
        return None
    return ConfigProblem(
        path=f"line {text.count(chr(10), 0, match.start()) + 1}",
        problem="this is a configuration of keepalived",
        hint=f"`vipd import {file}` says it in vipd's words",
    )
