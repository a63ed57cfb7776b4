"""Brier score: the mean squared difference of probability and label, summed over the classes."""

from labline.lab_replay.evaluation.losses import brier_losses
from labline.lab_replay.evaluation.metric import MeanMetric

METRIC = MeanMetric(
    title="Brier score",
    kinds=("binary", "multiclass"),
    lower_is_better=True,
    per_event=lambda answers: brier_losses(answers.score, answers.label),
)
