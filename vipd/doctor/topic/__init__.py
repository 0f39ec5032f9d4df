"""One file for each topic: `judge(facts)` says everything that is to be said of it.

What is as it should be has one terse finding; whatever else is found stands for itself.
"""
