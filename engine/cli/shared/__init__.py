"""What several commands share: options, progress, reports."""
