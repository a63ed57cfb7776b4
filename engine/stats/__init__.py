"""Statistics of streams: pure, over arrays."""
