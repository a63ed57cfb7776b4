"""Written and refolded records, paired by the input record that they come from.

Up to the first difference both are read in step. From there on either side may have records that
the other has not, so they are paired by topic, partition and offset of their source.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from labline.engine.core.record import ANSWER, DEAD_LETTER, Emission, Record
from labline.engine.rerun.line_outputs import KINDS, Source, Written, fields, is_same, source_of
from labline.lab_replay.parity.consistency import Consistency
from labline.schemas.framing import Headers

LOOKAHEAD_MAX = 1_000  # records held: what is further out of place counts as missing
PLACE = ("topic", "partition", "offset", "event_time_ms")  # what a pair has in common
REST = "other fields"
EVERYTHING: Mapping[str, int] = {}


class Pairs:
    """Finds the written record of a source, in a stream that is in about the same order.

    Parameters
    ----------
    drop
        Told of each record that nobody asked for and that was passed.
    """

    def __init__(self, written: Written, kind: str, drop: Callable[[Record], None]) -> None:
        self._written, self._kind, self._drop = written, kind, drop
        self._held: OrderedDict[Source, deque[Record]] = OrderedDict()
        self._count = 0

    def take(self, source: Source) -> Record | None:
        """Return the written record of this source; None: there is none nearby."""
        if source in self._held:
            return self._pop(source)
        while self._has_room(source):
            record = self._written.next(self._kind)
            if record is None:
                return None
            found = source_of(self._kind, record)
            if found == source:
                return record
            self._held.setdefault(found, deque()).append(record)
            self._count += 1
        return None

    def _has_room(self, source: Source) -> bool:
        if self._count >= LOOKAHEAD_MAX:
            self._drop_passed(source)
        return self._count < LOOKAHEAD_MAX

    def _drop_passed(self, source: Source) -> None:
        """Make room: what comes from before a source, or from elsewhere, is not asked for."""
        topic, partition, offset = source
        for held in list(self._held):
            if held[:2] != (topic, partition) or held[2] < offset:
                while held in self._held:
                    self._drop(self._pop(held))

    def left(self, read_on: bool) -> Iterator[Record]:
        """Yield and forget all that is held, and with `read_on` all that was not read yet."""
        while self._held:
            yield self._pop(next(iter(self._held)))
        while read_on and (record := self._written.next(self._kind)) is not None:
            yield record

    def _pop(self, source: Source) -> Record:
        queue = self._held[source]
        record = queue.popleft()
        if not queue:
            del self._held[source]
        self._count -= 1
        return record


class Alignment:
    """Fills a table from the first difference of a partition on.

    Parameters
    ----------
    floor
        By topic, from which source offset on something may be missing: what was written for
        earlier ones is another alignment's.
    """

    def __init__(self, written: Written, table: Consistency, floor: Mapping[str, int]) -> None:
        self._written, self._table, self._floor = written, table, floor
        self._pairs = {kind: Pairs(written, kind, partial(self._extra, kind)) for kind in KINDS}
        self._time_ms = 0

    def add(self, emissions: Sequence[Emission]) -> None:
        """Compare what an entry's folding gave with what was written for its records."""
        for emission in emissions:
            kind, key, value, headers = emission
            pairs, source = self._pairs[kind], source_of(kind, (-1, -1, key, value, headers))
            record = pairs.take(source)
            if self._written.is_cut(kind):
                if record is None:
                    self._written.deleted += 1
                    continue
                self._written.begins(kind)
            refolded = told(kind, key, value, headers)
            written = None
            if record is not None:
                same = is_same(record, emission)
                written = refolded if same else told(kind, *record[2:])
            if kind == ANSWER:
                self._time_ms = fields(kind, key, value)["event_time_ms"]
            self._table.add(KINDS[kind], self._time_ms, written, refolded)

    def rest(self, ends: Mapping[str, int], read_on: bool) -> None:
        """Count what was written for sources below `ends` and does not come from folding."""
        for kind, pairs in self._pairs.items():
            for record in pairs.left(read_on):
                self._extra(kind, record, ends)

    def _extra(self, kind: str, record: Record, ends: Mapping[str, int] = EVERYTHING) -> None:
        topic, _, offset = source_of(kind, record)
        if self._floor.get(topic, offset) <= offset < ends.get(topic, offset + 1):
            time_ms = fields(kind, record[2], record[3]).get("event_time_ms", self._time_ms)
            self._table.add(KINDS[kind], time_ms, told(kind, *record[2:]), None)


def told(
    kind: str, key: bytes | None, value: bytes | None, headers: Headers = None
) -> dict[str, Any]:
    """Return what a record tells, field by field; what is seldom another is told as one.

    A dead letter holds the original bytes and the reason: they are the same or not. It has no event
    time of its own (it could not be read), and counts in the hour of the answer before it.
    """
    found = dict(fields(kind, key, value, headers))
    if kind == DEAD_LETTER:
        return {"record": tuple(found.items())}
    for name in PLACE:
        found.pop(name, None)
    kept: dict[str, Any] = {}
    for name in list(found):
        if name in ("answer", "probability", "value") or name.endswith((" probability", " value")):
            kept |= _flat(name, found.pop(name))
    return {**kept, REST: repr(found)}


def _flat(name: str, value: Any) -> dict[str, Any]:
    """Return a list as one value for each place.

    Examples
    --------
    >>> _flat("p", [0.5, 0.25]), _flat("p", None)
    ({'p[0]': 0.5, 'p[1]': 0.25}, {'p': None})
    """
    if isinstance(value, list | tuple):
        return {f"{name}[{at}]": one for at, one in enumerate(value)}
    return {name: value}
