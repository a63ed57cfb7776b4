"""A file's rows recorded as the topics that they would have been published to.

``labline record --file`` comes here. Rows are checked, keyed and put in the order of event time,
each topic by itself: labels come later than their events, so a file that is in order of one is not
in that of the other. A row that a topic's schema rejects refuses the file: nothing is recorded.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple, TypeAlias

from labline.engine.errors import LablineError
from labline.engine.tables.order import in_time_order
from labline.engine.tables.rows import Row, csv_rows, json_rows, table_rows
from labline.engine.tables.table import CSV, PARQUET, form_of, lines_of, table_of
from labline.engine.workspace.workspace import Workspace, known
from labline.lab_replay.histories.file_history import FROM_FILE
from labline.lab_replay.histories.line_recording import Progress, Say
from labline.lab_replay.recordings.partition_files import Spread
from labline.lab_replay.recordings.recording_format import MANIFEST, Manifest, write_manifest
from labline.lab_replay.recordings.unfinished import begin_anew
from labline.schemas.avro import Schema
from labline.schemas.rejection import Rejection, SchemaViolation
from labline.schemas.values.formats import format_of
from labline.topics.partitioning import partition_of

REJECTED_SHOWN = 10

#: Event time, partition, key, value.
Timed: TypeAlias = tuple[int, int, bytes, bytes]


class _Source(NamedTuple):
    """Which topic of a workspace a file is read for.

    Attributes
    ----------
    unknown
        Where its columns that are no field of the topic are put.
    """

    space: Workspace
    file: Path
    topic: str
    unknown: dict[str, list[str]]


def record_file(
    topics: list[str],
    file: Path,
    out: str,
    workspace: Path | None,
    *,
    say: Say,
    progress: Progress,
) -> Manifest:
    """Record a file as each of `topics` takes its rows: checked, keyed, in order of event time.

    Labels come later than their events, so a file that is in order of one is not in that of the
    other: each topic has its own.

    Raises
    ------
    LablineError
        ``LL-RECORDING-ROWS`` with the lines that a topic's schema rejects, or when there are no
        rows; ``LL-IMPORT-ORDER`` when a topic's rows are out of order and too many to sort;
        ``LL-RECORDING-EXISTS``. Nothing is recorded then.
    """
    if not file.is_file():
        raise LablineError("LL-FILE-MISSING", f"there is no file {file}", "name one that is there")
    space, unknown = Workspace.find(workspace), dict[str, list[str]]()
    begin_anew(out)
    with progress("recording", None) as step, ExitStack() as stack:
        spreads = {
            topic: _spread(_Source(space, file, topic, unknown), stack, step)
            for topic in dict.fromkeys(topics)
        }
        with begin_anew(out).alone():
            manifest = _kept(out, file, spreads)
    if left_out := _in_none(unknown):
        say(f"columns that no recorded topic has, so left out: {left_out}")
    return manifest


def _in_none(unknown: dict[str, list[str]]) -> str:
    """Return the columns of a file that none of its topics takes, as people read them."""
    first, *others = unknown.values() or ([],)
    return ", ".join(
        name or "(no name)" for name in first if all(name in other for other in others)
    )


def _spread(source: _Source, stack: ExitStack, step: Callable[[int], None]) -> Spread:
    """Return a topic's records in order of time; only rows that are not in it are held."""
    spread, latest_ms, ascending = stack.enter_context(Spread()), None, True
    for time_ms, partition, key, value in _records(source, spread):
        spread.add(partition, time_ms, key, value)
        ascending = ascending and (latest_ms is None or latest_ms <= time_ms)
        latest_ms = time_ms
        step(1)
    if ascending:
        return spread
    ordered = stack.enter_context(Spread())
    remedy = f"record {source.topic} from a copy of the file that is sorted by its event time"
    for time_ms, partition, key, value in in_time_order(_records(source, ordered), remedy):
        ordered.add(partition, time_ms, key, value)
    return ordered


def _kept(out: str, file: Path, spreads: dict[str, Spread]) -> Manifest:
    """Put all topics where they belong; when that is cut short, nothing of it stays there."""
    manifest = Manifest.of(FROM_FILE, {topic: each.finish() for topic, each in spreads.items()})
    if manifest.records == 0:
        raise LablineError(
            "LL-RECORDING-ROWS",
            f"{file} has no record of {' and '.join(spreads)}",
            "name a file that has rows",
        )
    store = begin_anew(out)  # another process may have recorded there meanwhile
    put = []
    try:
        for topic, spread in spreads.items():
            for name, path in spread.files(topic):
                put.append(name)
                store.upload(name, path)
        put.append(MANIFEST)
        write_manifest(store, manifest)
    except BaseException:
        for name in put:
            store.remove(name)
        store.prune()
        raise
    return manifest


def _records(source: _Source, spread: Spread) -> Iterator[Timed]:
    space, topic = source.space, source.topic
    topics = space.topics()
    declared = topics[known(topic, topics, "TOPIC", "topics/")]
    schema = space.schema_of(declared)
    time = schema.event_time
    if time is None:
        raise LablineError(
            "LL-RECORDING-TIME",
            f"no field of {schema.name} is the event time",
            'give the field that tells when it happened "event_time": true in the .avsc',
        )
    spread.partitions = declared.partitions
    values = format_of(schema)
    encode, head = values.encoder(schema), values.head(schema)
    rejects = _Rejects(schema.name, "row" if form_of(source.file) == PARQUET else "line")
    for row in _rows(source, schema):
        if row.datum is None:
            continue  # a row that is no record of this topic, as its schema says
        if isinstance(row.datum, Rejection):
            rejects.add(row.line, row.datum.message)
            continue
        key, time_ms = row.datum.get(declared.key), row.datum.get(time)
        if key is None:
            rejects.add(row.line, f"the key {declared.key} is null")
            continue
        try:
            value = encode(row.datum, head)
        except SchemaViolation as error:
            rejects.add(row.line, f"{error}")
            continue
        assert isinstance(time_ms, int)  # as the schema has it
        name = str(key).encode()
        yield time_ms, partition_of(name, declared.partitions), name, value
    rejects.refuse()


class _Rejects:
    """Rows that a schema does not take: all are counted, the first are named."""

    def __init__(self, name: str, unit: str) -> None:
        self._name, self._unit, self._first, self._count = name, unit, list[str](), 0

    def add(self, line: int, why: str) -> None:
        self._count += 1
        if len(self._first) < REJECTED_SHOWN:
            self._first.append(f"{self._unit} {line}: {why}")

    def refuse(self) -> None:
        if not self._count:
            return
        left = self._count - len(self._first)
        more = f"; and {left:,} more" if left else ""
        raise LablineError(
            "LL-RECORDING-ROWS",
            f"{self._count:,} rows are no {self._name}: {'; '.join(self._first)}{more}",
            "mend or remove them: no row is left out silently",
        )


def _rows(source: _Source, schema: Schema) -> Iterator[Row]:
    unknown = source.unknown[source.topic] = []  # there may be none
    form = form_of(source.file)
    if form == PARQUET:
        table = table_of(source.file)
        return table_rows(table.header, table.rows(), schema, unknown.extend)
    if form == CSV:
        return csv_rows(lines_of(source.file), schema, unknown.extend)
    return json_rows(lines_of(source.file), schema)
