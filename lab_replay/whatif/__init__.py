"""The same past with another model, threshold or without a range."""
