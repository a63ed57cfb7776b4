"""What a topic is: declared in a workspace, compared with the broker's, made as planned."""
