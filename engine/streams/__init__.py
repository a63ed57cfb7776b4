"""Faust for users: topics of the catalogue in agents of their own."""
