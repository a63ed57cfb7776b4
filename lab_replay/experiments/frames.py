"""Recordings, predictions and results as frames: polars, pandas or Arrow.

Times are UTC without a zone, in milliseconds; one that no calendar has is missing. Columns keep
one type whatever is in them.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from labline.engine.errors import LablineError
from labline.engine.workspace.check import field_types
from labline.lab_replay.evaluation.headline import verdict
from labline.lab_replay.evaluation.prediction_log import NEVER, PredictionLog
from labline.lab_replay.evaluation.ranking import result_ranking
from labline.lab_replay.evaluation.result import Candidate, Costs, ExperimentResult
from labline.lab_replay.experiments.columns import FrameKind as FrameKind
from labline.lab_replay.experiments.columns import (
    Held,
    by_name,
    frame_of,
    free,
    library_of,
    times_of,
)
from labline.lab_replay.recordings.recording import Recording
from labline.schemas.avro import Schema
from labline.schemas.rejection import Rejection
from labline.schemas.values.formats import reader_of
from labline.schemas.values.value_format import Heads

RECORD_COLUMNS = ("partition", "offset", "timestamp", "key", "undecoded")
_HELD: dict[str, Held] = {
    "float": "number", "double": "number", "int": "whole", "long": "whole",
    "string": "text", "enum": "text", "boolean": "yes_no",
}  # fmt: skip


def recording_frame(
    recording: Recording,
    topic: str,
    schema: Schema,
    writers: Heads,
    as_: FrameKind = "polars",
    limit: int | None = None,
) -> Any:
    """Return a recorded topic's records: place, append time, key, and the value's fields.

    Ordered by partition and offset. A field that is called as one of `RECORD_COLUMNS` is named
    ``value.…``. A value that cannot be read has no fields; ``undecoded`` says why.

    Parameters
    ----------
    limit
        At most so many records of each partition.
    """
    library_of(as_)  # before the work
    columns: dict[str, Any] = {name: [] for name in RECORD_COLUMNS}
    held: dict[str, Held] = {"key": "text", "undecoded": "text"}
    fields = {}
    for name in schema.field_names:
        fields[name] = column = free(name, columns, "value.")
        columns[column] = []
        what = {_HELD.get(told) for told in field_types(schema, name) - {"null"}}
        if len(what) == 1 and (one := what.pop()) is not None:
            held[column] = one
    reader = reader_of(schema, writers)
    for partition in recording.partitions(topic):
        for offset, timestamp_ms, key, value, headers in _some(recording, topic, partition, limit):
            told = reader.decode(value, headers)
            placed = (partition, offset, timestamp_ms, _text(key))
            for name, cell in zip(RECORD_COLUMNS, placed, strict=False):
                columns[name].append(cell)
            columns["undecoded"].append(told.reason if isinstance(told, Rejection) else None)
            for name, column in fields.items():
                columns[column].append(None if isinstance(told, Rejection) else told[name])
    columns["partition"] = np.array(columns["partition"], np.int32)
    columns["offset"] = np.array(columns["offset"], np.int64)
    columns["timestamp"] = times_of(columns["timestamp"])
    return frame_of(columns, as_, held)


def predictions_frame(
    log: PredictionLog, as_: FrameKind = "polars", models: Sequence[str] | None = None
) -> Any:
    """Return a row an answered event: place, times, label, slices, and each model's score.

    Of several classes a score is a column for each: ``model.class``. A slice or model that is
    called as another column is named ``slice.…`` or ``model.…``.

    Parameters
    ----------
    models
        Only these; None: all.

    Examples
    --------
    >>> log = PredictionLog([0, 1_000], [1, float("nan")], {"linear": [0.9, 0.2]})
    >>> predictions_frame(log, "pandas").columns.tolist()
    ['partition', 'offset', 'event_time', 'label', 'label_time', 'linear']
    """
    label_times = times_of(log.label_time_ms)
    label_times[log.label_order == NEVER] = np.datetime64("NaT")
    columns: dict[str, Any] = {
        "partition": np.asarray(log.partition),
        "offset": np.asarray(log.offset),
        "event_time": times_of(log.event_time_ms),
        "label": np.asarray(log.label),
        "label_time": label_times,
    }
    held: dict[str, Held] = {}
    for title, parts in log.slices.items():
        column = free(title, columns, "slice.")
        held[column] = "text"
        columns[column] = [parts.names[code] if code >= 0 else None for code in parts.codes]
    for name in log.names if models is None else _known(models, log.names):
        score = np.asarray(log.scores[name])
        if score.ndim == 1:
            columns[free(name, columns, "model.")] = score
        else:
            told = log.classes or tuple(map(str, range(score.shape[1])))
            for place, one in enumerate(told):
                columns[free(f"{name}.{one}", columns, "model.")] = score[:, place].copy()
    return frame_of(columns, as_, held)


def result_frame(
    result: ExperimentResult, costs: Costs | None = None, as_: FrameKind = "polars"
) -> Any:
    """Return a row a model, the best first: metrics, cost, money, verdicts."""
    columns = by_name([_model_row(result, one, costs) for one in result_ranking(result)])
    held: dict[str, Held] = dict.fromkeys(
        (*result.metrics, "cost", "incumbent_cost", "us_per_event"), "number"
    )
    held |= {"verdict": "text", "state_bytes": "whole"}
    return frame_of(columns, as_, held)


def windows_frame(result: ExperimentResult, as_: FrameKind = "polars") -> Any:
    """Return a row a model and window of event time, with the window's metrics.

    Columns ``so_far.…`` are the metrics over all events up to the window's end, which ``until`` is.
    """
    rows = [
        {
            "model": one.name,
            "time": w.middle_ms,
            "until": w.end_ms,
            "events": w.events,
            **w.metrics,
            **{f"so_far.{metric}": value for metric, value in w.so_far.items()},
        }
        for one in result.candidates
        for w in one.windows
    ]
    figures = (*result.metrics, *(f"so_far.{metric}" for metric in result.metrics))
    columns: dict[str, Any] = dict(by_name(rows, ("model", "time", "until", "events", *figures)))
    columns |= {name: times_of(columns[name]) for name in ("time", "until")}
    held: dict[str, Held] = dict.fromkeys(figures, "number")
    return frame_of(columns, as_, held | {"model": "text", "events": "whole"})


def slices_frame(result: ExperimentResult, as_: FrameKind = "polars") -> Any:
    """Return a row a model and part of the events, with the part's metrics."""
    rows = [
        {"model": one.name, "slice": title, "value": p.value, "events": p.events, **p.metrics}
        for one in result.candidates
        for title, parts in one.slices.items()
        for p in parts
    ]
    told: dict[str, Held] = {"model": "text", "slice": "text", "value": "text", "events": "whole"}
    held: dict[str, Held] = {**told, **dict.fromkeys(result.metrics, "number")}
    return frame_of(by_name(rows, tuple(held)), as_, held)


def _model_row(result: ExperimentResult, one: Candidate, costs: Costs | None) -> dict[str, Any]:
    row: dict[str, Any] = {"model": one.name, "kind": one.kind, "events": one.events}
    row |= {metric: one.metrics.get(metric) for metric in result.metrics}
    row["verdict"] = "; ".join(verdict(v, result.clock) for v in one.versus) or None
    if one.money is not None:
        row |= {"cost": one.money.total, "incumbent_cost": one.money.incumbent}
    row |= {"unanswered": one.unanswered, "learn_failed": one.learn_failed}
    row["state_bytes"] = one.state_bytes
    spent = costs.candidates.get(one.name) if costs is not None else None
    row["us_per_event"] = spent.us_per_event if spent is not None else None
    row["recipe"] = one.recipe
    return row


def _some(recording: Recording, topic: str, partition: int, limit: int | None) -> Iterator[Any]:
    left = limit
    for batch in recording.records(topic, partition):
        for record in batch:
            if left is not None:
                if left <= 0:
                    return
                left -= 1
            yield record


def _text(key: bytes | None) -> str | None:
    return None if key is None else key.decode("utf-8", "backslashreplace")


def _known(models: Sequence[str], names: Sequence[str]) -> Sequence[str]:
    for name in models:
        if name not in names:
            raise LablineError(
                "LL-MODEL-UNKNOWN", f"no model {name!r} answered here", f"one of {', '.join(names)}"
            )
    return models
