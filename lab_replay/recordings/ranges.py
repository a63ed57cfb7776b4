"""Which stretch of each partition is recorded: from and to a time, or an offset."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from confluent_kafka import IsolationLevel
from confluent_kafka.admin import OffsetSpec

from labline.engine.broker.clients import admin_client
from labline.engine.broker.positions import parse_time_ms
from labline.engine.broker.reader import Offsets, Place, offsets_of, partition_offsets, read_range
from labline.engine.core.moment import moment_of
from labline.engine.errors import LablineError

_OFFSET = re.compile(
    r"(?P<topic>[A-Za-z0-9._-]+)/(?P<partition>[0-9]{1,9})=(?P<offset>[0-9]{1,18})"
)

Ranges = dict[str, dict[int, tuple[int, int]]]
OPTIONS = ("--from", "--to")


class OutOfRangeError(LablineError):
    """Between the bounds there is nothing to record, or the log does not have those offsets."""


class Bound(NamedTuple):
    """One side of a stretch: a time for all partitions, and offsets of some."""

    time_ms: int | None
    offsets: Mapping[Place, int]


def bound(texts: Iterable[str], option: str = "--from") -> Bound:
    """Return what one or more ``--from`` or ``--to`` say.

    Raises
    ------
    LablineError
        ``LL-RECORDING-BOUND``.

    Examples
    --------
    >>> bound(["2013-01-02", "flights.departed/0=120"])
    Bound(time_ms=1357084800000, offsets={('flights.departed', 0): 120})
    """
    time_ms: int | None = None
    offsets: dict[Place, int] = {}
    for text in texts:
        if match := _OFFSET.fullmatch(text):
            place = match["topic"], int(match["partition"])
            if place in offsets:
                raise _bad(f"{option} gives two offsets of {place[0]}/{place[1]}", "give one")
            offsets[place] = int(match["offset"])
        elif time_ms is not None:
            raise _bad(f"{option} gives two times", "give one; it is for all topics")
        else:
            time_ms = _time_ms(text, option)
    return Bound(time_ms, offsets)


def _time_ms(text: str, option: str) -> int:
    try:
        return parse_time_ms(text)
    except LablineError as error:
        raise _bad(
            f"{option} {text[:60]!r} is neither a time nor an offset",
            "write 2013-12-28, 2013-12-28T06:00:00Z, or TOPIC/PARTITION=OFFSET",
        ) from error


def resolve(
    bootstrap: str,
    topics: list[str],
    since: Bound,
    until: Bound,
    options: tuple[str, str] = OPTIONS,
) -> Ranges:
    """Return for each partition the offsets ``[start, end)`` to record.

    Times are append times: the first record of a partition with that time or a later one. No
    end is beyond the last stable offset.

    Parameters
    ----------
    options
        What the two bounds are called in an error.

    Raises
    ------
    LablineError
        ``LL-TOPIC-MISSING``; ``LL-RECORDING-RANGE`` for offsets that the log has not, or when
        nothing is between two bounds.
    """
    if since.time_ms is not None and until.time_ms is not None and since.time_ms >= until.time_ms:
        begin, end = _text(since.time_ms), _text(until.time_ms)
        raise _out_of_range(
            f"{options[0]} {begin} is not before {options[1]} {end}",
            "give the earlier time first; the later one is not part of it",
        )
    for (topic, partition), begin_at in since.offsets.items():
        end_at = until.offsets.get((topic, partition), begin_at)
        if begin_at > end_at:
            raise _out_of_range(
                f"{options[0]} {topic}/{partition}={begin_at} is behind {options[1]} {end_at}",
                "give the smaller offset first; the larger one is not part of it",
            )
    known = partition_offsets(bootstrap, topics)
    starts = _offsets(bootstrap, known, since, last=False)
    ends = _offsets(bootstrap, known, until, last=True)
    ranges: Ranges = {}
    for (topic, partition), start in starts.items():
        ranges.setdefault(topic, {})[partition] = (start, max(start, ends[topic, partition]))
    asked = since != Bound(None, {}) or until != Bound(None, {})
    if asked and is_empty(ranges):
        raise _out_of_range(
            f"no record of {' and '.join(known)} is between {' and '.join(options)}",
            f"times are those at which the broker appended: {_held(bootstrap, known)}",
        )
    return ranges


def is_empty(ranges: Ranges) -> bool:
    """Tell whether nothing is in any of the ranges.

    Examples
    --------
    >>> is_empty({"flights": {0: (3, 3), 1: (0, 0)}})
    True
    """
    return all(start == end for found in ranges.values() for start, end in found.values())


def _held(bootstrap: str, known: Mapping[str, Mapping[int, Offsets]]) -> str:
    """Return which append times topics have records of."""
    newest = _listed(
        bootstrap, [(t, p) for t, found in known.items() for p in found], OffsetSpec.max_timestamp()
    )
    told = []
    for topic, found in known.items():
        times = [newest[topic, partition].timestamp for partition in found]
        for partition, log in found.items():
            first = next(read_range(bootstrap, topic, partition, log.start, log.stable), [])
            times += [record[1] for record in first[:1]]
        times = [time_ms for time_ms in times if time_ms >= 0]
        told.append(
            f"{topic} has {_text(min(times))} to {_text(max(times))}"
            if times
            else f"{topic} has no records"
        )
    return "; ".join(told)


def _text(time_ms: int) -> str:
    at = moment_of(time_ms)
    return f"{at.date}T{at.hour_minute}:{at.second}Z"


def _offsets(
    bootstrap: str, known: Mapping[str, Mapping[int, Offsets]], asked: Bound, *, last: bool
) -> dict[Place, int]:
    logs = {(t, p): offsets for t, found in known.items() for p, offsets in found.items()}
    found = {place: log.stable if last else log.start for place, log in logs.items()}
    if asked.time_ms is not None:
        for place, offset in _at_time(bootstrap, logs, asked.time_ms).items():
            # -1: every record is older
            found[place] = min(offset, logs[place].stable) if offset >= 0 else logs[place].stable
    for (topic, partition), offset in asked.offsets.items():
        log = logs.get((topic, partition))
        if log is None or not log.start <= offset <= log.stable:
            held = f"[{log.start}, {log.stable}]" if log else "nothing"
            raise _out_of_range(
                f"{topic}/{partition} cannot be recorded {'to' if last else 'from'} offset "
                f"{offset}: the log has {held}",
                "choose one between the log's start and its last stable offset",
            )
        found[topic, partition] = offset
    return found


def _at_time(bootstrap: str, places: Iterable[Place], time_ms: int) -> dict[Place, int]:
    told = _listed(bootstrap, places, OffsetSpec.for_timestamp(time_ms))
    return {place: found.offset for place, found in told.items()}


def _listed(bootstrap: str, places: Iterable[Place], spec: OffsetSpec) -> dict[Place, Any]:
    return offsets_of(admin_client(bootstrap), places, spec, IsolationLevel.READ_COMMITTED)


def _out_of_range(message: str, remedy: str) -> OutOfRangeError:
    return OutOfRangeError("LL-RECORDING-RANGE", message, remedy)


def _bad(message: str, remedy: str) -> LablineError:
    return LablineError("LL-RECORDING-BOUND", message, remedy)
