"""Walking over history: the factory's fold as steps, and all candidates in one pass."""
