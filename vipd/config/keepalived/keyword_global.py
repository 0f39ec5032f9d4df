"""The keywords of global_defs, and those that stand outside of all blocks."""

from __future__ import annotations

from typing import Final

from vipd.config.keepalived.keyword import (
    FILE,
    GROUP,
    NOTHING,
    PROCESS,
    SCRIPT,
    Table,
    block,
    to,
    without,
)
from vipd.config.keepalived.keyword_instance import (
    AGAIN,
    AUTHENTICATION,
    BURST,
    GROUP_ADDRESS,
    INSTANCE,
    OTHER_LINKS,
    PARTING,
    POLLING,
    PROTOCOL,
    REFRESH,
    SAME_LIST,
    THREE,
)
from vipd.config.keepalived.keyword_lvs import BFD, LVS, LVS_ALONE

MAIL: Final = "vipd sends no mail: send it from a hook, on_any"
REALTIME: Final = f"{NOTHING}realtime = true is the default: before ordinary programs, in memory"
FIREWALL: Final = f"{NOTHING}vipd sets no firewall rules"
QUERIES: Final = "there is none: ask `vipd status --json`"
RELOADS: Final = f"{NOTHING}a configuration with errors is refused and the old one keeps running"
BUFFERS: Final = f"{NOTHING}vipd sizes its sockets by itself"
UNIT: Final = "set it in the unit of the service: systemctl edit vipd"
LABEL: Final = f"{NOTHING}it is no more than a label"
RUNAWAY: Final = f"{NOTHING}a loop that runs away is ended"
BOUNCING: Final = "there is none: a link that is down is FAULT at once, and back as BACKUP at once"
OWN_FILES: Final = f"{NOTHING}vipd has no such files"
STATIC: Final = "set what does not move in the configuration of the network"
NAMESPACE: Final = "set NetworkNamespacePath= in the unit of the service: systemctl edit vipd"

GLOBAL: Final[Table] = {
    "vrrp_version": to("version, in each instance"),
    "vrrp_garp_master_refresh": to("announce_refresh, in each instance"),
    "vrrp_startup_delay": to("startup_delay, in each instance"),
    "vrrp_delay_after_boot": to("startup_delay, in each instance", newer=True),
    "script_user": to("user, in each tracker and hook", values=2),
    "notify_fifo": to("hooks.fifo, in each instance and group", values=3),
    "vrrp_notify_fifo": to("hooks.fifo, in each instance and group", values=3),
    "default_interface": to("interface, where there is none"),
    "v3_checksum_as_v2": to('checksum = "rfc9568", in each instance', newer=True),
    "enable_script_security": to("nothing", "what others can write is never run as root", values=0),
    "dynamic_interfaces": to("nothing", "an interface may come and go", values=1),
    "vrrp_rt_priority": to("nothing", "realtime = true is the default"),
    "vrrp_no_swap": to("nothing", "realtime = true is the default", values=0),
    "vrrp_check_unicast_src": to("nothing", "only the peers are heard", values=0),
    "reload_check_config": to("nothing", "a configuration is always checked first"),
    **without(LABEL, "router_id", "process_names", "process_name", "vrrp_process_name"),
    **without(LABEL, "vmac_prefix", "vmac_addr_prefix"),
    "notification_email": block(instead=MAIL),
    **without(MAIL, "notification_email_from", "smtp_server", "smtp_helo_name"),
    **without(MAIL, "smtp_connect_timeout", "smtp_alert", "smtp_alert_vrrp", "no_email_faults"),
    **without(GROUP_ADDRESS, "vrrp_mcast_group4", "vrrp_mcast_group6"),
    **without(BURST, "vrrp_garp_master_delay", "vrrp_garp_master_repeat", "vrrp_min_garp"),
    **without(BURST, "vrrp_garp_interval", "vrrp_gna_interval"),
    **without(REFRESH, "vrrp_garp_master_refresh_repeat"),
    **without(AGAIN, "vrrp_garp_lower_prio_delay", "vrrp_garp_lower_prio_repeat"),
    **without(OTHER_LINKS, "vrrp_garp_extra_if", "vrrp_vmac_garp_intvl"),
    **without(THREE, "vrrp_down_timer_adverts"),
    **without(PROTOCOL, "vrrp_lower_prio_no_advert"),
    **without(PARTING, "vrrp_higher_prio_send_advert"),
    **without(SAME_LIST, "vrrp_skip_check_adv_addr"),
    **without(f"{NOTHING}vipd follows RFC 9568; it always accepts packets", "vrrp_strict"),
    **without(f"{NOTHING}the FIFO is told of states", "vrrp_notify_priority_changes"),
    **without(FIREWALL, "nftables", "nftables_priority", "nftables_counters", "nftables_ifindex"),
    **without(FIREWALL, "vrrp_iptables", "vrrp_ipsets", "disable_local_igmp"),
    **without(REALTIME, "max_auto_priority", "min_auto_priority_delay", "vrrp_priority"),
    **without(RUNAWAY, "vrrp_rlimit_rttime", "vrrp_rlimit_rtime"),
    **without(f"CPUAffinity=: {UNIT}", "vrrp_cpu_affinity"),
    **without(QUERIES, "snmp_socket", "enable_snmp_vrrp", "enable_snmp_rfc", "enable_snmp_rfcv2"),
    **without(QUERIES, "enable_snmp_rfcv3", "enable_snmp_keepalived", "enable_traps"),
    **without(QUERIES, "enable_dbus", "dbus_service_name"),
    **without(
        "let a service of its own read the FIFO", "notify_fifo_script", "vrrp_notify_fifo_script"
    ),
    **without(f"{NOTHING}a reload changes no state", "fifo_write_vrrp_states_on_reload"),
    **without(BUFFERS, "vrrp_netlink_cmd_rcv_bufs", "vrrp_netlink_cmd_rcv_bufs_force"),
    **without(BUFFERS, "vrrp_netlink_monitor_rcv_bufs", "vrrp_netlink_monitor_rcv_bufs_force"),
    **without(BUFFERS, "process_monitor_rcv_bufs", "process_monitor_rcv_bufs_force"),
    **without(BUFFERS, "vrrp_rx_bufs_policy", "vrrp_rx_bufs_multiplier"),
    **without(f"ExecStartPre= and ExecStopPost=: {UNIT}", "startup_script", "shutdown_script"),
    **without(UNIT, "startup_script_timeout", "shutdown_script_timeout"),
    **without(f"UMask=: {UNIT}", "umask"),
    **without("`vipd scan` shows who speaks on a link", "log_unknown_vrids"),
    **without("reload all hosts at that moment: systemctl reload vipd", "reload_time_file"),
    **without("reload all hosts at that moment: systemctl reload vipd", "reload_repeat"),
    **without(RELOADS, "reload_file"),
    **without(OWN_FILES, "tmp_config_directory", "config_save_dir", "data_use_instance"),
    **without(f"{NOTHING}the import has read all files", "include_check"),
    **without(f"{NOTHING}nothing is drawn by lot", "random_seed"),
    **without(LVS_ALONE, "lvs_sync_daemon", "lvs_timeouts", "lvs_flush", "lvs_flush_on_stop"),
    **without(LVS_ALONE, "lvs_flush_onstop", "lvs_process_name", "lvs_notify_fifo"),
    **without(LVS_ALONE, "lvs_notify_fifo_script", "lvs_netlink_cmd_rcv_bufs"),
    **without(LVS_ALONE, "lvs_netlink_cmd_rcv_bufs_force", "lvs_netlink_monitor_rcv_bufs"),
    **without(LVS_ALONE, "lvs_netlink_monitor_rcv_bufs_force", "rs_init_notifies"),
    **without(LVS_ALONE, "no_checker_emails", "smtp_alert_checker", "checker_log_all_failures"),
    **without(LVS_ALONE, "checker_process_name", "checker_priority", "checker_no_swap"),
    **without(LVS_ALONE, "checker_cpu_affinity", "checker_rt_priority", "checker_rlimit_rttime"),
    **without(LVS_ALONE, "checker_rlimit_rtime", "nftables_ipvs", "nftables_ipvs_priority"),
    **without(LVS_ALONE, "nftables_ipvs_start_fwmark", "enable_snmp_checker"),
    **without(f"{NOTHING}vipd has no BFD", "bfd_process_name", "bfd_priority", "bfd_no_swap"),
    **without(f"{NOTHING}vipd has no BFD", "bfd_cpu_affinity", "bfd_rt_priority"),
    **without(f"{NOTHING}vipd has no BFD", "bfd_rlimit_rttime", "bfd_rlimit_rtime"),
}  # fmt: skip

ROOT: Final[Table] = {
    "global_defs": block("what holds for all, in each instance"),
    "vrrp_instance": block("[instance.NAME]"),
    "vrrp_sync_group": block("[group.NAME]"),
    "vrrp_script": block('[track.NAME] with type = "script"'),
    "vrrp_track_process": block('[track.NAME] with type = "process"'),
    "track_file": block('[track.NAME] with type = "file"'),
    "vrrp_track_file": block('[track.NAME] with type = "file"'),
    "virtual_server": block(instead=LVS_ALONE),
    "virtual_server_group": block(instead=LVS_ALONE),
    "SSL": block(instead=LVS_ALONE),
    "bfd_instance": block(
        instead='there is no BFD; a tracker of type "gateway" or "ping" may do'
    ),
    "garp_group": block(instead=BURST),
    "static_ipaddress": block(instead=STATIC),
    "static_routes": block(instead=STATIC),
    "static_rules": block(instead=STATIC),
    "track_group": block(instead=STATIC),
    "linkbeat_interfaces": block(instead=POLLING),
    "interface_up_down_delays": block(instead=BOUNCING),
    **without(POLLING, "linkbeat_use_polling"),
    **without(NAMESPACE, "net_namespace", "net_namespace_ipvs", "namespace_with_ipsets"),
    **without("give each agent a control_socket of its own, under [agent]", "instance"),
    **without(OWN_FILES, "use_pid_dir"),
    **without(f"TimeoutStopSec=: {UNIT}", "child_wait_time"),
}  # fmt: skip

TABLES: Final[dict[str, Table]] = {
    "global_defs": GLOBAL,
    "vrrp_instance": INSTANCE,
    "authentication": AUTHENTICATION,
    "vrrp_sync_group": GROUP,
    "vrrp_script": SCRIPT,
    "vrrp_track_process": PROCESS,
    "track_file": FILE,
    "virtual_server": LVS,
    "bfd_instance": BFD,
    "the file itself, outside of all blocks": ROOT,
}
"""Every table, by the block that it is for."""
