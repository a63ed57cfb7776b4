"""What is in force: signed control records, the registry of model versions, keys."""
