"""Asking a host for the facts; see `vipd.doctor`."""
