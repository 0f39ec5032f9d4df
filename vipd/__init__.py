"""vipd keeps a floating IP alive on a group of Linux hosts. Start with `core/`."""

__version__ = "0.1.0"
