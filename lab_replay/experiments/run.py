"""Running an experiment: replay, measure, report, and register what could be promoted."""

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from labline.engine.core.line import Line
from labline.engine.disk.locks import file_lock
from labline.engine.errors import LablineError
from labline.engine.models.control.control import ModelRef
from labline.engine.models.control.registry import Registry
from labline.engine.models.control.signing import Signer
from labline.engine.models.recipes.functions import is_name
from labline.lab_replay.evaluation.prediction_log import PREDICTIONS, PredictionLog
from labline.lab_replay.evaluation.result import RESULT, Costs, ExperimentResult
from labline.lab_replay.experiments.experiment import Experiment
from labline.lab_replay.experiments.measure import costs_of, measure
from labline.lab_replay.experiments.models import (
    baselines_by_name,
    check_delay,
    check_incumbent,
    metrics_of,
    models_of,
    reference_of,
    slices_of,
)
from labline.lab_replay.recordings.recording import Recording
from labline.lab_replay.replay.replay import replay
from labline.lab_replay.replay.trial import Trial
from labline.lab_replay.replay.units import EACH, SINGLE
from labline.lab_replay.reports.report import write_report
from labline.schemas.avro import Schema
from labline.schemas.values.value_format import NO_WRITERS, Heads

COSTS, REPORT, DIGEST = "costs.json", "report.html", "digest"
LOCK = ".lock"


def trial_of(
    experiment: Experiment,
    line: Line,
    schemas: tuple[Schema, Schema | None],
    recording: Recording,
    writers: Heads = NO_WRITERS,
    source: str = "",
) -> Trial:
    """Return what an experiment replays, everything in it understood.

    Raises
    ------
    LablineError
        ``LL-FILE-INVALID`` or ``LL-INCUMBENT-UNKNOWN`` naming what does not fit the line.
    """
    if experiment.label_horizon is not None:
        line = line.model_copy(update={"label_horizon": experiment.label_horizon})
    models = models_of(experiment, line, source, schemas[0])
    check_incumbent(line, models, source)
    check_delay(experiment, line, recording, source)
    return Trial(
        recording,
        line,
        *schemas,
        models,
        writers,
        experiment.delay_ms,
        slices_of(experiment, line, source),
        reference_of(experiment, line, source),
        experiment.drift.inputs,
        tuple(baselines_by_name(experiment, line)),
        metrics_of(experiment, line, source),
    )


def run_experiment(
    experiment: Experiment,
    trial: Trial,
    out: Path,
    progress: Callable[[int], None] | None = None,
    *,
    cache: Path | None = None,
    scheduler: str | None = None,
    cores: int | None = None,
) -> ExperimentResult:
    """Replay what `trial_of` made of an experiment, and measure it.

    Writes ``result.json``, ``costs.json``, ``report.html`` and ``predictions/`` into `out`. What
    was replayed before, under the same versions, is not replayed again. While another run writes
    there, this one waits.

    Parameters
    ----------
    cache, scheduler, cores
        As `replay` takes them.
    """
    digest = _digest(experiment, trial)
    with file_lock(out / LOCK, f"another run of this experiment writes into {out}"):
        known = _finished(out, digest)
        if known is not None:
            return known
        (out / DIGEST).unlink(missing_ok=True)
        replayed = replay(
            trial,
            out,
            progress,
            learners=learners_of(experiment, trial.line),
            otherwise=experiment.otherwise,
            cache=cache,
            scheduler=scheduler,
            cores=cores,
        )
        result, costs = measure(experiment, trial, replayed), costs_of(replayed)
        (out / RESULT).write_text(result.to_json(), encoding="utf-8")
        (out / COSTS).write_text(costs.model_dump_json(indent=1) + "\n", encoding="utf-8")
        write_report(out / REPORT, result, costs)
        (out / DIGEST).write_text(digest, encoding="utf-8")
        return result


def learners_of(experiment: Experiment, line: Line) -> str:
    """Return whether partitions learn apart or together, as units say it."""
    return SINGLE if (experiment.learner or line.learner) == "single" else EACH


def load_costs(out: Path) -> Costs:
    """Return what an experiment's run cost."""
    return Costs.model_validate_json((out / COSTS).read_text(encoding="utf-8"))


def _digest(experiment: Experiment, trial: Trial) -> str:
    """Return what stands for all that a result depends on."""
    told = [
        experiment.model_dump(mode="json", exclude={"recording", "history"}),
        trial.line.canonical(),
        dict(trial.models),
        trial.digest,
    ]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _finished(out: Path, digest: str) -> ExperimentResult | None:
    """Return the result that is kept; None when it is another's, or not all of it is there."""
    with suppress(OSError, ValueError, LablineError):  # whatever was damaged is made again
        if (out / DIGEST).read_text(encoding="utf-8") != digest or not (out / REPORT).is_file():
            return None
        result = ExperimentResult.from_json((out / RESULT).read_text(encoding="utf-8"))
        load_costs(out)
        candidates = {candidate.name: candidate.recipe for candidate in result.candidates}
        whole = set(PredictionLog.load(out / PREDICTIONS).names) == set(candidates)
        if whole and not any(map(is_name, candidates.values())):  # whose code may have changed
            return result
    return None


def register(result: ExperimentResult, registry: Registry, signer: Signer) -> dict[str, ModelRef]:
    """Register every candidate as a cold, signed model version; return them by recipe name.

    One that is a function's name stays in the lab: what it is cannot be signed yet.
    """
    return {
        candidate.name: registry.register(
            f"{result.line}-{candidate.name}".lower(),
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
        if candidate.kind == "candidate" and not is_name(candidate.recipe)
    }
