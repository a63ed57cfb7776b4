"""Models: recipes as data, signed versions, and the control records that put them in force."""
