"""The pure codecs: bytes to values and back. No socket, no clock; nothing here raises at a peer.

`vrrp` reads and writes adverts; `arp` and `ndp` announce an address, ask for one, and read what
others claim.
What a peer got wrong is a `DropReason`, a value to count; what we got wrong is an assertion.
"""
