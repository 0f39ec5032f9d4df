"""The installation of a vipd that is there already: what systemd, man and the shells need of it.

Theory of operation. `pip` and `pipx` put the program into a place of its own; `vipd install` tells
the host about it. What is wanted follows from the program and the layout alone (`wanted`), what is
to be done follows from that, from the host and from the receipt of the last time (`plan`), and only
`hand` does it. So a dry run is the same without the last part, and to do it twice changes nothing.

The receipt has the digest of every file that was written. A file that is not as the receipt says
belongs to somebody: it is never written over without force, and never removed. What belongs to the
administrator from the beginning is not on the receipt: /etc/vipd, and what the agent keeps.

The material is that of the project's folder `systemd`, which a wheel has inside (`material`). No
network is needed. The command line brings the manual pages and the completions, because it makes
them.
"""
