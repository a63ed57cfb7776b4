"""What if: a line's past again with another model or threshold, or with records left out."""
