"""Log loss: the mean of minus the logarithm of the probability given to what was so."""

from labline.lab_replay.evaluation.losses import log_losses
from labline.lab_replay.evaluation.metric import MeanMetric

#: Probabilities are clipped by `losses.LOG_LOSS_CLIP`, as river does.
METRIC = MeanMetric(
    title="log loss",
    kinds=("binary", "multiclass"),
    lower_is_better=True,
    per_event=lambda answers: log_losses(answers.score, answers.label),
)
