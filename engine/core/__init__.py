"""The fold: pure, synchronous, deterministic. No client, no loop, no clock, no randomness.

A task (line × partition) takes runs of records and gives runs of emissions. The factory's
scorer, the lab and a user's own Faust app are three hosts of this same code.
"""
