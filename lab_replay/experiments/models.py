"""Which models an experiment compares, each understood and fit for its line.

`labline lab run` and the notebook's `lab.run` ask here before anything is replayed. An experiment,
its line and perhaps the events' schema come in; recipes by name, metrics and slices go out, or an
error that names the file and the place in it. What passes here can be replayed and registered.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from labline.engine.core.declared import RULES
from labline.engine.core.kinds import KINDS
from labline.engine.core.line import Line
from labline.engine.errors import LablineError
from labline.engine.models.control.registry import NAME
from labline.engine.models.recipes.arguments import steps_of
from labline.engine.models.recipes.check import check_recipes
from labline.engine.models.recipes.functions import is_name
from labline.engine.models.recipes.grids import NAME_MAX_CHARACTERS, grid
from labline.engine.named_modules import nearest
from labline.lab_replay.evaluation.figures import metrics_for
from labline.lab_replay.evaluation.metrics import DEFAULT_METRICS, METRICS
from labline.lab_replay.experiments.experiment import CANDIDATES_MAX, Experiment
from labline.lab_replay.recordings.recording import Recording
from labline.schemas.avro import Schema

NAMED_MAX_CHARACTERS = 40
SUFFIX_MIN_CHARACTERS = 8  # of a grid's names


def models_of(
    experiment: Experiment, line: Line, source: str = "", schema: Schema | None = None
) -> dict[str, str]:
    """Return the recipes of candidates and baselines by name; see `candidates_of`."""
    candidates = candidates_of(experiment, line, source, schema)
    baselines = baselines_of(experiment, line, source, schema)
    for name in candidates:
        if name in baselines:
            raise LablineError(
                "LL-FILE-INVALID",
                f"{source or experiment.name}: {name} is a recipe and a baseline"
                f"{f' of line {line.name}' if experiment.baselines is None else ''}",
                "give the recipe another name",
            )
    return {**candidates, **baselines}


def candidates_of(
    experiment: Experiment, line: Line, source: str = "", schema: Schema | None = None
) -> dict[str, str]:
    """Return the candidates' recipes by name, grids written out.

    Parameters
    ----------
    source
        What to call the experiment in an error: its file. What is in a file is registered, so
        names must do for that, too.
    schema
        Of the line's events, which tells text from numbers.

    Raises
    ------
    LablineError
        ``LL-FILE-INVALID`` naming the recipe, and what to write instead.
    """
    recipes: dict[str, str] = {}
    for name, declared in experiment.recipes.items():
        with _about(f"{source or experiment.name}: recipes.{name}: "):
            parts = {name: declared.recipe}
            if declared.grid:
                room = NAME_MAX_CHARACTERS - len(f"{line.name}-{name}-")
                parts = grid(declared.recipe, declared.grid, max(room, SUFFIX_MIN_CHARACTERS))
                parts = {f"{name}-{suffix}": recipe for suffix, recipe in parts.items()}
            for made, recipe in parts.items():
                if source and not is_name(recipe):
                    _check_name(made, line, recipes)
                if made in recipes:
                    raise _twice(made, made)
                recipes[made] = recipe
    if len(recipes) > CANDIDATES_MAX:
        raise LablineError(
            "LL-FILE-INVALID",
            f"{source or experiment.name}: {len(recipes):,} candidates",
            f"compare at most {CANDIDATES_MAX} at a time: smaller grids",
        )
    _parse_all(recipes, line, f"{source or experiment.name}: recipes.", schema)
    return recipes


def baselines_of(
    experiment: Experiment, line: Line, source: str = "", schema: Schema | None = None
) -> dict[str, str]:
    """Return the baselines' recipes by name, each understood."""
    place = f"line {line.name}" if experiment.baselines is None else source or experiment.name
    recipes = baselines_by_name(experiment, line)
    _parse_all(recipes, line, f"{place}: baselines.", schema)
    return recipes


def baselines_by_name(experiment: Experiment, line: Line) -> dict[str, str]:
    """Return the experiment's own baselines, or the line's."""
    return dict(line.baselines if experiment.baselines is None else experiment.baselines)


def metrics_of(experiment: Experiment, line: Line, source: str = "") -> tuple[str, ...]:
    """Return the metrics to show.

    Raises
    ------
    LablineError
        ``LL-FILE-INVALID`` when one is not for this kind of line.
    """
    for metric in experiment.metrics or ():
        if line.kind not in METRICS[metric].kinds:
            fitting = metrics_for(line.kind)
            raise LablineError(
                "LL-FILE-INVALID",
                f"{source or experiment.name}: {metric} is no metric for a {line.kind} line",
                f"use {', '.join(fitting)}",
            )
    return tuple(experiment.metrics or DEFAULT_METRICS[line.kind])


def slices_of(experiment: Experiment, line: Line, source: str = "") -> tuple[str, ...]:
    """Return the features to slice by.

    Raises
    ------
    LablineError
        ``LL-FILE-INVALID`` when the line has no such feature.
    """
    features = line.features
    known = (*features.numeric, *features.categorical, *features.time,
             *(one.name for one in features.history))  # fmt: skip
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
    names = baselines_by_name(experiment, line)
    if not KINDS[line.kind].probable or not names:
        why = f"a {line.kind} line has no bounded loss" if names else "there is no baseline"
        raise LablineError(
            "LL-FILE-INVALID",
            f"{source or experiment.name}: early_stop: {why}",
            "leave early_stop out, or give baselines to a line of probabilities",
        )
    return next(iter(names))


def check_incumbent(line: Line, models: Mapping[str, str], source: str = "") -> None:
    """See that today's rule, where its decisions are priced, is among what is replayed.

    Raises
    ------
    LablineError
        ``LL-INCUMBENT-UNKNOWN`` naming the rules that there are.
    """
    rule, known = line.decision.incumbent, (*RULES, *models)
    if KINDS[line.kind].decides and line.decision.costs is not None and rule not in known:
        raise LablineError(
            "LL-INCUMBENT-UNKNOWN",
            f"{f'{source}: ' if source else ''}nothing here decides as decision.incumbent of line"
            f" {line.name}, {rule!r}",
            f"add it to the experiment's baselines; {nearest(rule, known)}",
        )


def check_delay(experiment: Experiment, line: Line, recording: Recording, source: str = "") -> None:
    """See that a delay is counted in what the history has: times, or else rows.

    Raises
    ------
    LablineError
        ``LL-FILE-INVALID`` saying what to write instead.
    """
    if not experiment.delay_ms:
        return
    by_rows = is_of_rows(recording, line.events)
    if by_rows == (experiment.delay_rows is not None):
        return
    raise LablineError(
        "LL-FILE-INVALID",
        f"{source or experiment.name}: delay: {experiment.delay}, but the history has"
        f" {'no times' if by_rows else 'times'}",
        f"write {'a number of rows, such as 500 rows' if by_rows else 'a duration, such as 6h'}",
    )


def is_of_rows(recording: Recording, topic: str) -> bool:
    """Tell whether records are numbered instead of timed, as `Clock` has it; by their first."""
    partitions = recording.partitions(topic)
    first = next(recording.records(topic, partitions[0]), []) if partitions else []
    return bool(first) and all(record[1] == record[0] + 1 for record in first)


def named(recipes: Sequence[str]) -> dict[str, str]:
    """Return recipes by names made from their last step.

    Examples
    --------
    >>> list(named(["BaseRate()", "Select('x') | StandardScaler() | LogisticRegression()"]))
    ['BaseRate-1', 'LogisticRegression-2']
    """
    return {f"{_last_step(recipe)}-{number}": recipe for number, recipe in enumerate(recipes, 1)}


def _last_step(recipe: str) -> str:
    """Return what a recipe ends with, as part of a name; of what is no recipe: recipe."""
    name = recipe.rsplit(":", 1)[-1] if is_name(recipe) else ""
    if not name:
        try:
            node = steps_of(ast.parse(recipe.strip(), mode="eval").body)[-1]
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return "recipe"  # what is wrong with it is said when it is parsed
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            name = node.func.id
    name = name.strip("_ ")[:NAMED_MAX_CHARACTERS]
    return name if name.isascii() and name else "recipe"


def _check_name(name: str, line: Line, others: Mapping[str, str]) -> None:
    """Refuse a name under which the registry would not take the recipe, before it is replayed."""
    label = f"{line.name}-{name}".lower()
    if not NAME.fullmatch(label):
        remedy = "small letters, digits, . _ -" if len(label) <= NAME_MAX_CHARACTERS else "shorter"
        raise LablineError(
            "LL-FILE-INVALID",
            f"{label} is no name for its model versions",
            f"call the recipe otherwise: {remedy}",
        )
    for other in others:
        if other.lower() == name.lower():
            raise _twice(name, other)


def _twice(name: str, other: str) -> LablineError:
    message = f"two recipes have the name {name}"
    if name != other:
        message = f"{name} and {other} differ in nothing but capitals: model versions have none"
    remedy = "name one of them differently; the names of a grid's recipes begin with its own"
    return LablineError("LL-FILE-INVALID", message, remedy)


def _parse_all(recipes: Mapping[str, str], line: Line, place: str, schema: Schema | None) -> None:
    with _about(place):
        check_recipes(recipes, line, schema, named=True)


@contextmanager
def _about(place: str) -> Iterator[None]:
    """Say where in a file an error is."""
    try:
        yield
    except LablineError as error:
        message = f"{place}{error.message}"
        raise LablineError("LL-FILE-INVALID", message, error.remedy) from error
