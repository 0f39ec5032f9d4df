"""What would stop this host from failing over: `vipd doctor`.

Theory of operation. First the facts, then the judgement.

- `gather` asks this host: files of /proc and /sys, a few programs that only read, the control
  socket, and the link, where it listens for a moment. All of it goes through `port.Host`, so that a
  test can be any host. What may not be seen is a fact as well: `facts.Unseen`.
- `topic` has one file for each topic, with a pure function `judge(facts) -> findings`; `registry`
  lists them in the order in which they are told.
- `finding` is what is said: a stable code, how grave it is, what, why it matters, what mends it.
- `ruleset` reads firewall rules and follows an advert through them.

Nothing is ever changed, and nothing takes long: `gather.limit` has the limits.

To add a check: a fact in `facts`, its gathering, a finding in the topic's `judge`, its code in
docs/doctor.md, and a row in the topic's test. To add a topic: its file and a line in `registry`.
"""
