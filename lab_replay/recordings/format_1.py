"""Partition files of recordings of format 1: an Avro container with a row for each record."""

from collections.abc import Iterator
from typing import IO, Any

import fastavro

from labline.engine.core.record import Record

BATCH_RECORDS = 5_000


def read_rows(file: IO[bytes]) -> Iterator[list[Record]]:
    """Yield a partition file's records in batches."""
    batch: list[Record] = []
    row: Any  # offset, timestamp_ms, key, value, headers
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
