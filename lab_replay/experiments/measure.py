"""From what was replayed to a result: figures, curves, verdicts, money, cost."""

from collections.abc import Sequence

import numpy as np

from labline.engine.core.kinds import KINDS
from labline.engine.core.labels import EVICTED, EXPIRED, LABEL_OUTCOMES, NEGATIVE
from labline.engine.core.line import Line
from labline.engine.models.state.environment import environment
from labline.lab_replay.evaluation.compare import versus
from labline.lab_replay.evaluation.drift import error_drift
from labline.lab_replay.evaluation.figures import answered
from labline.lab_replay.evaluation.prediction_log import PredictionLog
from labline.lab_replay.evaluation.queueing import cost_on
from labline.lab_replay.evaluation.ranking import ranking
from labline.lab_replay.evaluation.result import (
    Candidate,
    Costs,
    Counts,
    Drift,
    ExperimentResult,
    Versus,
)
from labline.lab_replay.evaluation.result_builder import (
    BASELINE,
    CANDIDATE,
    measured_candidates,
    result_of,
)
from labline.lab_replay.evaluation.time_kind import clock_of
from labline.lab_replay.experiments.experiment import Experiment
from labline.lab_replay.replay.assembly import Replayed
from labline.lab_replay.replay.trial import Trial

DAY_MS = 86_400_000


def measure(experiment: Experiment, trial: Trial, replayed: Replayed) -> ExperimentResult:
    """Return the result of what was replayed; events of the warm-up are not counted in it."""
    line = trial.line
    log = _counted(replayed.log, experiment)
    other = None if replayed.otherwise is None else _counted(replayed.otherwise, experiment)
    clock = clock_of(replayed.log, experiment.delay)
    candidates = _candidates(experiment, trial, replayed, log, other)
    counts, drift = counts_of(replayed, log), inputs_drift(replayed)
    return result_of(
        line,
        trial.metrics,
        candidates,
        counts,
        name=experiment.name,
        recording=trial.recording.digest,
        environment=environment(),
        learner=experiment.learner or line.learner,
        delay=experiment.delay,
        clock=clock,
        warm_up=experiment.warm_up,
        inputs_drift=drift,
    )


def _counted(log: PredictionLog, experiment: Experiment) -> PredictionLog:
    return log.rows(slice(experiment.warm_up, None)) if experiment.warm_up else log


def _candidates(
    experiment: Experiment,
    trial: Trial,
    replayed: Replayed,
    log: PredictionLog,
    other: PredictionLog | None,
) -> tuple[Candidate, ...]:
    line, baselines = trial.line, trial.baselines
    measured = measured_candidates(
        log, line, trial.metrics, trial.models, baselines, experiment.windows, other
    )
    verdicts = _verdicts(log, line, list(measured.values()), trial.metrics[0])
    candidates = []
    for name, candidate in measured.items():
        walks = replayed.walks[name]
        sizes = [walk.state_bytes for walk in walks]
        stops = [walk.stopped_at for walk in walks if walk.stopped_at is not None]
        of_the_replay = {
            "unanswered": sum(walk.unanswered for walk in walks),
            "versus": verdicts.get(name, ()),
            "drift": error_drift(log, name, experiment.drift.errors) if name in verdicts else (),
            "state_bytes": None if None in sizes else sum(size or 0 for size in sizes),
            "stopped_at": min(stops, default=None),
            "learn_failed": sum(walk.learn_failed for walk in walks),
        }
        candidates.append(candidate.model_copy(update=of_the_replay))
    return tuple(candidates)


def _verdicts(
    log: PredictionLog, line: Line, measured: Sequence[Candidate], deciding: str
) -> dict[str, tuple[Versus, ...]]:
    """Compare every candidate with the best baseline, and with the best of the others."""
    if not KINDS[line.kind].learns_labels:
        return {}
    ranked = {
        kind: [one.name for one in ranking([c for c in measured if c.kind == kind], deciding)]
        for kind in (CANDIDATE, BASELINE)
    }
    verdicts = {}
    for name in ranked[CANDIDATE]:
        leaders = [other for other in ranked[CANDIDATE] if other != name][:1]
        others = (*ranked[BASELINE][:1], *leaders)
        verdicts[name] = tuple(versus(log, name, other) for other in others)
    return verdicts


def inputs_drift(replayed: Replayed) -> tuple[Drift, ...]:
    """Return where the inputs changed; what several partitions see within a day is one mark."""
    marks = sorted(
        ((drift, partition) for partition, found in replayed.drift.items() for drift in found),
        key=lambda placed: (placed[0].event_time_ms, placed[0].what, placed[1]),
    )
    within_ms = 0 if replayed.clock == "rows" else DAY_MS
    last: dict[str, tuple[int, int]] = {}  # of those kept: who saw it, and until when it is others'
    kept = []
    for mark, partition in marks:
        whose, until_ms = last.get(mark.what, (partition, mark.event_time_ms))
        if partition == whose or mark.event_time_ms >= until_ms:
            kept.append(mark)
            last[mark.what] = partition, mark.event_time_ms + within_ms
    return tuple(kept)


def counts_of(replayed: Replayed, log: PredictionLog) -> Counts:
    """Return what became of events and labels."""
    counts = replayed.counts
    outcomes = (*LABEL_OUTCOMES, EXPIRED, NEGATIVE, EVICTED)
    return Counts(
        events=counts.get("answers", 0) + counts.get("dead_letters", 0),
        labelled=int(np.count_nonzero(~np.isnan(log.label))),
        dead_letters={"events": counts.get("dead_letters", 0)}
        | ({"labels": counts["dead_labels"]} if counts.get("dead_labels") else {}),
        label_outcomes={name: counts[name] for name in outcomes if name in counts},
    )


def costs_of(replayed: Replayed) -> Costs:
    """Return what the pass and every candidate cost, and what lag they would have had.

    Numbers of rows are no traffic: they tell no lag.
    """
    spent = {name: _us_per_event(replayed, name) for name in replayed.walks}
    append_ms = {} if replayed.clock == "rows" else replayed.append_ms
    return Costs(
        pass_us_per_event=replayed.pass_s / max(len(replayed.log), 1) * 1e6,
        candidates={name: cost_on(append_ms, us_per_event) for name, us_per_event in spent.items()},
    )


def _us_per_event(replayed: Replayed, name: str) -> float:
    """Return what a candidate spent on an event; one that was given up did not see them all."""
    walks = replayed.walks[name]
    seen = np.count_nonzero(answered(replayed.log.scores[name]))
    seen += sum(walk.unanswered for walk in walks)
    return sum(walk.cpu_s for walk in walks) / max(int(seen), 1) * 1e6
