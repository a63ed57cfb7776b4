"""Parity: whether the factory has done what its journal says, as its past run again shows."""
