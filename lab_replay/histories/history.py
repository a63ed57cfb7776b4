"""History from outside Kafka: a file of rows as a recording, with the line to replay it by.

Each row is an event of one partition, and its label follows in a topic beside it. Where no column
tells when a label came, it is known right after its own event and before the next one: what
evaluations without delay assume.
"""

import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from labline.engine.core.line import Kind, Line
from labline.engine.core.record import Record
from labline.engine.errors import LablineError
from labline.engine.workspace.label_kind import KINDS
from labline.engine.workspace.unused import to_mend
from labline.lab_replay.histories.records import Made
from labline.lab_replay.histories.roles import Roles, Truth, named_roles, truth_of
from labline.lab_replay.histories.tables import Table, bad, table_of
from labline.lab_replay.histories.times import Times, times_of
from labline.lab_replay.histories.walk import Walk, walk
from labline.lab_replay.recordings.container import BLOCK_RECORDS
from labline.lab_replay.recordings.recording import Recording
from labline.lab_replay.recordings.recording_format import (
    Manifest,
    partition_path,
    write_manifest,
    write_partition,
)
from labline.schemas.avro import Schema

VERSION = 3  # of what is made of a file: another one is made anew
FROM_FILE = "none"  # there was no cluster
HISTORY = "history.json"
NOBODY_SAID = Roles()
ID_LIKE = re.compile(r"(^|[^A-Za-z])(id|ID)$|[a-z](Id|ID)$")


class Understood(NamedTuple):
    """What was understood of a file, for people.

    Attributes
    ----------
    roles
        What the columns are, those included that were guessed.
    guessed
        Which of the roles nobody named.
    time_form, label_form
        How times of events and labels are written; None: they have none.
    features
        Columns that are features, and what those are called.
    left_out
        Columns that are no feature and nothing else, and why.
    remarks
        What else is to be known.
    """

    rows: int
    roles: Roles
    guessed: tuple[str, ...]
    time_form: str | None
    label_form: str | None
    features: dict[str, str]
    left_out: dict[str, str]
    remarks: tuple[str, ...]


class ImportedHistory(NamedTuple):
    """A file as history.

    Attributes
    ----------
    line
        With every column that is nothing else as a feature.
    """

    recording: Recording
    line: Line
    event_schema: Schema
    label_schema: Schema | None
    understood: Understood


def history_of(
    path: str | Path,
    *,
    id: str | None = None,  # noqa: A002  # as the command line has it
    time: str | None = None,
    label: str | None = None,
    key: str | None = None,
    label_time: str | None = None,
    kind: str | None = None,
    cache_dir: Path,
) -> ImportedHistory:
    """Return a file as history; what was made of the same file before is used again.

    Parameters
    ----------
    id, time, label, key, label_time
        Columns. What is not named is guessed; without an id and a time the row's number is both.
    kind
        Of the line: binary, multiclass, regression or anomaly; None: told from the label.
    cache_dir
        Where recordings of files are kept.

    Raises
    ------
    LablineError
        ``LL-IMPORT-…``, with what was found and what to write instead.
    """
    path = Path(path)
    table = table_of(path)
    given, asked = Roles(id, time, key, label, label_time), _kind(kind)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    digest.update(json.dumps([VERSION, path.name, *given, kind]).encode())
    folder = cache_dir / f"{_name(path)}-{digest.hexdigest()[:16]}"
    kept = _whole(folder)
    if kept is None:
        shutil.rmtree(folder, ignore_errors=True)
        cache_dir.mkdir(parents=True, exist_ok=True)
        draft = cache_dir / f".{folder.name}.{secrets.token_hex(4)}"
        try:
            _import(table, _name(path), draft, given, asked)
            _rename(draft, folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return kept or _load(folder)


def import_table(
    path: str | Path, out: Path, given: Roles = NOBODY_SAID, kind: Kind | None = None
) -> ImportedHistory:
    """Make a recording in the folder `out` of a file.

    Raises
    ------
    LablineError
        ``LL-RECORDING-EXISTS``; ``LL-IMPORT-…``.
    """
    path = Path(path)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise bad("EXISTS", f"{out} is not empty", "name a folder that is not there yet")
    _import(table_of(path), _name(path), out, given, kind)
    return _load(out)


def _whole(folder: Path) -> ImportedHistory | None:
    """Return what was made of a file, if every byte is there: a digest is cheap beside that."""
    try:
        kept = _load(folder)
        recording = kept.recording
        for topic, files in recording.manifest.topics.items():
            next(recording.records(topic, 0), None)  # its index, too
            with partition_path(folder, topic, 0).open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != files[0].sha256:
                    return None
    except (LablineError, OSError, ValueError, KeyError, TypeError):
        return None
    return kept


def _load(folder: Path) -> ImportedHistory:
    told = json.loads((folder / HISTORY).read_text("utf-8"))
    labels = told["label_schema"]
    return ImportedHistory(
        Recording.open(folder),
        Line.parse(told["line"]),
        Schema.parse(told["event_schema"]),
        Schema.parse(labels) if labels else None,
        _understood(told["understood"]),
    )


def _understood(told: dict[str, Any]) -> Understood:
    lists = {name: tuple(told[name]) for name in ("guessed", "remarks")}
    return Understood(**{**told, **lists, "roles": Roles(*told["roles"])})


def _import(table: Table, name: str, folder: Path, given: Roles, kind: Kind | None) -> None:
    roles = named_roles(table, given, kind)
    walked = walk(table, roles, given)
    times = times_of(table, walked, given)
    column = walked.columns[roles.label] if roles.label else None
    truth = truth_of(column, kind) if column else Truth("anomaly")
    made = Made(table, name, walked.columns, times, truth)
    files = {
        made.events: write_partition(
            partition_path(folder, made.events, 0), _batched(made.event_records()),
            start=0, end=walked.rows,
        )
    }  # fmt: skip
    if made.label_schema:
        place = partition_path(folder, made.labels, 0)
        entry = write_partition(place, _batched(made.label_records()), start=0, end=walked.rows)
        files[made.labels] = entry.model_copy(update={"end": entry.records})
    told = {
        "line": json.loads(made.line().canonical()),
        "event_schema": made.event_schema.document,
        "label_schema": made.label_schema.document if made.label_schema else None,
        "understood": _told(walked, times, given, made)._asdict(),
    }
    (folder / HISTORY).write_text(json.dumps(told, indent=1), "utf-8")
    write_manifest(folder, Manifest.of(FROM_FILE, {t: {0: file} for t, file in files.items()}))


def _told(walked: Walk, times: Times, given: Roles, made: Made) -> Understood:
    found = times.roles._asdict()
    used = [column for column in walked.columns.values() if column.header not in found.values()]
    guessed = [role for role, name in given._asdict().items() if name is None and found[role]]
    taken = (column for column in used if column.header not in made.left_out)
    remarks = [*times.remarks, *_gaps(walked, made), *to_mend(taken)]
    remarks += [f"{c.header} is a feature, as a quantity: if it is a name, take it out of the file"
                for c in made.numeric if ID_LIKE.search(c.header)]  # fmt: skip
    return Understood(
        walked.rows, times.roles, tuple(guessed), times.form, times.label_form,
        {c.header: c.name for c in made.features}, made.left_out, tuple(remarks),
    )  # fmt: skip


def _gaps(walked: Walk, made: Made) -> Iterator[str]:
    """Yield where rows have no label, and where a text was taken as no value: it may be one."""
    rows = f"of {walked.rows:,} rows"
    for column in walked.columns.values():
        counts = zip(column.missing, column.gaps, strict=True)
        words = ", ".join(f"{word!r}: {count:,}" for word, count in counts if word)
        told = f" ({words})" if words else ""
        if column.header == made.roles.label and column.missing:
            yield f"{sum(column.gaps):,} {rows} have no label{told}"
        elif words and column.kind == "string":
            yield f"{sum(column.gaps):,} {rows} have no {column.header}{told}"


def _batched(records: Iterator[Record]) -> Iterator[list[Record]]:
    batch: list[Record] = []
    for record in records:
        batch.append(record)
        if len(batch) == BLOCK_RECORDS:
            yield batch
            batch = []
    yield batch


def _kind(told: str | None) -> Kind | None:
    known = next((kind for kind in KINDS if kind == told), None)
    if told is not None and known is None:
        raise bad("KIND", f"{told[:40]!r} is no kind of line", f"there are {', '.join(KINDS)}")
    return known


def _name(path: Path) -> str:
    stem = path.name.lower().split(".")[0]
    plain = re.sub(r"[^a-z0-9]+", "-", stem).strip("-")[:60] or "table"
    return f"{plain}-file" if plain in ("lab", "labline") else plain


def _rename(draft: Path, folder: Path) -> None:
    try:
        os.rename(draft, folder)  # noqa: PTH104  # another process may have been faster
    except OSError:
        if not folder.exists():
            raise
