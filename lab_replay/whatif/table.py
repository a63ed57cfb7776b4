"""What if, for a terminal and for a file of differences, event by event."""

import csv
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from labline.engine.core.line import Line
from labline.engine.errors import LablineError
from labline.lab_replay.whatif.figures import COST
from labline.lab_replay.whatif.result import WhatIf, interval, title
from labline.lab_replay.whatif.whatif import Folded

SUFFIXES = (".jsonl", ".csv")
PLACE = ("topic", "partition", "offset", "id", "event_time_ms")
#: By kind of line, what is told of an event both as it was and as it would have been.
COMPARED = {
    "binary": ("probability", "answer"),
    "multiclass": ("class", "probability", "answer"),
    "regression": ("value", "answer"),
    "anomaly": ("value", "answer"),
}


def whatif_tables(found: WhatIf) -> Iterator[Table]:
    """Yield answers by partition, figures, and what became of labels."""
    yield _answers(found)
    if any(part.measures for part in (*found.partitions, found.total)):
        yield _measures(found)
    if found.outcomes:
        table = _titled("labels")
        for heading in ("outcome", "was", "would have been"):
            table.add_column(heading, justify="right")
        for outcome, counts_ in found.outcomes.items():
            table.add_row(outcome, *("–" if n is None else f"{n:,}" for n in counts_))
        yield table


def _answers(found: WhatIf) -> Table:
    table = _titled("answers")
    several = found.total.to_class is not None
    means = [] if several else ["was mean", "mean"]
    classes = ["to another class"] if several else []
    for heading in ("partition", "events", *classes, "to yes", "to no", *means, "|shift| mean",
                    "p50", "p95", "p99", "max", "labelled", "left out", "gone",
                    "added"):  # fmt: skip
        table.add_column(heading, justify="right")
    for part in (*found.partitions, found.total):
        figures = [] if several else [part.was_mean, part.now_mean]
        shift = list(part.shift.values()) or [None] * 5
        name = "all" if part.partition is None else str(part.partition)
        counts = (part.labelled, part.left_out, part.gone, part.added)
        answers = (part.events, *([part.to_class or 0] if several else []), part.to_yes, part.to_no)
        cells = [
            *(f"{n:,}" for n in answers),
            *(_figure(n) for n in (*figures, *shift)),
            *(f"{n:,}" for n in counts),
        ]
        table.add_row(name, *cells, style="bold" if part.partition is None else "")
    return table


def _figure(number: float | None, form: str = ".3g") -> str:
    return "–" if number is None else format(number, form)


def _measures(found: WhatIf) -> Table:
    table = _titled(f"figures, {found.estimate}")
    for heading in ("partition", "figure", "was", "would be", "difference", "95 % interval",
                    "seen", "events"):  # fmt: skip
        table.add_column(heading, justify="right", no_wrap=True)
    for part in (*found.partitions, found.total):
        for told in part.measures:
            unit = f" ({found.unit})" if told.name == COST and found.unit else ""
            table.add_row(
                "all" if part.partition is None else str(part.partition),
                Text(title(told.name) + unit),
                _figure(told.was, ".6g"),
                _figure(told.now, ".6g"),
                _figure(told.difference, "+.3g"),
                Text(interval(told) or "–"),
                f"{told.observed:,}",
                f"{told.events:,}",
                style="bold" if part.partition is None else "",
            )
    return table


def _titled(title: str) -> Table:
    return Table(title=Text(title), title_justify="left", title_style="bold")


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
    path: Path, line: Line, topics: tuple[str, str], folded: Iterable[Folded]
) -> int:
    """Write each event whose score or answer would have been another; return how many.

    Parameters
    ----------
    topics
        Of events and of retries.
    """
    names = COMPARED[line.kind]
    columns = (*PLACE, *(f"was_{name}" for name in names), *names, "label")
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        if path.suffix == ".csv":
            table.writerow(columns)
        for event in _differences(line, topics, folded):
            count += 1
            if path.suffix == ".csv":
                table.writerow(event)
            else:
                file.write(json.dumps(dict(zip(columns, event, strict=True))) + "\n")
    return count


def _differences(
    line: Line, topics: tuple[str, str], folded: Iterable[Folded]
) -> Iterator[tuple[Any, ...]]:
    for part in folded:
        rows, width = part.rows, part.rows.width
        for at, offset in enumerate(rows.offset):
            cells = slice(at * width, (at + 1) * width)
            was, now = rows.was[cells], rows.now[cells]
            answers = bool(rows.was_yes[at]), bool(rows.now_yes[at])
            if was == now and answers[0] == answers[1]:
                continue
            place = topics[rows.retry[at]], part.partition, offset, rows.ids[at], rows.time_ms[at]
            told = (*_told(line, was), answers[0], *_told(line, now), answers[1])
            yield *place, *told, _label(line, rows.label[at])


def _told(line: Line, scores: Sequence[float]) -> tuple[Any, ...]:
    """Return what was answered: the score, of several classes the best one and its probability."""
    best = max(scores)
    return (line.classes[scores.index(best)], best) if line.classes else (best,)


def _label(line: Line, label: float) -> Any:
    if math.isnan(label):
        return None
    if line.classes:
        return line.classes[int(label)]
    return label if line.kind == "regression" else bool(label)
