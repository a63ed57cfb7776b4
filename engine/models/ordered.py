"""River's estimators that leave something to a set's order or to an unseeded search, without it.

This module's name is part of the snapshot format: see `labline.engine.models.state.globals`.
"""

from typing import Any

import labline.engine.models.lazy_imports  # noqa: F401

from river import feature_extraction, linear_model, neighbors

from labline.engine.models.chance import InOrder


def _searching(engine: Any) -> neighbors.LazySearch:
    """Return an engine, or refuse one that is not told: river's own default draws, unseeded."""
    if type(engine) is not neighbors.LazySearch:
        raise ValueError("name the search: engine=LazySearch(window_size=50)")
    return engine


class KNNClassifier(neighbors.KNNClassifier):
    """River's, with the classes in the order in which they came: sums run in it."""

    def __init__(
        self,
        n_neighbors: int = 5,
        engine: neighbors.LazySearch | None = None,
        weighted: bool = True,
        cleanup_every: int = 0,
        softmax: bool = False,
    ) -> None:
        super().__init__(n_neighbors, _searching(engine), weighted, cleanup_every, softmax)
        self.classes: Any = InOrder()

    def clean_up_classes(self) -> None:
        """Forget the classes that are not in the window any more."""
        search: Any = self._nn
        present = {item[1] for item, *_ in search.window}
        self.classes = InOrder((label, None) for label in self.classes if label in present)


class KNNRegressor(neighbors.KNNRegressor):
    """River's, which only takes a search that is told."""

    def __init__(
        self,
        n_neighbors: int = 5,
        engine: neighbors.LazySearch | None = None,
        aggregation_method: str = "mean",
    ) -> None:
        super().__init__(n_neighbors, _searching(engine), aggregation_method)


class PARegressor(linear_model.PARegressor):
    """River's, without numpy's scalars in its state: the same arithmetic on the same doubles."""

    def learn_one(self, x: dict[Any, Any], y: float) -> None:
        """Learn one label."""
        predicted: float = self.predict_one(x)  # type: ignore[no-untyped-call]
        error = y - predicted
        sign = 1.0 if error > 0 else -1.0 if error < 0 else error  # a NaN stays one
        step: float = self.calc_tau(x, self.loss(y, predicted)) * sign  # type: ignore[no-untyped-call]
        for name, value in x.items():
            self.weights[name] += step * value
        if self.learn_intercept:
            self.intercept += step


class TFIDF(feature_extraction.TFIDF):
    """River's, counting a document's terms in the order in which they first came."""

    def learn_one(self, x: Any) -> None:
        """Count the terms of one document."""
        terms = self.process_text(x)  # type: ignore[no-untyped-call]
        self.dfs.update(dict.fromkeys(terms).keys())
        self.n += 1
