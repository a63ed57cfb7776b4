"""A line's topics recorded for a replay, and kept for the next one as long as they are the same.

`labline.lab_replay.histories.history` asks for it with a line and, for an experiment, a stretch of
time. Out comes a recording that holds all of the topics that there is now, or was at any time since
the first was made: what retention took is still in it. What happened is said by `say`.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from confluent_kafka import KafkaException, TopicCollection

from labline.engine.broker.clients import admin_client
from labline.engine.errors import LablineError
from labline.engine.workspace.workspace import Workspace
from labline.lab_replay.recordings.ranges import OutOfRangeError

if TYPE_CHECKING:
    from labline.engine.core.line import Line
    from labline.lab_replay.recordings.ranges import Ranges
    from labline.lab_replay.recordings.recording import Recording
    from labline.lab_replay.recordings.recording_format import Manifest, PartitionFile

TIMEOUT_S = 10.0

#: Is given sentences for a person.
Say: TypeAlias = Callable[[str], None]
#: Is given what is done and how many steps it has; what it gives takes steps.
Progress: TypeAlias = Callable[[str, int | None], AbstractContextManager[Callable[[int], None]]]


class Bounds(NamedTuple):
    """Which stretch of a line's topics.

    Attributes
    ----------
    since, until
        Times as people write them; None: as far as there is.
    names
        What the two are called in an error.
    """

    since: str | None = None
    until: str | None = None
    names: tuple[str, str] = ("from", "to")


EVERYTHING = Bounds()


def record_line(
    space: Workspace, line: "Line", bounds: Bounds = EVERYTHING, *, say: Say, progress: Progress
) -> "Recording":
    """Record a line's topics, or a stretch of them; what was recorded before and is whole stays.

    What is there now decides: where topics have grown into the stretch since, the recording is
    continued; topics that were deleted and made anew are recorded anew. What retention took is
    still in the recording.

    Raises
    ------
    LablineError
        ``LL-RECORDING-RANGE`` when there is nothing to record, ``LL-LAB-BROKER``, and what
        `labline.lab_replay.recordings.recorder.record` raises.
    """
    from labline.lab_replay.recordings import cached
    from labline.lab_replay.recordings.recording import Recording

    broker, topics = space.bootstrap(), [t for t in (line.events, line.labels) if t is not None]
    folder = space.state_dir / "recordings"
    cluster = _cluster(broker, line, folder)
    place = folder / _name(broker, cluster, line.name, topics, bounds)
    with cached.alone(place):
        newest = cached.newest(place)
        before = None if newest is None else Recording.open(newest)
        try:
            ranges = _ranges(broker, topics, bounds)
        except OutOfRangeError:
            if before is None:
                raise
            ranges = {}  # retention took all of it
        if before is not None and _covers(before.manifest, ranges):
            say(f"nothing new since it was recorded: {newest}")
            recording = before
        else:
            if before is not None:
                _say_growth(before.manifest, ranges, topics, say)
            recording = _record(
                broker, topics, cached.following(place), bounds, before, say, progress
            )
        cached.hold(Path(recording.url))
        cached.remove_older(place)
    if not _covers(recording.manifest, ranges):
        say(
            "that is up to where the topics ended when it was cut off: the same command again"
            " records all of them"
        )
    return recording


def _say_growth(before: "Manifest", ranges: "Ranges", topics: list[str], say: Say) -> None:
    say(f"{' or '.join(topics)} has grown: what is new is recorded, too")
    for topic, partitions in ranges.items():
        for partition, (start, _) in partitions.items():
            file = before.topics.get(topic, {}).get(partition)
            if file is not None and file.end < start:
                lost = f"{start - file.end:,} offsets from {file.end} on"
                say(f"{topic}/{partition} lost {lost} before they were recorded")


def _record(
    broker: str,
    topics: list[str],
    folder: Path,
    bounds: Bounds,
    before: "Recording | None",
    say: Say,
    progress: Progress,
) -> "Recording":
    from labline.lab_replay.recordings.recorder import record, recording_ranges
    from labline.lab_replay.recordings.recording import Recording

    since, until = ([bound] if bound else [] for bound in (bounds.since, bounds.until))
    manifest = before.manifest if before else None
    ranges = recording_ranges(broker, topics, folder, since=since, until=until, extends=manifest)
    total = sum(end - start for found in ranges.values() for start, end in found.values())
    with progress("recording", total) as step:
        try:
            record(broker, topics, folder, since=since, until=until, extends=before, progress=step)
        except KeyboardInterrupt:
            say("cut off; what is there is kept: the same command goes on")
            raise
    return Recording.open(folder)


def _ranges(broker: str, topics: list[str], bounds: Bounds) -> "Ranges":
    from labline.lab_replay.recordings.ranges import bound, is_empty, resolve

    since, until = (
        bound([text] if text else [], name)
        for text, name in zip((bounds.since, bounds.until), bounds.names, strict=True)
    )
    ranges = resolve(broker, topics, since, until, bounds.names)
    events, within = topics[0], bounds.since or bounds.until
    if is_empty({events: ranges[events]}):
        raise OutOfRangeError(
            "LL-RECORDING-RANGE",
            f"{events} has no records{' there, only its labels have' if within else ''}",
            "choose a stretch that has events"
            if within
            else f"publish some first (labline publish {events}), or replay a file",
        )
    return ranges


def _cluster(broker: str, line: "Line", folder: Path) -> str:
    """Return which cluster answers."""
    try:
        return str(admin_client(broker).list_topics(timeout=TIMEOUT_S).cluster_id)
    except KafkaException as error:
        raise LablineError(
            "LL-LAB-BROKER",
            f"no Kafka answers at {broker}, so {line.events} cannot be recorded",
            f"labline status; or replay a recording: those kept are in {folder}",
        ) from error


def _name(broker: str, cluster: str, line: str, topics: list[str], bounds: Bounds) -> str:
    """Return the folder of a stretch: another one where the topics are others of the same names."""
    admin = admin_client(broker)  # in a variable: its answers are lost when it is collected
    asked = admin.describe_topics(TopicCollection(topics), request_timeout=TIMEOUT_S)
    ids = [str(asked[topic].result().topic_id) for topic in topics]
    identity = repr((cluster, topics, ids, bounds.since, bounds.until))
    texts = (bounds.since or "start", bounds.until or "end")
    readable = "-".join(re.sub(r"[^A-Za-z0-9.+-]", "", text) for text in texts)
    return f"{line}-{readable}-{hashlib.sha256(identity.encode()).hexdigest()[:12]}"


def _covers(manifest: "Manifest", ranges: "Ranges") -> bool:
    """Tell whether all that there is now was recorded."""
    return all(_holds(manifest.topics.get(topic, {}), found) for topic, found in ranges.items())


def _holds(files: Mapping[int, "PartitionFile"], found: Mapping[int, tuple[int, int]]) -> bool:
    return all(
        start == end or (p in files and files[p].start <= start and end <= files[p].end)
        for p, (start, end) in found.items()
    )
