"""The factory's own past: re-run and compared, or changed to see what would have been."""
