"""What an event is: schemas and their versions, constraints, and formats of values."""
