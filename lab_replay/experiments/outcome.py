"""What an experiment found, as a notebook looks at it: frames, a report, MLflow.

`labline.lab.run` returns it. The figures are there; predictions and costs are read from the
experiment's folder when they are asked for.
"""

from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from labline.lab_replay.evaluation.headline import figure, headline
from labline.lab_replay.evaluation.metrics import METRICS
from labline.lab_replay.evaluation.prediction_log import PredictionLog
from labline.lab_replay.evaluation.ranking import result_ranking
from labline.lab_replay.evaluation.result import Costs, ExperimentResult
from labline.lab_replay.experiments.frames import (
    FrameKind,
    predictions_frame,
    result_frame,
    slices_frame,
    windows_frame,
)
from labline.lab_replay.reports.report import write_report

SHOWN_MAX = 20


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
        from labline.lab_replay.experiments.mlflow_sink import log_experiment
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
        heads = "".join(f"<th>{escape(METRICS[m].title)}</th>" for m in metrics)
        rows = "".join(
            f"<tr><td>{escape(one.name)}</td>"
            + "".join(f"<td>{figure(one.metrics, m)}</td>" for m in metrics)
            + f"<td>{one.events:,}</td></tr>"
            for one in result_ranking(self.result)[:SHOWN_MAX]
        )
        return (
            f"<p>{escape(headline(self.result))}</p>"
            f"<table><tr><th>model</th>{heads}<th>events</th></tr>{rows}</table>"
        )
