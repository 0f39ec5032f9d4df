"""A whole failover lab in network namespaces: what `vipd demo` and the system tests stand on.

Nothing is imported here, so that `python -m vipd.lab.probe` starts fast.
"""
