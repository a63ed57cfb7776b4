"""The metrics that there are, one module each, found by the module's name.

A module defines ``METRIC``, a `labline.lab_replay.evaluation.metric.Metric`. To add one, add a
file here, its test, and the row of the table in ``docs/statistics.md`` that a test asks for.
"""

from typing import TYPE_CHECKING

from labline.engine.named_modules import NamedModules

if TYPE_CHECKING:
    from labline.lab_replay.evaluation.metric import Metric

METRICS: "NamedModules[Metric]" = NamedModules(__name__, __path__, "METRIC")

#: By kind of line, what is shown when an experiment does not say; the first decides.
DEFAULT_METRICS: dict[str, tuple[str, ...]] = {
    "binary": ("log_loss", "roc_auc", "brier", "accuracy"),
    "multiclass": ("log_loss", "accuracy", "macro_f1", "kappa"),
    "regression": ("mae", "rmse", "r2"),
    "anomaly": ("roc_auc",),
}
