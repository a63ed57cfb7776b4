"""A file as history: a recording made of its rows, with the line to replay it by.

`labline.lab_replay.histories.history` asks for it with a path and what a person said of the
columns. What was made of the same file for the same words before is used again, if every byte of
it is there. Whatever goes wrong, or is cut off, leaves nothing behind.
"""

import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from labline.engine.core.line import Line
from labline.engine.core.record import Record
from labline.engine.errors import LablineError
from labline.engine.tables.proposal import Proposal, propose
from labline.engine.tables.roles import Roles
from labline.engine.tables.scope import REPLAY
from labline.engine.tables.table import Table, table_of
from labline.lab_replay.histories.file_records import FileRecords
from labline.lab_replay.recordings.container import BLOCK_RECORDS
from labline.lab_replay.recordings.recording import Recording
from labline.lab_replay.recordings.recording_format import (
    Manifest,
    PartitionFile,
    partition_path,
    write_manifest,
    write_partition,
)
from labline.schemas.avro import Schema

VERSION = 4  # of what is made of a file: another one is made anew
FROM_FILE = "none"  # there was no cluster
PROPOSAL = "history.json"
NOTHING_SAID = Roles()


class FileHistory(NamedTuple):
    """A file as history.

    Attributes
    ----------
    line
        With every column that is nothing else as a feature.
    proposal
        What was guessed, taken and left out.
    """

    recording: Recording
    line: Line
    event_schema: Schema
    label_schema: Schema | None
    proposal: Proposal


def file_history(path: Path, said: Roles = NOTHING_SAID, *, cache_dir: Path) -> FileHistory:
    """Return a file as history; what was made of the same file before is used again.

    Parameters
    ----------
    said
        What a person said of the columns; what is not said is guessed.
    cache_dir
        Where recordings of files are kept.

    Raises
    ------
    LablineError
        ``LL-IMPORT-…``, with what was found and what to write instead.
    """
    return _File(path, said, cache_dir).history()


class _File:
    """A file on its way to a history."""

    def __init__(self, path: Path, said: Roles, cache_dir: Path) -> None:
        self.path, self.said, self.cache_dir = path, said, cache_dir
        self.name = _name(path)

    def history(self) -> FileHistory:
        """Return the history that was made before, or make it."""
        table = table_of(self.path)
        with self.path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256")
        digest.update(json.dumps([VERSION, self.path.name, *self.said]).encode())
        folder = self.cache_dir / f"{self.name}-{digest.hexdigest()[:16]}"
        return _whole(folder) or self._made(folder, table)

    def _made(self, folder: Path, table: Table) -> FileHistory:
        shutil.rmtree(folder, ignore_errors=True)
        self.cache_dir.mkdir(parents=True, exist_ok=True)
        draft = self.cache_dir / f".{folder.name}.{secrets.token_hex(4)}"
        try:
            self._write(draft, table)
            _rename(draft, folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        return _load(folder)

    def _write(self, folder: Path, table: Table) -> None:
        proposal, _ = propose(table, self.name, self.said, REPLAY)
        line, event_schema, label_schema = _declared(proposal)
        records = FileRecords(table, proposal, event_schema, label_schema)
        files = {line.events: _written(folder, line.events, records.events())}
        if line.labels is not None:
            files[line.labels] = _written(folder, line.labels, records.labels())
        (folder / PROPOSAL).write_text(json.dumps(proposal._asdict(), indent=1), "utf-8")
        topics = {topic: {0: file} for topic, file in files.items()}
        write_manifest(folder, Manifest.of(FROM_FILE, topics))


def _whole(folder: Path) -> FileHistory | None:
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


def _load(folder: Path) -> FileHistory:
    document = json.loads((folder / PROPOSAL).read_text("utf-8"))
    proposal = Proposal.of(document)
    return FileHistory(Recording.open(folder), *_declared(proposal), proposal)


def _declared(proposal: Proposal) -> tuple[Line, Schema, Schema | None]:
    line = Line.parse({**proposal.line, "learner": "single"}, str(proposal.line["name"]))
    labels = proposal.label_schema
    return line, Schema.parse(proposal.event_schema), Schema.parse(labels) if labels else None


def _written(folder: Path, topic: str, records: Iterator[Record]) -> PartitionFile:
    place = partition_path(folder, topic, 0)
    entry = write_partition(place, _batches(records), start=0, end=0)
    return entry.model_copy(update={"end": entry.records})


def _batches(records: Iterator[Record]) -> Iterator[list[Record]]:
    batch: list[Record] = []
    for record in records:
        batch.append(record)
        if len(batch) == BLOCK_RECORDS:
            yield batch
            batch = []
    yield batch


def _name(path: Path) -> str:
    """Return what a file's line and topics are called."""
    stem = path.name.lower().split(".")[0]
    plain = re.sub(r"[^a-z0-9]+", "-", stem).strip("-")[:60] or "table"
    return f"{plain}-file" if plain in ("lab", "labline") else plain


def _rename(draft: Path, folder: Path) -> None:
    try:
        os.rename(draft, folder)  # noqa: PTH104  # another process may have been faster
    except OSError:
        if not folder.exists():
            raise
