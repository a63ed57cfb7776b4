"""A small past with labels, as a recording: nothing of it has ever been in a broker."""

from collections.abc import Sequence
from pathlib import Path

from labline.engine.core.line import Line
from labline.engine.core.record import Record
from labline.lab_replay.recordings.recording import Recording
from labline.lab_replay.recordings.recording_format import (
    Manifest,
    partition_path,
    write_manifest,
    write_partition,
)
from tests.unit.core.test_task import EVENT as EVENT
from tests.unit.core.test_task import LABEL as LABEL
from tests.unit.core.test_task import event, label

EVENTS, LABELS = "e", "lab"
MODELS = {
    "linear": "Select('x') | StandardScaler() | LogisticRegression()",
    "base-rate": "BaseRate()",
}
LINE = Line.parse(
    {
        "name": "l",
        "events": EVENTS,
        "labels": LABELS,
        "id": "id",
        "refers_to": "id",
        "label": "y",
        "features": {"numeric": ["x"]},
    }
)


def history(partition: int, count: int = 60) -> tuple[list[Record], list[Record]]:
    """Make events a second apart; most get a label three seconds later, one is broken."""
    events = [
        event(n, 1_000 * n, x=float((n * 7 + partition) % 5), identity=f"p{partition}-{n}")
        for n in range(count)
    ]
    events[10] = (*events[10][:3], b"broken", None)
    labels = [
        label(n, 1_000 * n + 3_000, f"p{partition}-{n}", y=(n * 7 + partition) % 5 > 2)
        for n in range(count - 10)
    ]
    return events, labels


def recorded(folder: Path, partitions: Sequence[int] = (0, 1), events: int = 60) -> Recording:
    """Record what `history` makes."""
    files: dict[str, dict[int, object]] = {EVENTS: {}, LABELS: {}}
    for partition in partitions:
        made = history(partition, events)
        for topic, records in zip((EVENTS, LABELS), made, strict=True):
            path = partition_path(folder, topic, partition)
            path.parent.mkdir(parents=True, exist_ok=True)
            files[topic][partition] = write_partition(path, [records], start=0, end=len(records))
    write_manifest(folder, Manifest.of("cluster", files))  # type: ignore[arg-type]
    return Recording.open(folder)
