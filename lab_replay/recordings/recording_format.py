"""What a recording says of itself: the manifest over its partitions' files."""

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from labline.engine.core.record import Record
from labline.engine.errors import LablineError
from labline.lab_replay.recordings.container import ContainerWriter, blocks_of
from labline.lab_replay.recordings.schema_heads import SchemaHeads
from labline.lab_replay.recordings.storage import Store

MANIFEST = "manifest.json"
UNFINISHED = "unfinished.json"

#: How Kafka allows topics to be named, so a manifest cannot point out of its folder.
TopicName = Annotated[
    str,
    StringConstraints(pattern=r"^(\.{0,2}[A-Za-z0-9_-][A-Za-z0-9._-]*|\.{3,})$", max_length=249),
]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Whole = Annotated[int, Field(ge=0)]
FIRST_FORMAT = frozenset({"start", "end", "records", "sha256"})


class PartitionFile(BaseModel):
    """One recorded partition: offsets ``[start, end)`` of its log, and the file's digest.

    Attributes
    ----------
    size
        In bytes. This and what follows is not known of recordings of format 1.
    index_sha256
        Of the file that has a line for each of its blocks.
    writers
        What the values say that they were written with: ``avro:`` and a fingerprint,
        ``registry:`` and an id, or ``unframed``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    start: Whole
    end: Whole
    records: Whole
    sha256: Sha256
    size: Whole | None = None
    index_sha256: Sha256 | None = None
    writers: tuple[str, ...] = ()


class Redacted(BaseModel):
    """What was left out of a topic; its values were decoded and encoded again.

    Attributes
    ----------
    fields
        Are null, or empty where null is not allowed.
    keys
        Whether the records' keys are null.
    unreadable
        How many values no schema could read, and are empty now.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    fields: tuple[str, ...] = ()
    keys: bool = False
    unreadable: Whole = 0


class Manifest(BaseModel):
    """What a recording holds; its digest stands for all of it. No wall clock in it.

    Attributes
    ----------
    cluster
        The broker's cluster id; ``none`` for history that was in no broker.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1, 2] = 2
    cluster: str
    topics: dict[TopicName, dict[Whole, PartitionFile]]
    redacted: dict[TopicName, Redacted] = {}
    digest: Sha256

    @classmethod
    def of(
        cls,
        cluster: str,
        topics: Mapping[str, Mapping[int, PartitionFile]],
        redacted: Mapping[str, Redacted] | None = None,
    ) -> "Manifest":
        """Return the manifest of these files, digest included."""
        tables = {t: dict(sorted(partitions.items())) for t, partitions in sorted(topics.items())}
        told = dict(sorted((redacted or {}).items()))
        made = cls(cluster=cluster, topics=tables, redacted=told, digest="0" * 64)
        return made.model_copy(update={"digest": made.computed()})

    def computed(self) -> str:
        """Return the sha256 over everything else in it, in canonical JSON."""
        first = self.format == 1
        told: dict[str, Any] = self.model_dump(mode="json", exclude={"digest"})
        if first:
            del told["redacted"]
            told["topics"] = {
                topic: {
                    str(p): file.model_dump(include=set(FIRST_FORMAT)) for p, file in files.items()
                }
                for topic, files in self.topics.items()
            }
        text = json.dumps(told, sort_keys=True, separators=(",", ":"))
        return sha256(text.encode()).hexdigest()

    @property
    def records(self) -> int:
        """The number of records in all files."""
        return sum(file.records for files in self.topics.values() for file in files.values())


def data_name(topic: str, partition: int) -> str:
    """Return what a partition's file is called inside its recording."""
    return f"{topic}/{partition}.avro"


def index_name(topic: str, partition: int) -> str:
    """Return what the index beside it is called."""
    return f"{topic}/{partition}.blocks"


def partition_path(folder: Path, topic: str, partition: int) -> Path:
    """Return where a recording in a folder keeps a partition.

    Examples
    --------
    >>> partition_path(Path("year"), "flights.departed", 3).as_posix()
    'year/flights.departed/3.avro'
    """
    return folder / data_name(topic, partition)


def write_manifest(place: Path | Store, manifest: Manifest) -> None:
    """Write a recording's manifest; it makes the folder a recording, so it comes last."""
    store = place if isinstance(place, Store) else Store(place)
    told = manifest.model_dump(mode="json")
    text = json.dumps(told, indent=1, ensure_ascii=False)
    store.write(MANIFEST, f"{text}\n".encode())


def write_partition(
    path: Path, batches: Iterable[list[Record]], *, start: int, end: int
) -> PartitionFile:
    """Write one partition's records, in the order given, and return what the manifest says of it.

    Parameters
    ----------
    path
        As `partition_path` gives it; the index is written beside it.
    start, end
        The range of offsets that the records were read from; there may be gaps in it.
    """
    heads = SchemaHeads()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as data, path.with_suffix(".blocks").open("wb") as index:
        writer = ContainerWriter(data, index)
        writer.begin()
        for block in blocks_of(batches):
            heads.add(block)
            writer.add(block)
    return entry_of(writer, heads, start, end)


def entry_of(writer: ContainerWriter, heads: SchemaHeads, start: int, end: int) -> PartitionFile:
    """Return what the manifest says of a partition that was written."""
    digest, index_digest = writer.digests
    return PartitionFile(
        start=start,
        end=end,
        records=writer.records,
        sha256=digest,
        size=writer.size,
        index_sha256=index_digest,
        writers=heads.names,
    )


def read_manifest(store: Store) -> Manifest:
    """Return a recording's manifest, its own digest checked.

    Raises
    ------
    LablineError
        ``LL-RECORDING-MISSING``, ``-UNFINISHED``, ``-DAMAGED``.
    """
    content = store.read(MANIFEST)
    if content is None:
        if store.size(UNFINISHED) is not None:
            raise LablineError(
                "LL-RECORDING-UNFINISHED",
                f"{store.url} was cut off while it was recorded",
                "the command that recorded it goes on when it is given again",
            )
        raise LablineError(
            "LL-RECORDING-MISSING", f"{store.url} is no recording", "labline record makes one"
        )
    try:
        manifest = Manifest.model_validate_json(content)
    except ValidationError as error:
        what = "is not a manifest that this version reads"
        raise damaged(store.path(MANIFEST), what) from error
    if manifest.digest != manifest.computed():
        raise damaged(store.path(MANIFEST), "was altered (digest)")
    return manifest


def damaged(path: str, what: str) -> LablineError:
    """Return the refusal of a file that is not what was recorded."""
    return LablineError("LL-RECORDING-DAMAGED", f"{path} {what}", "record again, or copy it again")
