"""MAE: the mean absolute error."""

from labline.lab_replay.evaluation.losses import absolute_losses
from labline.lab_replay.evaluation.metric import MeanMetric

METRIC = MeanMetric(
    title="MAE",
    kinds=("regression",),
    lower_is_better=True,
    per_event=lambda answers: absolute_losses(answers.score, answers.label),
)
