"""The estimators that a recipe may name: river's that are deterministic, and some of our own."""

from typing import Any

import labline.engine.models.lazy_imports

from river import (
    anomaly,
    compose,
    drift,
    ensemble,
    feature_extraction,
    forest,
    linear_model,
    multiclass,
    naive_bayes,
    neighbors,
    optim,
    preprocessing,
    stats,
    tree,
)
from river.optim import losses, schedulers

import labline.engine.models.chance  # noqa: F401  # before any model is made
from labline.engine.models import estimators, ordered

_OURS = (
    estimators.BaseRate,
    estimators.ClassShares,
    estimators.ConstantScore,
    estimators.Discard,
    estimators.LastValue,
    estimators.MeanValue,
    estimators.NoChange,
    estimators.SameClass,
    estimators.Select,
)
_MODELS = (
    anomaly.HalfSpaceTrees,
    anomaly.LocalOutlierFactor,
    anomaly.OneClassSVM,
    ensemble.ADWINBaggingClassifier,
    ensemble.ADWINBoostingClassifier,
    ensemble.AdaBoostClassifier,
    ensemble.BOLEClassifier,
    ensemble.BaggingClassifier,
    ensemble.BaggingRegressor,
    ensemble.EWARegressor,
    ensemble.LeveragingBaggingClassifier,
    ensemble.SRPClassifier,
    ensemble.SRPRegressor,
    ensemble.StackingClassifier,
    ensemble.VotingClassifier,
    forest.AMFClassifier,
    forest.AMFRegressor,
    forest.ARFClassifier,
    forest.ARFRegressor,
    linear_model.ALMAClassifier,
    linear_model.LinearRegression,
    linear_model.LogisticRegression,
    linear_model.PAClassifier,
    ordered.PARegressor,
    linear_model.Perceptron,
    linear_model.SoftmaxRegression,
    multiclass.OneVsRestClassifier,
    multiclass.OutputCodeClassifier,
    naive_bayes.BernoulliNB,
    naive_bayes.ComplementNB,
    naive_bayes.GaussianNB,
    naive_bayes.MultinomialNB,
    ordered.KNNClassifier,
    ordered.KNNRegressor,
    preprocessing.TargetStandardScaler,
    tree.HoeffdingAdaptiveTreeClassifier,
    tree.HoeffdingAdaptiveTreeRegressor,
    tree.HoeffdingTreeClassifier,
    tree.HoeffdingTreeRegressor,
)
_TRANSFORMERS = (
    compose.Prefixer,
    compose.Renamer,
    compose.Suffixer,
    feature_extraction.Agg,
    feature_extraction.BagOfWords,
    feature_extraction.PolynomialExtender,
    ordered.TFIDF,
    feature_extraction.TargetAgg,
    preprocessing.AdaptiveStandardScaler,
    preprocessing.Binarizer,
    preprocessing.FeatureHasher,
    preprocessing.MaxAbsScaler,
    preprocessing.MinMaxScaler,
    preprocessing.Normalizer,
    preprocessing.OneHotEncoder,
    preprocessing.OrdinalEncoder,
    preprocessing.RobustScaler,
    preprocessing.StandardScaler,
)
_PARTS = (
    drift.ADWIN,
    losses.Absolute,
    losses.EpsilonInsensitiveHinge,
    losses.Hinge,
    losses.Huber,
    losses.Log,
    losses.Quantile,
    losses.Squared,
    neighbors.LazySearch,
    optim.AdaBound,
    optim.AdaDelta,
    optim.AdaGrad,
    optim.AdaMax,
    optim.Adam,
    optim.AMSGrad,
    optim.FTRLProximal,
    optim.Momentum,
    optim.Nadam,
    optim.NesterovMomentum,
    optim.RMSProp,
    optim.SGD,
    schedulers.InverseScaling,
    schedulers.Optimal,
    stats.Count,
    stats.EWMean,
    stats.EWVar,
    stats.Max,
    stats.Mean,
    stats.Min,
    stats.Sum,
    stats.Var,
)
#: The names of those that river's documentation does not know.
OURS = frozenset(estimator.__name__ for estimator in _OURS)
#: By name.
ALLOWED: dict[str, Any] = {
    estimator.__name__: estimator for estimator in (*_OURS, *_MODELS, *_TRANSFORMERS, *_PARTS)
}
