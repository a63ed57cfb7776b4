"""What a person names (a recording, a file, a topic) becomes a history to replay."""
