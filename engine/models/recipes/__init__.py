"""Recipes: models as declared data, parsed, checked and tried before anything is built on them."""
