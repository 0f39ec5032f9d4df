"""The chaos suite: what two hosts and a client go through, for vipd and for keepalived alike.

Theory of operation. A `Play` is one scenario, at one interval, done again and again to one kind of
daemon on a `Stage`: two hosts and a client on a switch of their own. Each time, what could be seen
from outside the daemons becomes a `Seen`: the client's outage (`vipd.lab.probe`), which hosts had
the address in their kernels, and where the client's kernel would send its packets (`Watch`). What
vipd must reach is a `Bound`, and `misses` compares. Plays run side by side, each in a thread and a
lab of its own.

    PYTHONPATH=tests/support .venv/bin/python -m chaos      # both daemons, everything, one table

`tests/system/chaos` does the same in miniature, for vipd alone.
"""
