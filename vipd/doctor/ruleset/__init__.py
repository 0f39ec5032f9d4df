"""Firewall rules as values, and what becomes of an advert that meets them.

Theory of operation. Two front ends read what the kernel has: `nft` the JSON of `nft -j list
ruleset`, `iptables` the text of `iptables-save`. Both give tables of chains of rules (`model`).
`walk` sends an advert (`packet`) through every base chain that is in its way and follows jumps and
gotos as the kernel does.

What a rule asks may not be known of an advert that is only imagined: its mark, the rate of a limit,
a set that another program keeps. Then the rule may match or may not, both ways are followed, and
the answer has three values: passes, is dropped, cannot be told. A certain answer is certain; the
third one names the rule that it hangs on. tests/system/test_doctor_firewall.py compares the answers
with what a kernel does to real adverts.

iptables-nft keeps its rules in tables of nftables, with matches that only iptables can show: those
tables are taken from `iptables-save` and left out of what nft says (`rules.assemble`).
"""
