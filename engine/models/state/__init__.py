"""A model's learned state as bytes and back, and the environment that it belongs to."""
