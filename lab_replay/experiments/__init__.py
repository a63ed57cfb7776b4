"""Experiments: declared in files, run, measured, kept."""
