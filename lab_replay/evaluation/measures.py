"""The metrics that there are: their titles, which way is better, and for which lines."""

import difflib
from collections.abc import Iterable
from typing import NamedTuple


class Measure(NamedTuple):
    """How a metric is called, which way is better, how many digits people want, and for what.

    Attributes
    ----------
    kinds
        The kinds of lines that it is for.
    """

    title: str
    lower_is_better: bool
    digits: int
    kinds: tuple[str, ...]


_YES_NO, _SEVERAL, _NUMBER, _ODD = ("binary",), ("binary", "multiclass"), ("regression",), "anomaly"
MEASURES: dict[str, Measure] = {
    "log_loss": Measure("log loss", True, 4, _SEVERAL),
    "roc_auc": Measure("ROC AUC", False, 4, (*_YES_NO, _ODD)),
    "brier": Measure("Brier score", True, 4, _SEVERAL),
    "accuracy": Measure("accuracy", False, 4, _SEVERAL),
    "f1": Measure("F1", False, 4, _YES_NO),
    "macro_f1": Measure("macro F1", False, 4, ("multiclass",)),
    "kappa": Measure("kappa", False, 4, _SEVERAL),
    "calibration_error": Measure("calibration error", True, 4, _YES_NO),
    "mae": Measure("MAE", True, 4, _NUMBER),
    "rmse": Measure("RMSE", True, 4, _NUMBER),
    "r2": Measure("R²", False, 4, _NUMBER),
}
#: What is shown when an experiment does not say; the first decides.
DEFAULTS: dict[str, tuple[str, ...]] = {
    "binary": ("log_loss", "roc_auc", "brier", "accuracy"),
    "multiclass": ("log_loss", "accuracy", "macro_f1", "kappa"),
    "regression": ("mae", "rmse", "r2"),
    "anomaly": ("roc_auc",),
}


def nearest(name: str, known: Iterable[str]) -> str:
    """Return what to write instead of a name that is not known.

    Examples
    --------
    >>> nearest("log_los", ["log_loss", "brier"]), nearest("x", ["a", "b"])
    ('did you mean log_loss?', 'known: a, b')
    """
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {near[0]}?" if near else f"known: {', '.join(names)}"
