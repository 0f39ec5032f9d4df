"""What this host knows of itself: trackers, one kind per file, behind one interface.

Theory of operation. A tracker looks at one thing and reports what it saw, an `Outcome` per look; it
decides nothing. `verdict` judges a row of outcomes (rise, fall, flaps) and says whether the tracker
is up; what that means to an instance is for the core to say.

Two sorts of tracker exist. Where the kernel tells of changes, the tracker waits for them (file,
process). All else is looked at time and again: such a kind is a `Checker`, which knows one look and
nothing of time; `polling` paces it and bounds how long a look may take. `registry` makes a tracker
from its configuration and loads the code of its kind only then.

All of it runs on the loop that sends the adverts. So nothing here may wait for anything there: what
could block is left to a child or to a thread.
"""
