"""Which models an experiment compares, each understood and fit for its line."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from engine.core.line import Line
from engine.errors import LablineError
from engine.models.grids import grid
from engine.models.recipes import parse
from lab_replay.experiment import CANDIDATES_MAX, Experiment
from lab_replay.result import DEFAULTS, MEASURES, nearest

#: Kinds of lines whose scores are probabilities: their losses have a bound.
PROBABLE = ("binary", "multiclass")


def candidates_of(experiment: Experiment, line: Line, source: str = "") -> dict[str, str]:
    """Return the candidates' recipes by name, grids written out.

    Parameters
    ----------
    source
        What to call the experiment in an error: its file.

    Raises
    ------
    LablineError
        ``LL-FILE-INVALID`` naming the recipe, and what to write instead.
    """
    found: dict[str, str] = {}
    for name, declared in experiment.recipes.items():
        with _about(f"{source or experiment.name}: recipes.{name}"):
            if declared.grid:
                parts = grid(declared.recipe, declared.grid)
                found |= {f"{name}-{suffix}": recipe for suffix, recipe in parts.items()}
            else:
                found[name] = declared.recipe
    if len(found) > CANDIDATES_MAX:
        raise LablineError(
            "LL-FILE-INVALID",
            f"{source or experiment.name}: {len(found):,} candidates",
            f"compare at most {CANDIDATES_MAX} at a time: smaller grids",
        )
    _parse_all(found, line, f"{source or experiment.name}: recipes")
    return found


def baselines_of(experiment: Experiment, line: Line, source: str = "") -> dict[str, str]:
    """Return the baselines' recipes by name: the experiment's own, or the line's."""
    if experiment.baselines is None:
        return dict(line.baselines)
    _parse_all(experiment.baselines, line, f"{source or experiment.name}: baselines")
    return dict(experiment.baselines)


def metrics_of(experiment: Experiment, line: Line, source: str = "") -> tuple[str, ...]:
    """Return the metrics to show.

    Raises
    ------
    LablineError
        ``LL-FILE-INVALID`` when one is not for this kind of line.
    """
    for metric in experiment.metrics or ():
        if line.kind not in MEASURES[metric].kinds:
            fitting = [name for name, measure in MEASURES.items() if line.kind in measure.kinds]
            raise LablineError(
                "LL-FILE-INVALID",
                f"{source or experiment.name}: {metric} is no metric for a {line.kind} line",
                f"use {', '.join(fitting)}",
            )
    return tuple(experiment.metrics or DEFAULTS[line.kind])


def slices_of(experiment: Experiment, line: Line, source: str = "") -> tuple[str, ...]:
    """Return the features to slice by.

    Raises
    ------
    LablineError
        ``LL-FILE-INVALID`` when the line has no such feature.
    """
    features = line.features
    known = (*features.numeric, *features.categorical, *features.time,
             *(told.name for told in features.history))  # fmt: skip
    for name in experiment.slices:
        if name not in known:
            raise LablineError(
                "LL-FILE-INVALID",
                f"{source or experiment.name}: slices: line {line.name} has no feature {name}",
                nearest(name, known),
            )
    return tuple(experiment.slices)


def reference_of(experiment: Experiment, line: Line, source: str = "") -> str | None:
    """Return the baseline that hopeless candidates are measured by: the first; None: none is.

    Raises
    ------
    LablineError
        ``LL-FILE-INVALID`` when there is nothing to measure by.
    """
    if not experiment.early_stop:
        return None
    names = baselines_of(experiment, line, source)
    if line.kind not in PROBABLE or not names:
        why = f"a {line.kind} line has no bounded loss" if names else "there is no baseline"
        raise LablineError(
            "LL-FILE-INVALID",
            f"{source or experiment.name}: early_stop: {why}",
            "leave early_stop out, or give baselines to a line of probabilities",
        )
    return next(iter(names))


def named(recipes: Sequence[str]) -> dict[str, str]:
    """Return recipes by names made from their last step.

    Examples
    --------
    >>> list(named(["BaseRate()", "Select('x') | StandardScaler() | LogisticRegression()"]))
    ['BaseRate-1', 'LogisticRegression-2']
    """
    names = {}
    for number, recipe in enumerate(recipes, 1):
        last = recipe.rsplit("|", 1)[-1].strip().split("(")[0].rsplit(":", 1)[-1]
        names[f"{last or 'recipe'}-{number}"] = recipe
    return names


def _parse_all(recipes: Mapping[str, str], line: Line, place: str) -> None:
    for name, recipe in recipes.items():
        with _about(f"{place}.{name}"):
            parse(recipe, line.kind, line.classes, named=True)


@contextmanager
def _about(place: str) -> Iterator[None]:
    """Say where in a file an error is."""
    try:
        yield
    except LablineError as error:
        message = f"{place}: {error.message}"
        raise LablineError("LL-FILE-INVALID", message, error.remedy) from error
