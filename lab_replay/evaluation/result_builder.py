"""From a log of answers to a result, for an experiment and for a line's report alike.

`experiments.measure` and `reports.line_facts` each bring a `PredictionLog` and the line that it is
about. They get candidates with all figures that follow from the log alone, and a result that says
of the line what its declaration says. What only one of them knows (verdicts, slices, what a replay
cost) it adds itself.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from labline.engine.core.kinds import THRESHOLD
from labline.engine.core.line import Line
from labline.lab_replay.evaluation.calibration import calibration
from labline.lab_replay.evaluation.curves import WINDOWS, curves, money, parts
from labline.lab_replay.evaluation.figures import evaluate
from labline.lab_replay.evaluation.prediction_log import PredictionLog
from labline.lab_replay.evaluation.result import Candidate, Counts, ExperimentResult

CANDIDATE, BASELINE = "candidate", "baseline"


def threshold_of(line: Line) -> float:
    """Return from which score on an answer is yes; a half for a line whose answers never are.

    Of such a line no figure looks at it.
    """
    return THRESHOLD if line.decision.threshold is None else line.decision.threshold


def measured_candidates(
    log: PredictionLog,
    line: Line,
    metrics: Sequence[str],
    recipes: Mapping[str, str],
    baselines: Collection[str],
    windows: int = WINDOWS,
    otherwise: PredictionLog | None = None,
) -> dict[str, Candidate]:
    """Return candidates and baselines by name, with what follows from their answers.

    Parameters
    ----------
    metrics
        Names, the deciding one first.
    recipes
        Of all whose answers are to be measured, by name and in the order of the result.
    baselines
        Which of them are baselines.
    windows
        About how many windows of event time the curves have.
    otherwise
        The same events, the learners the other way.

    Raises
    ------
    LablineError
        ``LL-INCUMBENT-UNKNOWN`` when the line prices decisions and names a rule that is not there.
    """
    threshold, decision = threshold_of(line), line.decision
    scored = evaluate(log, metrics, threshold=threshold)
    others = {} if otherwise is None else evaluate(otherwise, metrics, threshold=threshold)
    by_window = curves(log, metrics, count=windows, threshold=threshold)
    by_part = parts(log, metrics, threshold=threshold)
    return {
        name: Candidate(
            name=name,
            recipe=recipe,
            kind=BASELINE if name in baselines else CANDIDATE,
            metrics=scored[name].metrics,
            events=scored[name].events,
            windows=by_window[name],
            slices=by_part[name],
            otherwise=others[name].metrics if others else None,
            calibration=calibration(log, name),
            money=decision.costs
            and money(log, name, decision.costs, threshold=threshold, incumbent=decision.incumbent),
        )
        for name, recipe in recipes.items()
    }


def result_of(
    line: Line,
    metrics: Sequence[str],
    candidates: Sequence[Candidate],
    counts: Counts,
    **run: Any,
) -> ExperimentResult:
    """Return the result that says of a line what its declaration says.

    Parameters
    ----------
    run
        The other fields of an `ExperimentResult`: its name, and what it was made from.
    """
    about = {
        "line": line.name,
        "question": line.question,
        "incumbent": line.incumbent,
        "kind": line.kind,
        "classes": line.classes,
        "learner": line.learner,
        "threshold": threshold_of(line),
        "metrics": tuple(metrics),
        "candidates": tuple(candidates),
        "counts": counts,
    }
    return ExperimentResult(**{**about, **run})
