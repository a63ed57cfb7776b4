"""Accuracy: the share of right answers; a probability at the threshold is a yes."""

from labline.lab_replay.evaluation.metric import MeanMetric

METRIC = MeanMetric(
    title="accuracy",
    kinds=("binary", "multiclass"),
    lower_is_better=False,
    per_event=lambda answers: answers.right,
    of_decisions=True,
)
