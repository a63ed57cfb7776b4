"""What was recorded of topics, exactly: made, read, redacted and published again."""
