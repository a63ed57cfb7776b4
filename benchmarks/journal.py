"""What the journal and the vitals cost in bytes, at a trickle, a stream and a flood of events.

Each transaction writes one entry of both per task, so their share falls as batches grow.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterable
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from metered import Job, Metered
from rich.console import Console
from rich.table import Table
from scorer import _await_end
from stage import EVENTS, Stage, stage

from labline.engine.broker.reader import partition_offsets, read_range
from labline.engine.demo.flights_source import DEPARTED, FIRST_DAY, timeline
from labline.engine.publish.publisher import Publisher
from labline.topics.naming import line_topics

RATES = {10: 300, 500: 10_000, 20_000: 60_000}  # events a second: how many events
DAYS = 90


def measure(
    place: Stage, rate: int, count: int, events: Iterable[dict[str, Any]]
) -> dict[str, Any]:
    """Publish events at a rate while a scorer runs; return bytes per event by topic."""
    line = f"at-{rate}"
    place.new_line(line)
    place.promote(line)
    before = place.log_end()
    process = Metered(Job(place.bootstrap, line, place.keys, None))
    if before:
        _await_end(place, f"labline.{line}", process)
    begin = {topic: _ends(place, topic) for topic in line_topics(line)}
    _publish(place, rate, events)
    _await_end(place, f"labline.{line}", process)
    process.stop()
    found = {}
    for kind, topic in line_topics(line)._asdict().items():
        found[kind] = _bytes(place, topic, begin[topic]) / count
    return {"rate": rate, "events": count, **found}


def _publish(place: Stage, rate: int, events: Iterable[dict[str, Any]]) -> None:
    started = time.monotonic()
    topic = place.workspace.topics()[EVENTS]
    with Publisher(place.bootstrap, topic, place.workspace.schema_of(EVENTS)) as publisher:
        for number, event in enumerate(events):
            ahead_s = number / rate - (time.monotonic() - started)
            if ahead_s > 0:
                time.sleep(ahead_s)
            publisher.send(event)


def _ends(place: Stage, topic: str) -> dict[int, int]:
    return {p: o.stable for p, o in partition_offsets(place.bootstrap, [topic])[topic].items()}


def _bytes(place: Stage, topic: str, begin: dict[int, int]) -> int:
    return sum(
        len(record[3] or b"") + len(record[2] or b"")
        for partition, end in _ends(place, topic).items()
        for batch in read_range(place.bootstrap, topic, partition, begin[partition], end)
        for record in batch
    )


def bench(rates: dict[int, int]) -> list[dict[str, Any]]:
    """Measure all rates."""
    last = FIRST_DAY + timedelta(days=DAYS)
    departures = (
        datum
        for _, kind, datum in timeline(FIRST_DAY + timedelta(days=1), last)
        if kind == DEPARTED
    )
    with (
        tempfile.TemporaryDirectory(prefix="labline-bench-") as folder,
        stage(Path(folder), 1) as place,
    ):
        return [
            measure(place, rate, count, list(islice(departures, count)))
            for rate, count in rates.items()
        ]


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="figures as JSON on stdout")
    parser.add_argument("--quick", action="store_true", help="a tenth of the events")
    options = parser.parse_args()
    found = bench({rate: count // (10 if options.quick else 1) for rate, count in RATES.items()})
    if options.json:
        sys.stdout.write(json.dumps(found, indent=2) + "\n")
        return
    table = Table(title="bytes per event, keys and values")
    for column in ("events/s", "events", "scores", "shadow", "journal", "vitals", "of scores"):
        table.add_column(column, justify="right")
    for row in found:
        share = (row["journal"] + row["vitals"]) / row["scores"]
        kinds = [f"{row[kind]:.1f}" for kind in ("scores", "shadow", "journal", "vitals")]
        table.add_row(f"{row['rate']:,}", f"{row['events']:,}", *kinds, f"{share:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
