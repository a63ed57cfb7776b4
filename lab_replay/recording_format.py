"""A recording's files: one Avro container file a partition, and the manifest over them."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import IO, Annotated, Any, Literal

import fastavro
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from engine.core.record import Record
from engine.errors import LablineError

MANIFEST = "manifest.json"
BATCH_RECORDS = 5_000

RECORDED = {
    "type": "record",
    "name": "labline.Recorded",
    "fields": [
        {"name": "offset", "type": "long"},
        {"name": "timestamp_ms", "type": "long"},
        {"name": "key", "type": ["null", "bytes"]},
        {"name": "value", "type": ["null", "bytes"]},
        {
            "name": "headers",
            "type": [
                "null",
                {
                    "type": "array",
                    "items": {
                        "type": "record",
                        "name": "labline.RecordedHeader",
                        "fields": [
                            {"name": "name", "type": "string"},
                            {"name": "value", "type": ["null", "bytes"]},
                        ],
                    },
                },
            ],
        },
    ],
}
_PARSED = fastavro.parse_schema(RECORDED)
# Fixed, and no compression: a file's bytes depend on the records alone, so the same range recorded
# twice, anywhere, has the same digest. Deflate would halve the size at a third more CPU to write.
_CODEC = "null"
_SYNC_MARKER = hashlib.md5(b"labline.Recorded", usedforsecurity=False).digest()

#: How Kafka allows topics to be named, so a manifest cannot point out of its folder.
TopicName = Annotated[
    str,
    StringConstraints(pattern=r"^(\.{0,2}[A-Za-z0-9_-][A-Za-z0-9._-]*|\.{3,})$", max_length=249),
]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Whole = Annotated[int, Field(ge=0)]


class PartitionFile(BaseModel):
    """One recorded partition: offsets ``[start, end)`` of its log, and the file's digest."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    start: Whole
    end: Whole
    records: Whole
    sha256: Sha256


class Manifest(BaseModel):
    """What a recording holds; its digest stands for all of it. No wall clock in it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    cluster: str
    topics: dict[TopicName, dict[Whole, PartitionFile]]
    digest: Sha256

    @classmethod
    def of(cls, cluster: str, topics: Mapping[str, Mapping[int, PartitionFile]]) -> "Manifest":
        """Return the manifest of these files, digest included."""
        tables = {t: dict(sorted(partitions.items())) for t, partitions in sorted(topics.items())}
        return cls(cluster=cluster, topics=tables, digest=_digest(1, cluster, tables))

    def intact(self) -> bool:
        """Return whether the digest is that of the rest."""
        return self.digest == _digest(self.format, self.cluster, self.topics)

    @property
    def records(self) -> int:
        """The number of records in all files."""
        return sum(file.records for files in self.topics.values() for file in files.values())


def partition_path(folder: Path, topic: str, partition: int) -> Path:
    """Return where a recording keeps a partition.

    Examples
    --------
    >>> partition_path(Path("year"), "flights.departed", 3).as_posix()
    'year/flights.departed/3.avro'
    """
    return folder / topic / f"{partition}.avro"


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write a recording's manifest; it makes the folder a recording, so it comes last."""
    text = json.dumps(manifest.model_dump(mode="json"), indent=1, ensure_ascii=False)
    (folder / MANIFEST).write_text(f"{text}\n", encoding="utf-8")


def write_partition(
    path: Path, batches: Iterable[list[Record]], *, start: int, end: int
) -> PartitionFile:
    """Write one partition's records, in the order given, and return what the manifest says of it.

    Parameters
    ----------
    start, end
        The range of offsets that the records were read from; there may be gaps in it.
    """
    count = 0

    def rows() -> Iterator[dict[str, Any]]:
        nonlocal count
        for offset, timestamp_ms, key, value, headers in chain.from_iterable(batches):
            count += 1
            yield {
                "offset": offset,
                "timestamp_ms": timestamp_ms,
                "key": key,
                "value": value,
                "headers": headers and [{"name": n, "value": v} for n, v in headers],
            }

    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        fastavro.writer(file, _PARSED, rows(), codec=_CODEC, sync_marker=_SYNC_MARKER)
    return PartitionFile(start=start, end=end, records=count, sha256=file_sha256(path))


def read_partition(file: IO[bytes]) -> Iterator[list[Record]]:
    """Yield a partition file's records in batches."""
    batch: list[Record] = []
    row: Any  # as RECORDED says
    for row in fastavro.reader(file):
        headers = row["headers"]
        batch.append(
            (
                row["offset"],
                row["timestamp_ms"],
                row["key"],
                row["value"],
                headers and [(header["name"], header["value"]) for header in headers],
            )
        )
        if len(batch) == BATCH_RECORDS:
            yield batch
            batch = []
    if batch:
        yield batch


def read_manifest(path: Path) -> Manifest:
    """Return a recording's manifest, its own digest checked.

    Raises
    ------
    LablineError
        ``LL-RECORDING-MISSING``, ``LL-RECORDING-DAMAGED``.
    """
    try:
        manifest = Manifest.model_validate_json(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError) as error:
        raise LablineError(
            "LL-RECORDING-MISSING", f"{path.parent} is no recording", "labline record makes one"
        ) from error
    except ValidationError as error:
        raise damaged(path, "is not a manifest that this version reads") from error
    if not manifest.intact():
        raise damaged(path, "was altered (digest)")
    return manifest


def damaged(path: Path, what: str) -> LablineError:
    """Return the refusal of a file that is not what was recorded."""
    return LablineError("LL-RECORDING-DAMAGED", f"{path} {what}", "record again, or copy it again")


def file_sha256(path: Path) -> str:
    """Return a file's sha256, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest(version: int, cluster: str, topics: Mapping[str, Mapping[int, PartitionFile]]) -> str:
    """Return the sha256 over everything else in the manifest, in canonical JSON."""
    tables = {
        topic: {str(p): file.model_dump() for p, file in files.items()}
        for topic, files in topics.items()
    }
    content = {"format": version, "cluster": cluster, "topics": tables}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
