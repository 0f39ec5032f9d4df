"""How fast vipd is beside keepalived: measured in one run, in one lab, from outside.

Theory of operation. A measurement is done to both daemons in turn and yields readings of the same
names, which the table puts side by side. What is on the wire is timed by the kernel, as it stamps
the frames for a packet socket (`witness`): a witness that has to wait for the processor is late to
read, and not wrong. Of the daemons only /proc, their CPU clocks and their transitions are read.

    takeover   a scripted MASTER (`voice`) falls silent: how long after the protocol's limit the
               daemon speaks, and announces; start-up and memory on the way
    load       two daemons, 255 virtual routers: CPU per advert, adverts missed or late, status
    stop       a planned stop, as a client sees it
    profiling  where the CPU of an agent goes, by function
    instruction  how many instructions an event costs the pure core

The daemons are as they come, but for their names and files: vipd with its leases, its probe and
its real-time priority, keepalived without any. `capture`, `silence`, `rhythm`, `figure` and `table`
are pure and have their tests in tests/unit/bench.
"""
