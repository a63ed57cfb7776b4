"""Pages that open offline: of an experiment, and of a line in the factory."""
