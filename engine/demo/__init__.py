"""The demo: real flights of 2013, from the first departure to the last landing."""
