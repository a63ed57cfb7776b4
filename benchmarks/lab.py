"""The lab against a bare loop: one candidate, sixteen in a pass, two processes, a repetition.

CPU is what counts where it can (``time.thread_time``); wall time only where processes are compared.
"""

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import yaml

from labline.engine.demo.flights_source import FIRST_DAY
from labline.engine.demo.offline_recording import record_flights
from labline.engine.models.recipes.language import parse
from labline.engine.workspace.example import make_workspace
from labline.engine.workspace.workspace import Workspace
from labline.lab_replay.experiments.experiment import Experiment
from labline.lab_replay.experiments.run import run_experiment, trial_of
from labline.lab_replay.replay.replay import replay
from labline.lab_replay.replay.rows import Rows
from labline.lab_replay.replay.steps import steps_of
from labline.lab_replay.replay.trial import Trial
from labline.lab_replay.replay.units import EACH, Outcome, Unit, run_unit

LINE = "flights-delay"


def main() -> None:
    """Measure, and print ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        trial = _trial(Path(folder), asked.days)
        found = {
            **_loops(trial, asked.rounds),
            **_processes(trial, Path(folder), asked.rounds),
            **_again(trial, Path(folder)),
        }
    if asked.json:
        print(json.dumps(found, indent=1))
        return
    for name, value in found.items():
        print(f"{name:58} {value:10.2f}")


def _trial(folder: Path, days: int) -> Trial:
    make_workspace(folder / "space", "flights")
    space = Workspace.find(folder / "space")
    last = FIRST_DAY + timedelta(days=days - 1)
    recording = record_flights(space, folder / "recording", last=min(last, date(2013, 12, 31)))
    line = space.line(LINE)
    assert line.labels is not None
    experiment = yaml.safe_load(space.experiment_path("flights").read_text(encoding="utf-8"))
    recipe = experiment["recipes"]["logistic"]
    schemas = space.schema_of(line.events), space.schema_of(line.labels)
    return Trial(recording, line, *schemas, {"logistic": recipe})


def _bare(trial: Trial) -> tuple[float, int]:
    """Return CPU seconds of a loop over features in memory, river's own model, and its events."""
    model: Any = parse(trial.models["logistic"])
    blocks = [block for p in trial.partitions() for block in steps_of(trial, Rows(trial, p))]
    events, started_s = 0, time.thread_time()
    for block in blocks:
        for _, _, features, label in block:
            if label is None:
                model.predict_proba_one(features)
                events += 1
            else:
                model.learn_one(features, label)
    return time.thread_time() - started_s, events


def _pass(trial: Trial, models: dict[str, str]) -> tuple[float, list[Outcome]]:
    started_s = time.thread_time()
    outcomes = [run_unit(trial, Unit((p,), EACH, models)).gathered() for p in trial.partitions()]
    return time.thread_time() - started_s, outcomes


def _loops(trial: Trial, rounds: int) -> dict[str, float]:
    """Compare one candidate with a bare loop, and sixteen in a pass with sixteen passes."""
    recipe = trial.models["logistic"]
    sixteen = {f"c{number}": recipe for number in range(16)}
    bare = one = many = d = m = float("inf")
    events = 1
    for _ in range(rounds):
        spent_s, events = _bare(trial)
        bare = min(bare, spent_s)
        spent_s, outcomes = _pass(trial, dict(trial.models))
        if spent_s < one:
            one, m = spent_s, sum(walked.walk.cpu_s for o in outcomes for _, walked in o.walked)
            d = sum(o.pass_s for o in outcomes)
        many = min(many, _pass(trial, sixteen)[0])
    ideal = 16 * (d + m) / (d + 16 * m)
    return {
        "events": float(events),
        "bare river loop, µs of CPU per event": bare / events * 1e6,
        "one candidate from a recording, µs": one / events * 1e6,
        "  of it D: decode, checks, order, join": d / events * 1e6,
        "  of it M: the model": m / events * 1e6,
        "speed of one candidate, of the bare loop's (at least 0.7)": bare / one,
        "16 in a pass against 16 passes, times": 16 * one / many,
        "  16(D+M)/(D+16M)": ideal,
        "  of that (at least 0.85)": 16 * one / many / ideal,
    }


def _processes(trial: Trial, folder: Path, rounds: int) -> dict[str, float]:
    """Compare eight candidates on two processes with one."""
    eight = {f"c{number}": trial.models["logistic"] + " " * number for number in range(8)}
    wide = replace(trial, models=eight)

    def run(cores: int) -> float:
        out = folder / f"cores-{cores}"
        shutil.rmtree(out, ignore_errors=True)
        started_s = time.perf_counter()
        replay(wide, out, cores=cores)
        return time.perf_counter() - started_s

    one = min(run(1) for _ in range(rounds))
    two = min(run(2) for _ in range(rounds))
    return {
        "8 candidates on one process, s": one,
        "8 candidates on two processes, s": two,
        "  times as fast (at least 1.5)": one / two,
    }


def _again(trial: Trial, folder: Path) -> dict[str, float]:
    """Run an experiment, and again; and again with one more recipe."""
    recipes = {"logistic": trial.models["logistic"], "rate": "BaseRate()"}
    schemas = trial.event_schema, trial.label_schema

    def run(recipes: dict[str, str]) -> Callable[[], object]:
        declared = Experiment.of(trial.line.name, recipes)
        return lambda: run_experiment(
            declared,
            trial_of(declared, trial.line, schemas, trial.recording),
            folder / "again",
            cores=2,
        )

    def timed(work: Callable[[], object]) -> float:
        started_s = time.perf_counter()
        work()
        return time.perf_counter() - started_s

    return {
        "an experiment, s": timed(run(recipes)),
        "the same again, s (below 2)": timed(run(recipes)),
        "with one recipe more, s": timed(run({**recipes, "more": "NoChange(0.7)"})),
    }


if __name__ == "__main__":
    main()
