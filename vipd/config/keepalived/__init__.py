"""keepalived's configuration, read as keepalived reads it and said in vipd's words.

A text takes this way: `source` makes lines of it, with includes, conditions and definitions done;
`lexis` makes words of a line; `parse` makes a tree of statements and blocks (`tree` can write it
back). From there on the words have a meaning: `keyword` and its siblings
know every one of them, and what becomes of it here. `body` reads a block by such a table. `setting`
reads what holds for all, `address`, `unicast`, `election` and `instance` an instance, `tracker`
what is watched, `command` and `hook` what is run, `group` what moves together. `toml` writes the
result, and `convert` does all of it and judges the outcome as `vipd check` does.

Two rules decide what an import means. What keepalived does with a file counts, not what the file
looks like: defaults, roundings and what it ignores are keepalived 2.2's. And nothing is dropped in
silence: each statement leaves a note in the `ledger`, as carried over, as carried with a different
meaning, or as not carried, with what to do instead.

All of it is text in, values out. Files are opened by a function that is passed in.
"""
