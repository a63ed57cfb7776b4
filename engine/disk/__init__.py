"""Files that are there whole or not at all, and folders that one process works in at a time."""
