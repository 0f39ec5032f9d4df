"""The pure codecs: bytes to values and back. No socket, no clock; nothing here raises at a peer.

`vrrp` reads and writes adverts, `arp` and `ndp` write the frames that announce an address.
What a peer got wrong is a `DropReason`, a value to count; what we got wrong is an assertion.
"""
