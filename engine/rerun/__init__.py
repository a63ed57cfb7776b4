"""A line's journal run again: for recovery, parity, what-if and upgrades."""
