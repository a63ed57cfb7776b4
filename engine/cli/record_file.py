"""``labline record --file``: a file's rows as the topics that they would have been published to."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from engine.cli.progress import counting
from engine.errors import LablineError
from lab_replay.files.history import FROM_FILE
from lab_replay.files.order import in_time_order
from lab_replay.recordings.recording_format import Manifest, write_manifest
from lab_replay.recordings.spread import Spread
from lab_replay.recordings.storage import Store
from lab_replay.recordings.unfinished import begin_anew
from topics.partitioning import partition_of

if TYPE_CHECKING:
    from engine.publish.rows import Row
    from engine.workspace.workspace import Workspace

REJECTED_SHOWN = 10
CSV = (".csv", ".tsv")


#: Event time, partition, key, value.
Timed: TypeAlias = tuple[int, int, bytes, bytes]


def record_file(topics: list[str], file: Path, out: str, workspace: Path | None) -> Manifest:
    """Record a file as each of `topics` takes its rows: checked, keyed, in order of event time.

    Labels come later than their events, so a file that is in order of one is not in that of the
    other: each topic has its own.

    Raises
    ------
    LablineError
        ``LL-RECORDING-ROWS`` with the lines that a topic's schema rejects, ``LL-IMPORT-ORDER``
        when a topic's rows are out of order and too many to sort; nothing is recorded then.
    """
    from engine.workspace.workspace import Workspace

    if not file.is_file():
        raise LablineError("LL-FILE-MISSING", f"there is no file {file}", "name one that is there")
    space = Workspace.find(workspace)
    store = begin_anew(out)
    with counting("recording", None) as progress, ExitStack() as stack:
        spreads = {
            topic: _spread(space, topic, file, stack, progress) for topic in dict.fromkeys(topics)
        }
        return _kept(store, spreads)


def _spread(
    space: "Workspace", topic: str, file: Path, stack: ExitStack, progress: Callable[[int], None]
) -> Spread:
    """Return a topic's records in order of time; only rows that are not in it are held."""
    spread, latest_ms, ascending = stack.enter_context(Spread()), None, True
    for time_ms, partition, key, value in _records(space, topic, file, spread):
        spread.add(partition, time_ms, key, value)
        ascending = ascending and (latest_ms is None or latest_ms <= time_ms)
        latest_ms = time_ms
        progress(1)
    if ascending:
        return spread
    ordered = stack.enter_context(Spread())
    remedy = f"record {topic} from a copy of the file that is sorted by its event time"
    for time_ms, partition, key, value in in_time_order(
        _records(space, topic, file, ordered), remedy
    ):
        ordered.add(partition, time_ms, key, value)
    return ordered


def _kept(store: Store, spreads: dict[str, Spread]) -> Manifest:
    """Put all topics where they belong; when that is cut short, nothing stays there."""
    try:
        files = {topic: spread.keep(store, topic) for topic, spread in spreads.items()}
        manifest = Manifest.of(FROM_FILE, files)
        write_manifest(store, manifest)
    except BaseException:
        store.clear()
        raise
    return manifest


def _records(space: "Workspace", topic: str, file: Path, spread: Spread) -> Iterator[Timed]:
    from engine.workspace.workspace import known
    from schemas.avro import Rejection, SchemaViolation

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
    rejects = _Rejects(schema.name)
    for row in _rows(file, space, topic):
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

    def __init__(self, name: str) -> None:
        self._name, self._told, self._count = name, list[str](), 0

    def add(self, line: int, why: str) -> None:
        self._count += 1
        if len(self._told) < REJECTED_SHOWN:
            self._told.append(f"line {line}: {why}")

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


def _rows(file: Path, space: "Workspace", topic: str) -> "Iterator[Row]":
    from engine.publish.rows import csv_rows, json_rows
    from lab_replay.files.tables import lines_of

    read = csv_rows if file.name.lower().removesuffix(".gz").endswith(CSV) else json_rows
    return read(lines_of(file), space.schema_of(topic))
