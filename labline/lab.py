"""The lab in a notebook: load a recording, compare learners on it, look at frames.

Examples
--------
::

    from labline import lab

    past = lab.load("recordings/year", workspace=".")
    past.frame("flights.departed")                     # polars, or as_="pandas", "arrow"
    outcome = lab.run(past, {"tree": "HoeffdingTreeClassifier()"})
    outcome.frame(), outcome.predictions(), outcome.windows()
    outcome.save_report("report.html")

Large replays run in processes of their own (`cores`). They do not run your script again, so a plain
script needs no ``if __name__ == "__main__":`` for them.
"""

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from labline.engine.errors import LablineError
from labline.lab_replay.evaluation.headline import figure, headline
from labline.lab_replay.evaluation.prediction_log import PredictionLog
from labline.lab_replay.evaluation.result import MEASURES, Costs, ExperimentResult
from labline.lab_replay.experiments.experiment import Experiment
from labline.lab_replay.experiments.frames import (
    FrameKind,
    predictions_frame,
    recording_frame,
    result_frame,
    slices_frame,
    windows_frame,
)
from labline.lab_replay.experiments.run import load_costs, run_experiment, trial_of
from labline.lab_replay.histories.source import Asked, Past, past_of
from labline.lab_replay.reports.report import write_report

__all__ = ["History", "Outcome", "load", "run"]

SHOWN_MAX = 20


class History:
    """A history that can be looked at and replayed; `load` makes it.

    Attributes
    ----------
    past
        The recording with the line and the schemas that it is read by.
    """

    def __init__(self, past: Past) -> None:
        self.past = past

    @property
    def topics(self) -> tuple[str, ...]:
        """The recorded topics."""
        return self.past.recording.topics

    @property
    def digest(self) -> str:
        """The digest that stands for all of the recording."""
        return self.past.recording.digest

    def frame(
        self, topic: str | None = None, as_: FrameKind = "polars", limit: int | None = None
    ) -> Any:
        """Return a topic's records, decoded, with partition, offset and append time.

        Parameters
        ----------
        topic
            None: the line's events.
        as_
            ``polars``, ``pandas`` or ``arrow``.
        limit
            At most so many records of each partition.

        Raises
        ------
        LablineError
            ``LL-RECORDING-TOPIC`` for one that is not of the line.
        """
        line, (events, labels) = self.past.line, self.past.schemas
        schema = {line.events: events, line.labels or "": labels}.get(topic or line.events)
        if schema is None:
            raise LablineError(
                "LL-RECORDING-TOPIC",
                f"line {line.name} reads no topic {topic}",
                f"one of {', '.join(t for t in (line.events, line.labels) if t)}",
            )
        past, wanted = self.past, topic or line.events
        return recording_frame(past.recording, wanted, schema, past.writers, as_, limit)

    def __repr__(self) -> str:
        return f"<history of {self.past.line.name}: {', '.join(self.topics)}; {self.digest[:12]}>"

    def _repr_html_(self) -> str:
        files = self.past.recording.manifest.topics
        rows = "".join(
            f"<tr><td>{escape(topic)}</td><td>{len(files[topic])}</td>"
            f"<td>{sum(file.records for file in files[topic].values()):,}</td></tr>"
            for topic in self.topics
        )
        return (
            f"<p>Recording {escape(self.digest[:12])} for line {escape(self.past.line.name)}</p>"
            f"<table><tr><th>topic</th><th>partitions</th><th>records</th></tr>{rows}</table>"
        )


class Outcome(NamedTuple):
    """What an experiment found, and where its predictions are.

    Attributes
    ----------
    folder
        Of ``result.json``, ``costs.json``, ``report.html`` and ``predictions/``.
    """

    result: ExperimentResult
    costs: Costs
    folder: Path

    def frame(self, as_: FrameKind = "polars") -> Any:
        """Return a row a model, the best first: metrics, verdicts, money, cost."""
        return result_frame(self.result, self.costs, as_)

    def predictions(self, as_: FrameKind = "polars", models: list[str] | None = None) -> Any:
        """Return a row an event: what was so, and what every model (or these) answered."""
        return predictions_frame(PredictionLog.load(self.folder / "predictions"), as_, models)

    def windows(self, as_: FrameKind = "polars") -> Any:
        """Return every model's metrics per window of event time."""
        return windows_frame(self.result, as_)

    def slices(self, as_: FrameKind = "polars") -> Any:
        """Return every model's metrics per part of the events."""
        return slices_frame(self.result, as_)

    def save_report(self, path: Path | str) -> Path:
        """Write the report: one page that opens offline."""
        write_report(Path(path), self.result, self.costs)
        return Path(path)

    def log_to_mlflow(self, tracking_uri: str | None = None) -> list[str]:
        """Log every candidate as an MLflow run; return the runs' ids.

        Parameters
        ----------
        tracking_uri
            None: ``MLFLOW_TRACKING_URI``, or else a sqlite file beside the experiments.
        """
        from labline.lab_replay.experiments.mlflow_log import log_experiment
        from labline.lab_replay.experiments.run import REPORT

        return log_experiment(
            self.result,
            self.costs,
            self.folder / REPORT,
            tracking_uri,
            self.folder.parent.parent,
        )

    def __repr__(self) -> str:
        return headline(self.result)

    def _repr_html_(self) -> str:
        metrics = self.result.metrics
        heads = "".join(f"<th>{escape(MEASURES[m].title)}</th>" for m in metrics)
        rows = "".join(
            f"<tr><td>{escape(one.name)}</td>"
            + "".join(f"<td>{figure(one.metrics, m)}</td>" for m in metrics)
            + f"<td>{one.events:,}</td></tr>"
            for one in self.result.ranked()[:SHOWN_MAX]
        )
        return (
            f"<p>{escape(headline(self.result))}</p>"
            f"<table><tr><th>model</th>{heads}<th>events</th></tr>{rows}</table>"
        )


def load(
    source: Path | str,
    *,
    line: str | None = None,
    workspace: Path | str | None = None,
    id: str | None = None,  # noqa: A002  # as a file's columns are called on the command line
    time: str | None = None,
    label: str | None = None,
) -> History:
    """Return a history: a recording, a CSV, JSON lines or Parquet file, or an event topic.

    Parameters
    ----------
    source
        Folder, URL, file, or the name of a topic that is then recorded.
    line
        Whose past it is; not needed where the workspace has only one line.
    workspace
        Its folder; None: the one that the current folder is in. A file needs none.
    id, time, label
        Of a file: its columns.

    Raises
    ------
    LablineError
        When it is none of them.
    """
    place = None if workspace is None else Path(workspace)
    return History(past_of(str(source), Asked(line, id, time, label), place))


def run(
    history: History,
    recipes: Mapping[str, str],
    *,
    name: str = "notebook",
    scheduler: str | None = None,
    cores: int | None = None,
    **settings: Any,
) -> Outcome:
    """Replay a history over recipes, beside the line's baselines; return what was found.

    The same again costs nothing: finished results are kept in the workspace's state folder.

    Parameters
    ----------
    recipes
        By name.
    name
        Of the experiment and of its folder. While another run of the name writes there, this one
        waits.
    scheduler, cores
        A Dask cluster, or how many of this machine's cores; 1: all in this process.
    settings
        As an experiment's file has them: ``metrics``, ``slices``, ``delay``, ``baselines`` …

    Raises
    ------
    LablineError
        Saying what to write instead.
    """
    past = history.past
    experiment = Experiment.of(past.line.name, recipes, name=name, **settings)
    folder = past.folder / name
    trial = trial_of(experiment, past.line, past.schemas, past.recording, past.writers)
    result = run_experiment(
        experiment, trial, folder, cache=past.cache, scheduler=scheduler, cores=cores
    )
    return Outcome(result, load_costs(folder), folder)
