"""The keywords of a vrrp_instance."""

from __future__ import annotations

from typing import Final

from vipd.config.keepalived.keyword import NOTHING, NOTIFYING, TRACKED, Table, block, to, without

BURST: Final = f"{NOTHING}after a takeover the addresses are announced six times in 5 s"
REFRESH: Final = f"{NOTHING}each refresh is one announcement"
AGAIN: Final = f"{NOTHING}a MASTER that hears a weaker one announces its addresses again at once"
PROTOCOL: Final = (
    f"{NOTHING}vipd answers a weaker advert as RFC 9568 §6.4.3 says, in VRRPv2 not at all"
)
PARTING: Final = f"{NOTHING}the winner announces its addresses by itself"
ROUTES: Final = "a hook sets them: on_master, and the other way round on_backup, on_fault, on_stop"
SAME_LIST: Final = f"{NOTHING}vipd drops no advert for the addresses in it"
THREE: Final = "there is none: a MASTER is dead after three intervals (RFC 9568 §6.1)"
GROUP_ADDRESS: Final = "vipd speaks to the protocol's own group: 224.0.0.18 and ff02::12"
POLLING: Final = f"{NOTHING}the kernel tells of the link"

OTHER_LINKS: Final = "give each of these interfaces an instance of its own"
ONCE: Final = "there is none: on_master has run when the addresses came"
ADDRESSES: Final = "those with another dev become an instance of their own, in one group with it"

INSTANCE: Final[Table] = {
    "state": to("nothing", "the election decides, by priority: there is no state to begin with"),
    "interface": to("interface"),
    "virtual_router_id": to("vrid"),
    "priority": to("priority"),
    "advert_int": to("advert_interval"),
    "version": to("version", "keepalived's default is 2, vipd's is 3"),
    "virtual_ipaddress": block("addresses", ADDRESSES),
    "virtual_ipaddress_excluded": block("addresses", "here they are advertised like the others"),
    "authentication": block('auth = { type = "pass", ... }', "VRRPv2 only; AH is not supported"),
    "nopreempt": to("preempt = false", values=0),
    "preempt": to("preempt = true", values=0),
    "preempt_delay": to("preempt_delay"),
    "unicast_peer": block("unicast_peers", "min_ttl becomes min_ttl"),
    "unicast_src_ip": to("source"),
    "mcast_src_ip": to("source, with unicast_peer", "multicast comes from the interface's own"),
    "unicast_ttl": to("unicast_ttl"),
    "use_vmac": to("virtual_mac = true", "the name and the address are vipd's", values=None),
    "garp_master_refresh": to("announce_refresh"),
    "v3_checksum_as_v2": to('checksum = "rfc9568"', newer=True),
    "accept": to("nothing", "vipd always accepts packets to its addresses", values=0),
    "native_ipv6": to("nothing", "the addresses tell the family", values=0),
    **TRACKED,
    **NOTIFYING,
    **without(
        "there is none: drop packets to the address in the firewall, but for ICMP", "no_accept"
    ),
    **without(f"{NOTHING}vipd sends its adverts from the interface itself", "vmac_xmit_base"),
    **without(OTHER_LINKS, "use_vmac_addr"),
    **without("there is none; virtual_mac = true is the nearest", "use_ipvlan"),
    **without("there is none: name the interface that leads to the peers", "vrf"),
    **without("there is none: an interface that is down is FAULT", "dont_track_primary"),
    **without(f"{NOTHING}a source that is missing is FAULT in any case", "track_src_ip"),
    **without(f"{NOTHING}adverts of anybody but the peers are dropped", "check_unicast_src"),
    **without(f"{NOTHING}without peers it is multicast", "unicast_fault_no_peer"),
    **without(f"{NOTHING}both forms of the checksum are accepted", "old_unicast_checksum"),
    **without(GROUP_ADDRESS, "mcast_dst_ip"),
    **without(BURST, "garp_master_delay", "garp_master_repeat"),
    **without(REFRESH, "garp_master_refresh_repeat"),
    **without(AGAIN, "garp_lower_prio_delay", "garp_lower_prio_repeat"),
    **without(OTHER_LINKS, "garp_extra_if"),
    **without(THREE, "down_timer_adverts"),
    **without(PROTOCOL, "lower_prio_no_advert"),
    **without(PARTING, "higher_prio_send_advert"),
    **without(SAME_LIST, "skip_check_adv_addr"),
    **without(f"{NOTHING}vipd follows RFC 9568; it always accepts packets", "strict_mode"),
    **without(f"{NOTHING}an address that is taken away is put back", "promote_secondaries"),
    "virtual_routes": block("hooks, by hand", ROUTES),
    "virtual_rules": block("hooks, by hand", ROUTES),
    **without(ONCE, "notify_master_rx_lower_pri"),
    **without("LVS is not vipd's: see virtual_server", "lvs_sync_daemon_interface"),
    **without(POLLING, "linkbeat_use_polling"),
    **without(f"{NOTHING}vipd sizes its sockets by itself", "kernel_rx_buf_size"),
    **without(f"{NOTHING}`vipd status` tells", "debug"),
    **without("an instance needs an address here", "no_virtual_ipaddress", newer=True),
    **without(f"{NOTHING}vipd listens again after a stall", "timer_expired_backup", newer=True),
    **without(f"{NOTHING}an owner listens to adverts", "owner_ignore_adverts", newer=True),
    **without("there is none; keep the adverts on a link of your own", "auth_hmac", newer=True),
}  # fmt: skip

AUTHENTICATION: Final[Table] = {
    "auth_type": to('auth.type = "pass"'),
    "auth_pass": to("auth.password"),
}
