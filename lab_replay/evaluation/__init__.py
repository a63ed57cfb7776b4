"""What answers were worth: metrics, curves, comparisons, and a result in words."""
