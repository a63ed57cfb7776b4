"""A recipe for each estimator that is not in `tests.unit.models.test_state`, by kind of line.

As a program it trains them all and says what it found: the same under every hash seed.
"""

import functools
import hashlib
import io
import json
import os
import pickle
import random
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from labline.engine.core.state_digest import state_digest
from labline.engine.models.adapters import adapted
from labline.engine.models.recipes.language import parse
from labline.engine.models.state.unpickle import dump, load

EVENTS, AFTER = 1_200, 100
CLASSES = ("left", "middle", "right")
NUMBERS = "Select('x', 'y') | StandardScaler()"
UNIT = "Select('x', 'y') | MinMaxScaler()"
WORDS = "Select('text') | "
TREE = "HoeffdingTreeClassifier(grace_period=50, delta=0.01, tau=0.1)"
CUT = "grace_period=50, delta=0.01, tau=0.1"
REGRESSION_TREE = f"HoeffdingTreeRegressor({CUT}{{more}})"
DRIFTS = "drift_window_threshold=50"
MEANS = "Discard('text') | {}, leaf_prediction='mean', binary_split={})"
LINEAR = f"{NUMBERS} | LinearRegression(optimizer={{}})"
LOGISTIC = f"{NUMBERS} | LogisticRegression(optimizer={{}})"

BINARY = (
    *(LOGISTIC.format(optimizer) for optimizer in (
        "AdaBound(0.01)", "AdaDelta()", "AdaMax(0.05)", "AMSGrad(0.05)", "FTRLProximal()",
        "Momentum(0.01)", "Nadam(0.05)", "NesterovMomentum(0.01)", "RMSProp(0.01)",
        "SGD(InverseScaling(0.1))", "SGD(Optimal(Log()))",
    )),
    f"{NUMBERS} | LogisticRegression(loss=Hinge())",
    f"ADWINBaggingClassifier({LOGISTIC.format('SGD(0.05)')}, n_models=3, seed=1)",
    "ADWINBoostingClassifier(GaussianNB(), n_models=3, seed=1)",
    f"AdaBoostClassifier({TREE}, n_models=3, seed=1)",
    f"BOLEClassifier({TREE}, n_models=3, seed=1)",
    f"BaggingClassifier({TREE}, n_models=3, seed=1)",
    *(
        f"LeveragingBaggingClassifier({TREE}, n_models=2, bagging_method='{way}', seed=1)"
        for way in ("bag", "wt", "subag")
    ),
    f"SRPClassifier({TREE}, n_models=3, seed=1)",
    f"VotingClassifier([{TREE}, {LOGISTIC.format('SGD(0.05)')}], use_probabilities=True)",
    f"{NUMBERS} | StackingClassifier([GaussianNB(), Perceptron()], LogisticRegression())",
    "AMFClassifier(n_estimators=3, seed=1)",
    *(
        f"ARFClassifier(n_models=3, grace_period=50, seed=1, leaf_prediction='{leaf}',"
        f" delta=0.01, tau=0.1, binary_split={split}, drift_detector=ADWIN(0.01))"
        for leaf in ("mc", "nb", "nba")
        for split in (True, False)
    ),
    "Discard('c', 'd', 'text') | AdaptiveStandardScaler() | LogisticRegression()",
    "Select('x', 'y') | RobustScaler() | LogisticRegression()",
    "Select('x', 'y') | MaxAbsScaler() | LogisticRegression()",
    "Select('x', 'y') | Normalizer() | LogisticRegression()",
    "Select('x', 'y') | Binarizer(0.1) | BernoulliNB()",
    "Select('x', 'y') | PolynomialExtender(2) | StandardScaler() | LogisticRegression()",
    "Select('c', 'd') | OrdinalEncoder() | StandardScaler() | LogisticRegression()",
    "Select('c', 'd') | FeatureHasher(8, seed=1) | LogisticRegression()",
    "(Select('x') | Prefixer('a_')) + (Select('y') | Suffixer('_b') | Renamer({'y_b': 'z'}))"
    " | StandardScaler() | LogisticRegression()",
    "Agg('x', 'c', Mean()) + Agg('y', ['c', 'd'], Var()) + TargetAgg('c', Mean())"
    " | StandardScaler() | LogisticRegression()",
    "Agg('x', 'c', Count()) + Agg('x', 'd', Sum()) + Agg('y', 'c', Max()) + Agg('y', 'd', Min())"
    " + Agg('x', None, EWMean(0.2)) + Agg('y', None, EWVar(0.2)) | StandardScaler()"
    " | LogisticRegression()",
)  # fmt: skip
MULTICLASS = (
    "ClassShares()",
    "SameClass(0.7)",
    f"{NUMBERS} | SoftmaxRegression()",
    f"{NUMBERS} | OneVsRestClassifier(LogisticRegression())",
    f"{NUMBERS} | OutputCodeClassifier(LogisticRegression(), code_size=4, seed=1)",
    f"{NUMBERS} | KNNClassifier(n_neighbors=3, engine=LazySearch(window_size=100))",
    f"{UNIT} | ComplementNB()",
    f"{UNIT} | MultinomialNB()",
    f"{WORDS}BagOfWords('text') | MultinomialNB()",
    f"{WORDS}TFIDF(on='text') | ComplementNB()",
    "ARFClassifier(n_models=3, grace_period=50, seed=1)",
    "BaggingClassifier(AMFClassifier(n_estimators=2, seed=1), n_models=2, seed=1)",
    f"{NUMBERS} | BaggingClassifier(KNNClassifier(engine=LazySearch(60), cleanup_every=20),"
    " n_models=2, seed=1)",
    "AMFClassifier(n_estimators=3, seed=1)",
    TREE,
    "HoeffdingAdaptiveTreeClassifier(grace_period=50, delta=0.01, tau=0.1, seed=1)",
    f"LeveragingBaggingClassifier({TREE}, n_models=3, seed=1)",
    "GaussianNB()",
)
REGRESSION = (
    "MeanValue()",
    "LastValue()",
    LINEAR.format("SGD(0.01)"),
    *(f"{NUMBERS} | LinearRegression(loss={loss})" for loss in (
        "Absolute()", "Huber()", "Quantile(0.9)", "EpsilonInsensitiveHinge()", "Squared()",
    )),
    *(f"{NUMBERS} | PARegressor(mode={mode})" for mode in (0, 1, 2)),
    f"{NUMBERS} | KNNRegressor(n_neighbors=3, engine=LazySearch(window_size=100))",
    REGRESSION_TREE.format(more=""),
    REGRESSION_TREE.format(more=", leaf_prediction='model'"),
    *(MEANS.format(f"HoeffdingTreeRegressor({CUT}", split) for split in (True, False)),
    *(MEANS.format(f"HoeffdingAdaptiveTreeRegressor({CUT}, seed=1, {DRIFTS}", split)
      for split in (True, False)),
    *(f"HoeffdingAdaptiveTreeRegressor({CUT}, seed=1, leaf_prediction='{leaf}')"
      for leaf in ("model", "adaptive")),
    *(f"ARFRegressor(n_models=3, {CUT}, seed=1, leaf_prediction='{leaf}')"
      for leaf in ("mean", "model", "adaptive")),
    "AMFRegressor(n_estimators=3, seed=1)",
    f"BaggingRegressor({LINEAR.format('SGD(0.01)')}, n_models=3, seed=1)",
    f"SRPRegressor({REGRESSION_TREE.format(more='')}, n_models=3, seed=1)",
    f"EWARegressor([{LINEAR.format('SGD(0.01)')}, {LINEAR.format('Adam(0.05)')}])",
    f"TargetStandardScaler({LINEAR.format('SGD(0.01)')})",
)  # fmt: skip
ANOMALY = (
    "ConstantScore()",
    f"{UNIT} | HalfSpaceTrees(n_trees=3, height=4, window_size=50, seed=1)",
    f"{NUMBERS} | HalfSpaceTrees(limits={{'x': (-3, 3), 'y': (-2, 2)}}, height=4, seed=1)",
    f"{NUMBERS} | OneClassSVM(nu=0.2)",
    f"{NUMBERS} | LocalOutlierFactor(n_neighbors=5, engine=LazySearch(60))",
)
RECIPES = tuple(
    (kind, recipe)
    for kind, recipes in (
        ("binary", BINARY), ("multiclass", MULTICLASS), ("regression", REGRESSION),
        ("anomaly", ANOMALY),
    )
    for recipe in recipes
)  # fmt: skip


def stream(kind: str, count: int, seed: int = 1) -> Iterator[tuple[dict[str, Any], Any]]:
    """Yield features and labels, the same ones every time; what is true turns now and then."""
    told = random.Random(seed)
    for turn in range(count):
        x = {"x": told.gauss(0, 1), "y": told.random(), "c": told.choice("abcd"),
             "d": told.choice("uv")}  # fmt: skip
        turned = turn % 1_000 >= 500
        value = x["x"] * (1 if x["c"] in "ab" else -1) + (2.0 if turned else 0.5) * x["y"]
        value += told.gauss(0, 0.1)
        label: Any = {
            "binary": value > 0.5,
            "multiclass": CLASSES[(value > 0) + (value > 1)],
            "regression": value,
            "anomaly": None,
        }[kind]
        words = ["up" if value > 0 else "down", *told.choices(["on", "off", "at"], k=3)]
        yield {**x, "text": " ".join(words)}, label


def fed(recipe: str, features: dict[str, Any]) -> dict[str, Any]:
    """Return the features that a recipe has a place for."""
    if "Select(" in recipe or "Discard(" in recipe or "Agg(" in recipe:
        return features
    if any(word in recipe for word in ("NB()", "AMF", "Regressor")):
        return {name: features[name] for name in ("x", "y")}
    return {name: features[name] for name in ("x", "y", "c", "d")}


def globals_of(pickled: bytes) -> set[tuple[str, str]]:
    """Return all that a pickle names, as the unpickler would be asked for it."""
    found: set[tuple[str, str]] = set()

    class Asked(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            found.add((module, name))
            return super().find_class(module, name)

    Asked(io.BytesIO(pickled)).load()
    return found


def facts_of(kind: str, recipe: str) -> dict[str, Any]:
    """Return what a model said, what it is, and whether it is the same after a journey."""
    events = stream(kind, EVENTS + AFTER)
    model = parse(recipe, kind, CLASSES)
    said = _said(model, kind, recipe, islice(events, EVENTS))
    travelled = load(dump(model))
    rest = list(events)
    found = {
        "said": hashlib.sha256("\n".join(said).encode()).hexdigest(),
        "different": len(set(said)),
        "state": state_digest(model),
        "travelled": state_digest(travelled),
        "globals": sorted(globals_of(dump(model)) | globals_of(dump(parse(recipe, kind, CLASSES)))),
    }
    goes_on = _said(model, kind, recipe, rest) == _said(travelled, kind, recipe, rest)
    return {**found, "goes_on": goes_on and state_digest(model) == state_digest(travelled)}


def _said(model: Any, kind: str, recipe: str, events: Any) -> list[str]:
    adapter, said = adapted(model, kind, CLASSES), []
    for features, label in events:
        said.append(repr(adapter.score(fed(recipe, features))))
        adapter.learn(fed(recipe, features), label)
    return said


@functools.cache
def facts(hash_seed: int) -> dict[str, dict[str, Any]]:
    """Return the facts of all recipes, from a process with this ``PYTHONHASHSEED``."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.estimator_recipes"],
        cwd=Path(__file__).parents[1],
        env={**os.environ, "PYTHONHASHSEED": str(hash_seed)},
        capture_output=True,
        text=True,
        check=False,
    )
    return json.loads(done.stdout) if done.returncode == 0 else {"": {"error": done.stderr}}


if __name__ == "__main__":
    print(json.dumps({f"{kind}: {recipe}": facts_of(kind, recipe) for kind, recipe in RECIPES}))  # noqa: T201
