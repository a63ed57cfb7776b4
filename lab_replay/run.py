"""Running an experiment: replay, measure, report, and register what could be promoted."""

import json
from collections.abc import Callable
from pathlib import Path

from engine.core.labels import EXPIRED, LABEL_OUTCOMES
from engine.core.line import Line
from engine.models.control import ModelRef
from engine.models.environment import environment
from engine.models.registry import Registry
from engine.models.signing import Signer
from lab_replay.experiment import Experiment
from lab_replay.metrics import curves, evaluate
from lab_replay.prediction_log import NO_LABEL
from lab_replay.recording import Recording
from lab_replay.replay import Replayed, Trial, replay
from lab_replay.report import write_report
from lab_replay.result import Candidate, Counts, ExperimentResult
from schemas.avro import Schema
from schemas.framing import NOTHING_ELSE, Heads


def run_experiment(
    experiment: Experiment,
    line: Line,
    schemas: tuple[Schema, Schema],
    recording: Recording,
    out: Path,
    progress: Callable[[int], None] | None = None,
    writers: Heads = NOTHING_ELSE,
) -> ExperimentResult:
    """Replay a recording over an experiment's recipes and the line's baselines.

    Writes ``result.json``, ``report.html`` and ``predictions.npz`` into the folder `out`.

    Parameters
    ----------
    schemas
        Of events and labels.
    writers
        By frame head, the versions that records may be written with.
    """
    trial = Trial(recording, line, *schemas, _models(experiment, line), writers)
    replayed = replay(trial, progress)
    result = _result(experiment, line, recording.digest, replayed)
    out.mkdir(parents=True, exist_ok=True)
    (out / "result.json").write_text(result.to_json(), encoding="utf-8")
    replayed.log.save(out / "predictions.npz")
    write_report(out / "report.html", result)
    return result


def register(result: ExperimentResult, registry: Registry, signer: Signer) -> dict[str, ModelRef]:
    """Register every candidate as a cold, signed model version; return them by recipe name."""
    return {
        candidate.name: registry.register(
            f"{result.line}-{candidate.name}",
            candidate.recipe,
            {
                "experiment": result.name,
                "recording": result.recording,
                "environment": result.environment,
                "metrics": json.loads(json.dumps(candidate.metrics)),
            },
            signer,
        )
        for candidate in result.candidates
        if candidate.kind == "candidate"
    }


def _models(experiment: Experiment, line: Line) -> dict[str, str]:
    """Return recipes by name: the candidates, then the baselines."""
    baselines = line.baselines if experiment.baselines is None else experiment.baselines
    return {**experiment.recipes, **baselines}


def _result(
    experiment: Experiment, line: Line, digest: str, replayed: Replayed
) -> ExperimentResult:
    log, counts = replayed.log, replayed.counts
    threshold = line.decision.threshold
    scored = evaluate(log, experiment.metrics, threshold=threshold)
    windows = curves(log, count=experiment.windows)
    return ExperimentResult(
        name=experiment.name,
        line=line.name,
        question=line.question,
        recording=digest,
        environment=environment(),
        metrics=tuple(experiment.metrics),
        threshold=threshold,
        candidates=tuple(
            Candidate(
                name=name,
                recipe=recipe,
                kind="candidate" if name in experiment.recipes else "baseline",
                metrics=scored[name].metrics,
                events=scored[name].events,
                windows=windows[name],
            )
            for name, recipe in _models(experiment, line).items()
        ),
        counts=Counts(
            events=len(log) + counts.get("dead_letters", 0),
            labelled=int((log.label != NO_LABEL).sum()),
            dead_letters={"events": counts.get("dead_letters", 0)},
            label_outcomes={
                name: counts[name] for name in (*LABEL_OUTCOMES, EXPIRED) if name in counts
            },
        ),
    )
