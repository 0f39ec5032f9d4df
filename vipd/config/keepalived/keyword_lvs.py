"""The keywords of LVS and BFD, which vipd does not do; they are known, so that others are told."""

from __future__ import annotations

from typing import Final

from vipd.config.keepalived.keyword import Table, without

LVS_ALONE: Final = (
    "LVS is not vipd's: let keepalived do it alone (keepalived --check), with these blocks in its "
    "file and no vrrp_ ones; or balance with HAProxy, nginx or nftables"
)
_LVS_WORDS: Final = """
lvs_sched lb_algo lvs_method lb_kind flag-1 flag-2 flag-3 sh-port sh-fallback mh-port mh-fallback
ops persistence_engine persistence_timeout persistence_granularity protocol ha_suspend smtp_alert
virtualhost snmp_name alpha omega quorum hysteresis quorum_up quorum_down ip_family sorry_server
sorry_server_inhibit sorry_server_lvs_method connect_timeout retry delay_before_retry warmup
delay_loop inhibit_on_failure real_server weight notify_up notify_down uthreshold lthreshold
connect_ip connect_port bindto bind_if bind_port fwmark log_all_failures HTTP_GET SSL_GET TCP_CHECK
SMTP_CHECK DNS_CHECK MISC_CHECK BFD_CHECK UDP_CHECK PING_CHECK FILE_CHECK http_protocol
fast_recovery url path digest status_code regex regex_no_match regex_options regex_stack
regex_min_offset regex_max_offset enable_sni helo_name type name misc_path misc_timeout
misc_dynamic user payload require_reply min_reply_length max_reply_length track_file dynamic host
nb_get_retry hashed password ca certificate key
"""
_BFD_WORDS: Final = """
neighbor_ip neighbour_ip source_ip min_rx min_tx idle_tx multiplier passive ttl hoplimit max_hops
weight vrrp checker
"""

LVS: Final[Table] = without(LVS_ALONE, *_LVS_WORDS.split())
BFD: Final[Table] = without("there is no BFD", *_BFD_WORDS.split())
