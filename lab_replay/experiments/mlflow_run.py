"""What a candidate's run in MLflow says: tags, parameters and metrics.

`mlflow_sink` logs what these return. Nothing here speaks to MLflow or depends on a clock but for
the time that final figures get.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from labline.lab_replay.evaluation.headline import headline, verdict
from labline.lab_replay.evaluation.result import Candidate, Costs, ExperimentResult

KIND_TAG = "labline.kind"
PARAMETER_MAX = 6_000  # characters
NAME_MAX = 80  # characters of a part of a metric's name
NOT_IN_NAMES = re.compile(r"[^\w\-. :/]")  # of metrics


def tags_of(result: ExperimentResult, one: Candidate) -> dict[str, str]:
    """Return what a run is found by: what was asked of which line and recording, and verdicts."""
    tags = {
        KIND_TAG: one.kind,
        "labline.line": result.line,
        "labline.question": result.question,
        "labline.recording": result.recording,
        "mlflow.note.content": headline(result),
    }
    tags |= {f"labline.environment.{name}": text for name, text in result.environment.items()}
    tags |= {
        f"labline.versus.{metric_name(each.other)}": verdict(each, result.clock)
        for each in one.versus
    }
    return tags


def parameters_of(result: ExperimentResult, one: Candidate) -> dict[str, str]:
    """Return the recipe and the experiment's settings."""
    return {
        "recipe": one.recipe[:PARAMETER_MAX],
        "learner": result.learner,
        "delay": result.delay,
        "warm_up": str(result.warm_up),
        "threshold": f"{result.threshold:g}",
        "recording": result.recording,
        "kind": result.kind,
    }


def metrics_of(one: Candidate, costs: Costs | None, now_ms: int) -> list[Any]:
    """Return final figures at step 0, and those of windows by their number, as MLflow's metrics.

    Of the window alone under ``window/``, of all events up to its end under ``so_far/``. Their
    time is event time: charts over time then show the past as it was.
    """
    from mlflow.entities import Metric

    metrics = [Metric(name, value, now_ms, 0) for name, value in _final(one, costs).items()]
    for step, window in enumerate(one.windows):
        for under, time_ms, figures in (
            ("window", window.middle_ms, window.metrics),
            ("so_far", window.end_ms, window.so_far),
        ):
            metrics += [
                Metric(f"{under}/{name}", value, max(time_ms, 0), step)  # MLflow: none before 1970
                for name, value in _there(figures).items()
            ]
    return metrics


def _final(one: Candidate, costs: Costs | None) -> dict[str, float]:
    final: dict[str, float | None] = {
        **one.metrics,
        "events": one.events,
        "unanswered": one.unanswered,
        "learn_failed": one.learn_failed,
        "state_bytes": one.state_bytes,
    }
    if one.money is not None:
        final |= {"cost": one.money.total, "incumbent_cost": one.money.incumbent}
    final |= {f"other_way/{name}": value for name, value in (one.otherwise or {}).items()}
    spent = costs.candidates.get(one.name) if costs is not None else None
    if spent is not None:
        final |= {"us_per_event": spent.us_per_event, "lag_max_s": spent.lag_max_s}
    for title, parts in one.slices.items():
        for part in parts:
            place = f"slice/{metric_name(title)}/{metric_name(part.value)}"
            final |= {f"{place}/{metric}": value for metric, value in part.metrics.items()}
    return _there(final)


def _there(figures: Mapping[str, float | None]) -> dict[str, float]:
    return {name: float(value) for name, value in figures.items() if value is not None}


def metric_name(text: str) -> str:
    """Return a part of a metric's name as MLflow allows it; other texts get other names.

    Examples
    --------
    >>> metric_name("JFK"), metric_name("<JFK>/2")
    ('JFK', '_JFK_-2-1e4f6f')
    """
    name = NOT_IN_NAMES.sub("_", text).replace("/", "-").strip(". ")[:NAME_MAX]
    digest = hashlib.sha256(text.encode()).hexdigest()
    return name if name == text != "" else f"{name or '_'}-{digest[:6]}"
