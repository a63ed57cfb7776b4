"""From what was replayed to a result: figures, curves, verdicts, money, cost."""

import numpy as np

from labline.engine.core.labels import EVICTED, EXPIRED, LABEL_OUTCOMES, NEGATIVE
from labline.engine.core.line import Line
from labline.engine.models.state.environment import environment
from labline.lab_replay.evaluation.compare import versus
from labline.lab_replay.evaluation.curves import calibration, curves, money, parts
from labline.lab_replay.evaluation.drift import error_drift
from labline.lab_replay.evaluation.metrics import Scored, answered, evaluate
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
from labline.lab_replay.evaluation.time_kind import clock_of
from labline.lab_replay.experiments.experiment import Experiment
from labline.lab_replay.experiments.models import baselines_by_name, metrics_of
from labline.lab_replay.replay.replay import Replayed
from labline.lab_replay.replay.trial import Trial

DAY_MS = 86_400_000
CANDIDATE, BASELINE = "candidate", "baseline"


def measure(
    experiment: Experiment, trial: Trial, replayed: Replayed, source: str = ""
) -> ExperimentResult:
    """Return the result of what was replayed; events of the warm-up are not counted in it."""
    line = trial.line
    metrics = metrics_of(experiment, line, source)
    log = _counted(replayed.log, experiment)
    other = None if replayed.otherwise is None else _counted(replayed.otherwise, experiment)
    return ExperimentResult(
        name=experiment.name,
        line=line.name,
        question=line.question,
        incumbent=line.incumbent,
        kind=line.kind,
        classes=line.classes,
        recording=trial.recording.digest,
        environment=environment(),
        metrics=metrics,
        threshold=threshold_of(line),
        learner=experiment.learner or line.learner,
        delay=experiment.delay,
        clock=clock_of(replayed.log, experiment.delay),
        warm_up=experiment.warm_up,
        candidates=_candidates(experiment, trial, replayed, log, other, metrics),
        counts=counts_of(replayed, log),
        inputs_drift=inputs_drift(replayed),
    )


def threshold_of(line: Line) -> float:
    """Return from which score on a line's answer is yes; a half where that is nobody's question."""
    return 0.5 if line.decision.threshold is None else line.decision.threshold


def _counted(log: PredictionLog, experiment: Experiment) -> PredictionLog:
    return log.rows(slice(experiment.warm_up, None)) if experiment.warm_up else log


def _candidates(
    experiment: Experiment,
    trial: Trial,
    replayed: Replayed,
    log: PredictionLog,
    other: PredictionLog | None,
    metrics: tuple[str, ...],
) -> tuple[Candidate, ...]:
    decision = trial.line.decision
    threshold = threshold_of(trial.line)
    scored = evaluate(log, metrics, threshold=threshold)
    otherwise: dict[str, Scored] = {}
    if other is not None:
        otherwise = evaluate(other, metrics, threshold=threshold)
    windows = curves(log, metrics, count=experiment.windows, threshold=threshold)
    slices = parts(log, metrics, threshold=threshold)
    verdicts = _verdicts(experiment, trial, log, scored, metrics[0])
    found = []
    for name, recipe in trial.models.items():
        walks = replayed.walks[name]
        sizes = [walk.state_bytes for walk in walks]
        stops = [walk.stopped_at for walk in walks if walk.stopped_at is not None]
        found.append(
            Candidate(
                name=name,
                recipe=recipe,
                kind=_kind(experiment, trial, name),
                metrics=scored[name].metrics,
                events=scored[name].events,
                unanswered=sum(walk.unanswered for walk in walks),
                windows=windows[name],
                calibration=calibration(log, name),
                slices=slices[name],
                versus=verdicts.get(name, ()),
                otherwise=otherwise[name].metrics if otherwise else None,
                drift=error_drift(log, name) if name in verdicts else (),
                money=decision.costs
                and money(
                    log, name, decision.costs, threshold=threshold, incumbent=decision.incumbent
                ),
                state_bytes=None if None in sizes else sum(size or 0 for size in sizes),
                stopped_at=min(stops, default=None),
                learn_failed=sum(walk.learn_failed for walk in walks),
            )
        )
    return tuple(found)


def _kind(experiment: Experiment, trial: Trial, name: str) -> str:
    """Tell candidates from baselines: those come last, whatever grids made of the recipes."""
    return BASELINE if name in baselines_by_name(experiment, trial.line) else CANDIDATE


def _verdicts(
    experiment: Experiment,
    trial: Trial,
    log: PredictionLog,
    scored: dict[str, Scored],
    deciding: str,
) -> dict[str, tuple[Versus, ...]]:
    """Compare every candidate with the best baseline, and with the best of the others."""
    if trial.line.kind == "anomaly":
        return {}
    ranked = {
        kind: [
            found.name
            for found in ranking(
                [
                    Candidate(name=n, recipe="", kind=kind, metrics=s.metrics, events=s.events)
                    for n, s in scored.items()
                    if _kind(experiment, trial, n) == kind
                ],
                deciding,
            )
        ]
        for kind in (CANDIDATE, BASELINE)
    }
    found = {}
    for name in ranked[CANDIDATE]:
        leaders = [other for other in ranked[CANDIDATE] if other != name][:1]
        others = (*ranked[BASELINE][:1], *leaders)
        found[name] = tuple(versus(log, name, other) for other in others)
    return found


def inputs_drift(replayed: Replayed) -> tuple[Drift, ...]:
    """Return where the inputs changed; what several partitions see within a day is one mark."""
    marks = sorted(
        ((drift, partition) for partition, found in replayed.drift.items() for drift in found),
        key=lambda placed: (placed[0].event_time_ms, placed[0].what, placed[1]),
    )
    within_ms = 0 if clock_of(replayed.log) == "rows" else DAY_MS
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
    append_ms = {} if clock_of(replayed.log) == "rows" else replayed.append_ms
    return Costs(
        pass_us_per_event=replayed.pass_s / max(len(replayed.log), 1) * 1e6,
        candidates={
            name: cost_on(append_ms, _us_per_event(replayed, name)) for name in replayed.walks
        },
    )


def _us_per_event(replayed: Replayed, name: str) -> float:
    """Return what a candidate spent on an event; one that was given up did not see them all."""
    walks = replayed.walks[name]
    seen = np.count_nonzero(answered(replayed.log.scores[name]))
    seen += sum(walk.unanswered for walk in walks)
    return sum(walk.cpu_s for walk in walks) / max(int(seen), 1) * 1e6
