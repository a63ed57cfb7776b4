"""``labline record --file``: a file's rows as the topics that they would have been published to."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import typer

from labline.engine.cli.shared.progress import counting
from labline.engine.errors import LablineError
from labline.lab_replay.histories.history import FROM_FILE
from labline.lab_replay.histories.order import in_time_order
from labline.lab_replay.recordings.partition_files import Spread
from labline.lab_replay.recordings.recording_format import MANIFEST, Manifest, write_manifest
from labline.lab_replay.recordings.unfinished import begin_anew
from labline.topics.partitioning import partition_of

if TYPE_CHECKING:
    from labline.engine.publish.rows import Row
    from labline.engine.workspace.workspace import Workspace
    from labline.lab_replay.histories.tables import Table
    from labline.schemas.avro import Schema

REJECTED_SHOWN = 10
CSV, PARQUET = (".csv", ".tsv"), ".parquet"


#: Event time, partition, key, value.
Timed: TypeAlias = tuple[int, int, bytes, bytes]


class _Source(NamedTuple):
    """Which topic of a workspace a file is read for.

    Attributes
    ----------
    unknown
        Where its columns that are no field of the topic are put.
    """

    space: "Workspace"
    file: Path
    topic: str
    unknown: dict[str, list[str]]


def record_file(topics: list[str], file: Path, out: str, workspace: Path | None) -> Manifest:
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
    from labline.engine.workspace.workspace import Workspace

    if not file.is_file():
        raise LablineError("LL-FILE-MISSING", f"there is no file {file}", "name one that is there")
    space, unknown = Workspace.find(workspace), dict[str, list[str]]()
    begin_anew(out)
    with counting("recording", None) as progress, ExitStack() as stack:
        spreads = {
            topic: _spread(_Source(space, file, topic, unknown), stack, progress)
            for topic in dict.fromkeys(topics)
        }
        with begin_anew(out).alone():
            manifest = _kept(out, file, spreads)
    if left_out := _in_none(unknown):
        typer.echo(f"columns that no recorded topic has, so left out: {left_out}", err=True)
    return manifest


def _in_none(unknown: dict[str, list[str]]) -> str:
    """Return the columns of a file that none of its topics takes, as people read them."""
    first, *others = unknown.values() or ([],)
    return ", ".join(
        name or "(no name)" for name in first if all(name in other for other in others)
    )


def _spread(source: _Source, stack: ExitStack, progress: Callable[[int], None]) -> Spread:
    """Return a topic's records in order of time; only rows that are not in it are held."""
    spread, latest_ms, ascending = stack.enter_context(Spread()), None, True
    for time_ms, partition, key, value in _records(source, spread):
        spread.add(partition, time_ms, key, value)
        ascending = ascending and (latest_ms is None or latest_ms <= time_ms)
        latest_ms = time_ms
        progress(1)
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
    from labline.engine.workspace.workspace import known
    from labline.schemas.avro import Rejection, SchemaViolation

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
    rejects = _Rejects(schema.name, "row" if _is_parquet(source.file) else "line")
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
            value = schema.encode(row.datum)
        except SchemaViolation as error:
            rejects.add(row.line, f"{error}")
            continue
        assert isinstance(time_ms, int)  # as the schema has it
        name = str(key).encode()
        yield time_ms, partition_of(name, declared.partitions), name, value
    rejects.refuse()


class _Rejects:
    """Rows that a schema does not take: all are counted, the first are told."""

    def __init__(self, name: str, unit: str) -> None:
        self._name, self._unit, self._told, self._count = name, unit, list[str](), 0

    def add(self, line: int, why: str) -> None:
        self._count += 1
        if len(self._told) < REJECTED_SHOWN:
            self._told.append(f"{self._unit} {line}: {why}")

    def refuse(self) -> None:
        if not self._count:
            return
        left = self._count - len(self._told)
        more = f"; and {left:,} more" if left else ""
        raise LablineError(
            "LL-RECORDING-ROWS",
            f"{self._count:,} rows are no {self._name}: {'; '.join(self._told)}{more}",
            "mend or remove them: no row is left out silently",
        )


def _is_parquet(file: Path) -> bool:
    return file.name.lower().endswith(PARQUET)


def _rows(source: _Source, schema: "Schema") -> "Iterator[Row]":
    from labline.engine.publish.rows import csv_rows, json_rows
    from labline.lab_replay.histories.tables import lines_of, table_of

    unknown = source.unknown[source.topic] = []  # there may be none
    on_unknown = unknown.extend

    if _is_parquet(source.file):
        return _table_rows(table_of(source.file), schema, on_unknown)
    if source.file.name.lower().removesuffix(".gz").endswith(CSV):
        return csv_rows(lines_of(source.file), schema, on_unknown)
    return json_rows(lines_of(source.file), schema)


def _table_rows(
    table: "Table", schema: "Schema", on_unknown: Callable[[list[str]], None]
) -> "Iterator[Row]":
    """Yield a table's rows by its columns, as `csv_rows` does for what is written so."""
    from labline.engine.publish.cells import Cells
    from labline.engine.publish.rows import Row

    cells = Cells(schema, table.header)
    on_unknown(cells.unknown)
    for number, found in table.rows():
        if found is not None:
            raw = dict(zip(table.header, found, strict=True))
            yield Row(number, raw, cells.datum(found))
