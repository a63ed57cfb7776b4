"""``make bench``: labline's scorer beside a flat script, on the same topics, in turn.

See ``benchmarks/README.md`` for what is measured and how.
"""

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, KafkaException
from metered import Job, Metered
from rich.console import Console
from rich.table import Table
from stage import EVENTS, LABELS, Stage, days_of_year, stage

from labline.engine.broker.clients import consumer_config
from labline.engine.broker.reader import partition_offsets, read_range
from labline.engine.models.state.environment import environment
from labline.schemas.avro import Schema
from labline.schemas.engine_schemas import engine_schema
from labline.topics.naming import line_topics

DAYS, ROUNDS = 120, 4
POLL_S, POLL_TIMEOUT_S = 0.05, 10.0
TIMEOUT_S = 1_200.0
TARGET = 0.6

FLAT, EQUAL, SCORER = "flat script", "flat script, equal work", "labline scorer"
WHAT = {
    FLAT: "champion only, one record an event",
    EQUAL: "champion and base rate, answer and shadow record",
    SCORER: "champion and base rate, answer and shadow record; order, checks, journal, vitals",
}


@dataclass(frozen=True)
class Result:
    """One run of one program, from the log's start to its end."""

    program: str
    cpu_us: float  # of its own process, per event
    events_per_s: float
    answers: int
    learned: int
    transactions: int


def measure(place: Stage, program: str, name: str) -> Result:
    """Run a program over the whole log."""
    place.new_line(name)
    if program == SCORER:
        place.promote(name)
    group = f"labline.{name}" if program == SCORER else name
    process = Metered(Job(place.bootstrap, name, place.keys, _told(place, program, name)))
    events_per_s = _await_end(place, group, process)
    cost = process.stop()
    did = _vitals(place, name) if program == SCORER else cost["did"]
    return Result(
        program,
        cost["cpu_s"] / place.events * 1e6,
        events_per_s,
        did["answers"],
        did["learned"],
        did["transactions"],
    )


def _told(place: Stage, program: str, name: str) -> dict[str, Any] | None:
    """Return what the flat script is told; None for the scorer, which reads the control topic."""
    if program == SCORER:
        return None
    topics = line_topics(name)
    schemas: dict[str, Schema] = {
        "events": place.workspace.schema_of(EVENTS),
        "labels": place.workspace.schema_of(LABELS),
        "scores": engine_schema("labline.Score"),
        "shadow": engine_schema("labline.Shadow"),
    }
    baseline = {"base-rate": "BaseRate()"} if program == EQUAL else {}
    return {
        "topics": dict(zip(schemas, (EVENTS, LABELS, topics.scores, topics.shadow), strict=True)),
        "schemas": {kind: schema.document for kind, schema in schemas.items()},
        "heads": {k: schema.head for k, schema in schemas.items()},
        "models": {"logistic@1": place.recipe, **baseline},
    }


def _await_end(place: Stage, group: str, process: Metered) -> float:
    """Wait until a group has committed the whole log; return events per second from its first."""
    end, deadline = place.log_end(), time.monotonic() + TIMEOUT_S
    first: tuple[float, int] | None = None
    # The AdminClient's list_consumer_group_offsets crashes the process when the coordinator is
    # still loading (librdkafka#5040); a consumer that never joins asks the same, safely.
    config = consumer_config(place.bootstrap, group_id=group, isolation_level="read_uncommitted")
    with closing(Consumer(config)) as consumer:
        while time.monotonic() < deadline and process.alive():
            done, now = _committed(consumer, place), time.monotonic()
            if done and first is None:
                first = now, done
            if first is not None and done >= end:
                records_per_s = (done - first[1]) / (now - first[0]) if now > first[0] else 0.0
                return records_per_s * place.events / (place.events + place.labels)
            time.sleep(POLL_S)
    raise SystemExit(f"{group} did not reach the end of the log")


def _committed(consumer: Consumer, place: Stage) -> int:
    try:
        found = consumer.committed(place.inputs, POLL_TIMEOUT_S)
    except KafkaException:
        return 0  # the coordinator is still loading
    return sum(max(0, partition.offset) for partition in found)


def _vitals(place: Stage, line: str) -> dict[str, int]:
    """Return what the scorer did, by the vitals it wrote."""
    topic, decode = line_topics(line).vitals, engine_schema("labline.Vitals").decode
    counts: Counter[str] = Counter()
    for partition, offsets in partition_offsets(place.bootstrap, [topic])[topic].items():
        for batch in read_range(place.bootstrap, topic, partition, 0, offsets.stable):
            for record in batch:
                told: Any = decode(record[3])
                counts["answers"] += told["answers"]
                counts["learned"] += told["outcomes"].get("learned", 0)
                counts["entries"] += 1
                counts["transactions"] = max(counts["transactions"], told["sequence"] + 1)
    return counts


def best(results: Iterable[Result], program: str) -> Result:
    """Return the run that cost least: noise only ever adds."""
    return min((r for r in results if r.program == program), key=lambda result: result.cpu_us)


def report(results: list[Result], days: int, events: int, labels: int) -> dict[str, Any]:
    """Return the figures as one document."""
    mine, flat, equal = (best(results, program) for program in (SCORER, FLAT, EQUAL))
    return {
        "days": days,
        "events": events,
        "labels": labels,
        "environment": environment(),
        "runs": [vars(result) for result in results],
        "cpu_us_per_event": {r.program: round(r.cpu_us, 2) for r in (flat, equal, mine)},
        "events_per_s": {
            program: round(max(r.events_per_s for r in results if r.program == program))
            for program in (FLAT, EQUAL, SCORER)
        },
        "ratio_equal_work": round(mine.cpu_us / equal.cpu_us, 3),
        "ratio_champion_only": round(mine.cpu_us / flat.cpu_us, 3),
    }


def show(figures: dict[str, Any], console: Console) -> None:
    """Print the figures for people."""
    table = Table(
        title=f"{figures['events']:,} events and {figures['labels']:,} labels, to the end"
    )
    table.add_column("program")
    table.add_column("CPU µs per event", justify="right")
    table.add_column("events/s", justify="right")
    table.add_column("what it does")
    for program, cpu_us in figures["cpu_us_per_event"].items():
        rate = f"{figures['events_per_s'][program]:,}"
        table.add_row(program, f"{cpu_us:.1f}", rate, WHAT[program])
    console.print(table)
    console.print(
        f"CPU per event, scorer / flat with equal work: {figures['ratio_equal_work']:.2f}"
        f" (target {TARGET}); scorer / flat with the champion only:"
        f" {figures['ratio_champion_only']:.2f}"
    )


def bench(days: int, rounds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure all programs, in turn and alternating."""
    results: list[Result] = []
    with (
        tempfile.TemporaryDirectory(prefix="labline-bench-") as folder,
        stage(Path(folder), days) as place,
    ):
        say(f"published {place.events:,} events and {place.labels:,} labels")
        for turn in range(rounds):
            for number, program in enumerate((FLAT, EQUAL, SCORER)):
                result = measure(place, program, f"bench-{turn}-{number}")
                say(
                    f"round {turn + 1}: {program}: {result.cpu_us:.1f} µs CPU per event,"
                    f" {result.events_per_s:,.0f} events/s, {result.transactions} transactions"
                )
                results.append(result)
        work = {(result.answers, result.learned) for result in results}
        assert len(work) == 1, f"the programs did not do the same work: {work}"
        return report(results, days, place.events, place.labels)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=DAYS, help="days of flights (default 120)")
    parser.add_argument("--year", action="store_true", help="all days: about ten minutes")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="runs of each program")
    parser.add_argument("--json", action="store_true", help="figures as JSON on stdout")
    options = parser.parse_args()
    days = days_of_year() if options.year else options.days
    figures = bench(days, options.rounds, lambda text: print(text, file=sys.stderr))
    if options.json:
        print(json.dumps(figures, indent=2))
    else:
        show(figures, Console())


if __name__ == "__main__":
    main()
