"""Promotion: a model version put in a slot by one signed record."""
