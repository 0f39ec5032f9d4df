"""Packets for a person to look at: where they come from, what they say, what vipd would do.

Theory of operation. A `Frame` is what a link carried, from a capture file (`file`) or from the
wire (`source`). scapy, whose only door is `source`, finds the IP datagram in it, past whatever
link layer and VLAN tags; `packet` takes the IP headers off; `verdict` reads the message as a
contract (`Report`) and judges it with `vipd.wire`, by the very rules of the agent. `render` writes
that down, `survey` draws conclusions from many of them.

Why: Capture files are read by `file` and not by scapy, whose readers take a damaged file for one
that ends, and believe any length that stands in it.
"""
