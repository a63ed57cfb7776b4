"""lab_replay."""
