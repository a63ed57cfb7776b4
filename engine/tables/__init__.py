"""Files that people have: rows of any form, what their columns hold, and the line they suggest."""
