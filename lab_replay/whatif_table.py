"""What if, for a terminal and for a file of differences, event by event."""

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from engine.errors import LablineError
from lab_replay.whatif import Folded
from lab_replay.whatif_result import WhatIf

SUFFIXES = (".jsonl", ".csv")
COLUMNS = (
    "topic", "partition", "offset", "id", "event_time_ms", "was_probability", "probability",
    "was_answer", "answer", "label",
)  # fmt: skip


def whatif_tables(found: WhatIf) -> Iterator[Table]:
    """Yield answers by partition, figures, and what became of labels."""
    table = _titled("answers")
    for heading in ("partition", "events", "to yes", "to no", "|shift| mean", "p50", "p95", "p99",
                    "max", "labelled", "left out", "gone", "added"):  # fmt: skip
        table.add_column(heading, justify="right")
    for part in (*found.partitions, found.total):
        shift = [f"{figure:.3g}" for figure in part.shift.values()] or ["–"] * 5
        name = "all" if part.partition is None else str(part.partition)
        counts = (part.labelled, part.left_out, part.gone, part.added)
        answers = (part.events, part.to_yes, part.to_no)
        cells = [*(f"{n:,}" for n in answers), *shift, *(f"{n:,}" for n in counts)]
        table.add_row(name, *cells, style="bold" if part.partition is None else "")
    yield table
    if any(part.measures for part in found.partitions):
        yield _measures(found)
    if found.outcomes:
        table = _titled("labels")
        for heading in ("outcome", "was", "would have been"):
            table.add_column(heading, justify="right")
        for outcome, counts_ in found.outcomes.items():
            table.add_row(outcome, *("–" if n is None else f"{n:,}" for n in counts_))
        yield table


def _measures(found: WhatIf) -> Table:
    table = _titled(f"figures per event, {found.estimate}")
    for heading in ("partition", "figure", "was", "would be", "difference", "95 % interval",
                    "seen", "events"):  # fmt: skip
        table.add_column(heading, justify="right", no_wrap=True)
    for part in (*found.partitions, found.total):
        for told in part.measures:
            unit = f" ({found.unit})" if told.name == "cost" and found.unit else ""
            table.add_row(
                "all" if part.partition is None else str(part.partition),
                Text(told.name + unit),
                f"{told.was:.6g}",
                f"{told.now:.6g}",
                f"{told.difference:+.3g}",
                Text(f"[{told.low:+.3g}, {told.high:+.3g}]"),
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


def write_differences(path: Path, topics: tuple[str, str], folded: Iterable[Folded]) -> int:
    """Write each event whose probability or answer would have been another; return how many.

    Parameters
    ----------
    topics
        Of events and of retries.
    """
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        if path.suffix == ".csv":
            table.writerow(COLUMNS)
        for event in _differences(topics, folded):
            count += 1
            if path.suffix == ".csv":
                table.writerow(event)
            else:
                file.write(json.dumps(dict(zip(COLUMNS, event, strict=True))) + "\n")
    return count


def _differences(topics: tuple[str, str], folded: Iterable[Folded]) -> Iterator[tuple[Any, ...]]:
    for part in folded:
        rows = part.rows
        for at, offset in enumerate(rows.offset):
            answers = bool(rows.was_yes[at]), bool(rows.now_yes[at])
            if rows.was[at] == rows.now[at] and answers[0] == answers[1]:
                continue
            label = None if rows.label[at] < 0 else bool(rows.label[at])
            place = topics[rows.retry[at]], part.partition, offset, rows.ids[at]
            yield *place, rows.time_ms[at], rows.was[at], rows.now[at], *answers, label
