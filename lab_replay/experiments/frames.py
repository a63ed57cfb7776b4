"""Recordings, predictions and results as frames: polars, pandas or Arrow.

Times are UTC without a zone, in milliseconds. Columns keep one type whatever is in them.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any, Literal, TypeAlias, get_args

from engine.errors import LablineError
from lab_replay.evaluation.headline import verdict
from lab_replay.evaluation.prediction_log import PredictionLog
from lab_replay.evaluation.result import Candidate, Costs, ExperimentResult
from lab_replay.recordings.recording import Recording
from schemas.avro import Rejection, Schema
from schemas.framing import Codec, Heads

FrameKind: TypeAlias = Literal["polars", "pandas", "arrow"]
#: A library and what must be installed to have it.
_LIBRARIES = {"polars": "polars", "pandas": "pandas", "arrow": "pyarrow"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

RECORD_COLUMNS = ("partition", "offset", "timestamp", "key", "undecoded")


def frame_of(columns: Mapping[str, Any], as_: FrameKind = "polars") -> Any:
    """Return columns as a frame.

    Parameters
    ----------
    columns
        Name -> numpy array or list.
    as_
        ``polars``, ``pandas`` or ``arrow``.

    Raises
    ------
    LablineError
        ``LL-FRAME-KIND``, or ``LL-FRAME-LIBRARY`` naming what is not installed.

    Examples
    --------
    >>> frame_of({"n": [1, 2]}, "pandas")["n"].sum().item()
    3
    """
    library = _library(as_)
    if as_ == "polars":
        return library.DataFrame(dict(columns), strict=False)
    if as_ == "pandas":
        return library.DataFrame(dict(columns))
    return library.table({name: library.array(column) for name, column in columns.items()})


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
    _library(as_)  # before the work
    fields = {
        field["name"]: f"value.{field['name']}"
        if field["name"] in RECORD_COLUMNS
        else field["name"]
        for field in schema.document["fields"]
    }
    columns: dict[str, list[Any]] = {name: [] for name in (*RECORD_COLUMNS, *fields.values())}
    codec = Codec(schema, writers)
    for partition in recording.partitions(topic):
        for offset, timestamp_ms, key, value, headers in _some(recording, topic, partition, limit):
            told = codec.decode(value, headers)
            broken = isinstance(told, Rejection)
            placed = (partition, offset, time_of(timestamp_ms), _text(key))
            for name, cell in zip(RECORD_COLUMNS, placed, strict=False):
                columns[name].append(cell)
            columns["undecoded"].append(told.reason if isinstance(told, Rejection) else None)
            for name, column in fields.items():
                columns[column].append(None if broken else told[name])
    return frame_of(columns, as_)


def predictions_frame(
    log: PredictionLog, as_: FrameKind = "polars", models: Sequence[str] | None = None
) -> Any:
    """Return a row an answered event: place, times, label, slices, and each model's score.

    Of several classes a score is a column for each: ``model.class``.

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
    import numpy as np

    there = log.label_time_ms >= 0
    label_ms = np.where(there, log.label_time_ms, np.iinfo(np.int64).min)  # numpy's no time
    columns: dict[str, Any] = {
        "partition": np.asarray(log.partition),
        "offset": np.asarray(log.offset),
        "event_time": np.asarray(log.event_time_ms).view("datetime64[ms]"),
        "label": np.asarray(log.label),
        "label_time": label_ms.view("datetime64[ms]"),
    }
    for title, parts in log.slices.items():
        columns[title] = [parts.names[code] if code >= 0 else None for code in parts.codes]
    for name in log.names if models is None else _known(models, log.names):
        score = np.asarray(log.scores[name])
        if score.ndim == 1:
            columns[name] = score
        else:
            told = log.classes or tuple(map(str, range(score.shape[1])))
            columns |= {f"{name}.{c}": score[:, k].copy() for k, c in enumerate(told)}
    return frame_of(columns, as_)


def result_frame(
    result: ExperimentResult, costs: Costs | None = None, as_: FrameKind = "polars"
) -> Any:
    """Return a row a model, the best first: metrics, cost, money, verdicts."""
    rows = [_model_row(result, one, costs) for one in result.ranked()]
    return frame_of(_columns(rows), as_)


def windows_frame(result: ExperimentResult, as_: FrameKind = "polars") -> Any:
    """Return a row a model and window of event time, with the window's metrics.

    Columns ``so_far.…`` are the metrics over all events up to the window's end, which ``until`` is.
    """
    rows = [
        {
            "model": one.name,
            "time": time_of(w.middle_ms),
            "until": time_of(w.end_ms),
            "events": w.events,
            **w.metrics,
            **{f"so_far.{metric}": value for metric, value in w.so_far.items()},
        }
        for one in result.candidates
        for w in one.windows
    ]
    totals = (f"so_far.{metric}" for metric in result.metrics)
    names = ("model", "time", "until", "events", *result.metrics, *totals)
    return frame_of(_columns(rows, names), as_)


def slices_frame(result: ExperimentResult, as_: FrameKind = "polars") -> Any:
    """Return a row a model and part of the events, with the part's metrics."""
    rows = [
        {"model": one.name, "slice": title, "value": p.value, "events": p.events, **p.metrics}
        for one in result.candidates
        for title, parts in one.slices.items()
        for p in parts
    ]
    return frame_of(_columns(rows, ("model", "slice", "value", "events", *result.metrics)), as_)


def time_of(time_ms: int) -> datetime | None:
    """Return a time as frames hold it; None for one that no calendar has.

    Examples
    --------
    >>> time_of(1_357_000_000_000), time_of(1 << 62)
    (datetime.datetime(2013, 1, 1, 0, 26, 40), None)
    """
    try:
        return (_EPOCH + timedelta(milliseconds=time_ms)).replace(tzinfo=None)
    except OverflowError:
        return None


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


def _columns(rows: list[dict[str, Any]], names: Sequence[str] = ()) -> dict[str, list[Any]]:
    known = list(dict.fromkeys((*names, *(name for row in rows for name in row))))
    return {name: [row.get(name) for row in rows] for name in known}


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


def _library(as_: str) -> Any:
    if as_ not in get_args(FrameKind):
        raise LablineError(
            "LL-FRAME-KIND", f"no frames are called {as_!r}", "as_ is polars, pandas or arrow"
        )
    try:
        return import_module(_LIBRARIES[as_])
    except ModuleNotFoundError as error:
        extra = "pip install 'labline[lab]'" if as_ == "polars" else f"pip install {error.name}"
        raise LablineError(
            "LL-FRAME-LIBRARY", f"{as_} frames need {error.name}, which is not installed", extra
        ) from error
