"""The configuration: one TOML file, one schema, every problem told at once.

A file takes this way: `load` reads it and parses TOML; `read` walks the tables by the types of
`schema` (`track_schema`, `hook_schema`), one key at a time, so that no problem hides another;
`text` and `track_text` read what stands in quotes; `secret` fetches passwords from files of their
own. What no single key can know is looked for next: `coherence` within an instance, `tracker` and
`hook` within theirs, `conflict` between instances, `reference` between names. Out comes a
`model.Config` of `vipd.core.config` values, or one `ConfigError` with all problems.

What is valid may still be wrong: `trap` (with `promotion`) finds what will not do what was meant,
`host` what this host does not have. `python -m vipd.config` reads a file for an agent that must not
wait for it, and `transfer` brings it what was read. `plan` tells two configurations apart for a
reload; `explain` makes the documentation of the trackers from their schema.

To add a key: a line in `schema`, a field of the core's, and a reader in `text` if it has a
notation of its own. To add a kind of tracker: a Struct and its name in `track_schema`, an example
in `explain`, and `vipd track --explain --markdown > docs/trackers.md`.
"""
