"""The first recipes to compare on somebody's own data, by kind of line."""

from typing import Any

from labline.engine.core.kinds import DEFAULT_KIND, KINDS
from labline.engine.core.line import Kind
from labline.engine.errors import LablineError

METRICS: dict[Kind, str] = {
    "binary": "log_loss, roc_auc",
    "multiclass": "log_loss, accuracy, macro_f1",
    "regression": "mae, rmse, r2",
    "anomaly": "roc_auc",
}


def first_experiment(line: dict[str, Any]) -> str:
    """Return an experiment on a declared line as its file has it.

    Raises
    ------
    LablineError
        ``LL-INIT-FEATURES`` when an anomaly line would have no number.
    """
    features, kind = line["features"], line.get("kind", DEFAULT_KIND)
    recipes = _recipes(kind, features["numeric"] + features["time"], features["categorical"])
    listed = "".join(f"  {key}: >-\n    {recipe}\n" for key, recipe in recipes.items())
    return f"""\
# Which recipe to put in charge? Replayed as the factory would have run it.
line: {line["name"]}
recipes:
{listed}metrics: [{METRICS[kind]}]  # the first decides
"""


def _recipes(kind: Kind, numbers: list[str], words: list[str]) -> dict[str, str]:
    row = KINDS[kind]
    if not row.learns_labels:
        return _detectors(numbers)
    scaled = f"({_select(numbers)} | StandardScaler())" if numbers else ""
    one_hot = f"({_select(words)} | OneHotEncoder())" if words else ""
    both = f"({' + '.join(part for part in (one_hot, scaled) if part)})"
    if row.predicts_number:
        tree = "HoeffdingTreeRegressor(grace_period=100)"
        linear = f"{both} | LinearRegression(optimizer=SGD(0.01))"
        return {"linear": linear} | _if(numbers, {"hoeffding-tree": tree})
    first, last = ("logistic", "Logistic") if row.decides else ("softmax", "Softmax")
    tree = "HoeffdingTreeClassifier(grace_period=100, leaf_prediction='mc')"
    return {first: f"{both} | {last}Regression(optimizer=SGD(0.01))"} | _if(
        numbers, {"hoeffding-tree": tree, "naive-bayes": "StandardScaler() | GaussianNB()"}
    )


def _detectors(numbers: list[str]) -> dict[str, str]:
    if not numbers:
        raise LablineError(
            "LL-INIT-FEATURES",
            "no column is a number, and anomalies are looked for in numbers",
            "add a column, or name a --label",
        )
    return _if(numbers, {"half-space-trees": "MinMaxScaler() | HalfSpaceTrees(seed=1)"})


def _if(numbers: list[str], recipes: dict[str, str]) -> dict[str, str]:
    """Return recipes over the numbers, if there are any."""
    return {name: f"{_select(numbers)} | {recipe}" for name, recipe in recipes.items() if numbers}


def _select(names: list[str]) -> str:
    return f"Select({', '.join(map(repr, names))})"
