"""The configuration: one TOML file, one schema, every problem told at once.

A file takes this way: `load` reads it and parses TOML; `read` walks the tables by the types of
`schema`, one key at a time, so that no problem hides another; `text` reads what stands in quotes
(durations, addresses, names); `conflict` looks for what no single key can know. Out comes a
`model.Config` of `vipd.core.config` values, or one `ConfigError` with all problems. `plan` tells
two of them apart for a reload.

To add a key: a line in `schema`, a field of the core's, and a reader in `text` if it has a
notation of its own.
"""
