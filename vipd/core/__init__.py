"""The pure core: it decides, and never touches the world.

`Machine.step(event, now) -> actions` is all there is to it; what is heard again and again need not
go that way (`hears_again`). No socket, no clock, no logging and no randomness live here, so
everything that is hard to get right is a function of values.

Glossary. vipd uses the names that administrators know from keepalived and FRR; RFC 9568 has
renamed some of them:

==================== ========================== ==========================================
here                 RFC 9568                   meaning
==================== ========================== ==========================================
MASTER               Active                     the router that serves the addresses
BACKUP               Backup                     a router that stands by
INIT                 Initialize                 not running
FAULT                (none)                     this host cannot serve; the cause says why
master_down_interval Active_Down_Interval       silence after which the MASTER counts as dead
skew_time            Skew_Time                  head start of higher over lower priorities
advert_interval      Advertisement_Interval     time between two adverts of this router
learned interval     Active_Adver_Interval      the interval that the MASTER advertises
VRID                 Virtual Router Identifier  1..255, one per group of hosts on a link
owner                IPvX address owner         priority 255: the addresses are its own
advert               ADVERTISEMENT              the one VRRP packet type
==================== ========================== ==========================================
"""
