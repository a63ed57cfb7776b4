"""A file of the events whose score or answer would have been another.

Called by `labline lab whatif --out`. What comes in are the pairs of answers, partition by
partition; what goes out is a file of JSON lines or CSV, a row for each event that differs. What
must stay true: a file that is there is never written over, and that is checked before the fold.
"""

import csv
import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from labline.engine.core.kinds import KINDS
from labline.engine.core.line import Line
from labline.engine.errors import LablineError
from labline.lab_replay.whatif.whatif import PartitionWhatIf

SUFFIXES = (".jsonl", ".csv")
EVENT = ("topic", "partition", "offset", "id", "event_time_ms")
#: By kind of line, what is written of an event in both pasts.
COMPARED = {
    "binary": ("probability", "answer"),
    "multiclass": ("class", "probability", "answer"),
    "regression": ("value", "answer"),
    "anomaly": ("value", "answer"),
}


def check_out(path: Path) -> None:
    """Refuse a file that cannot be written, before anything is folded.

    Raises
    ------
    LablineError
        ``LL-WHATIF-OUT``.
    """
    why = None
    if path.suffix not in SUFFIXES:
        why = "is neither .jsonl nor .csv"
    elif path.exists():
        why = "is there already"
    elif not path.parent.is_dir():
        why = "lies in a folder that is not there"
    if why:
        raise LablineError(
            "LL-WHATIF-OUT", f"--out {path} {why}", "name a new file: --out differences.jsonl"
        )


def write_differences(
    path: Path, line: Line, topics: tuple[str, str], partitions: Iterable[PartitionWhatIf]
) -> int:
    """Write each event whose score or answer would have been another; return how many.

    Parameters
    ----------
    path : Path
        A new file, ``.jsonl`` or ``.csv``.
    line : Line
        The line in force.
    topics : tuple of str
        Of events and of retries.
    partitions : iterable of PartitionWhatIf
        The events, with their ids.
    """
    pasts = ("factual", "counterfactual")
    compared = [f"{past}_{name}" for past in pasts for name in COMPARED[line.kind]]
    columns = (*EVENT, *compared, "label")
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        if path.suffix == ".csv":
            table.writerow(columns)
        for event in _differences(line, topics, partitions):
            count += 1
            if path.suffix == ".csv":
                table.writerow(event)
            else:
                file.write(json.dumps(dict(zip(columns, event, strict=True))) + "\n")
    return count


def _differences(
    line: Line, topics: tuple[str, str], partitions: Iterable[PartitionWhatIf]
) -> Iterator[tuple[Any, ...]]:
    for each in partitions:
        columns = vars(each.pairs)
        rows = zip(*(columns[name].tolist() for name in columns), strict=True)
        for identity, row in zip(each.ids, rows, strict=True):
            event = dict(zip(columns, row, strict=True))
            factual, counterfactual = (
                (*_score(line, event[past]), event[f"{past}_yes"])
                for past in ("factual", "counterfactual")
            )
            if (event["factual"], event["factual_yes"]) == (
                event["counterfactual"],
                event["counterfactual_yes"],
            ):
                continue
            topic = topics[event["is_retry"]]
            place = (topic, each.partition, event["offset"], identity, event["time_ms"])
            yield *place, *factual, *counterfactual, _label(line, event["label"])


def _score(line: Line, score: Any) -> tuple[Any, ...]:
    """Return a score; of several classes the best one and its probability."""
    if not line.classes:
        return (score,)
    best = max(score)
    return line.classes[score.index(best)], best


def _label(line: Line, label: float) -> Any:
    if math.isnan(label):
        return None
    if line.classes:
        return line.classes[int(label)]
    return label if KINDS[line.kind].predicts_number else bool(label)
