"""Drift detectors: whether a series of numbers, or of values, is still what it was."""
