"""A learner at work: the model that scores and learns, its snapshots, and where they are kept."""
