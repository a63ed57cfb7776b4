"""Written and refolded records, paired by the input record that they come from.

Called by what-if, and by parity after a partition's first difference. There either side may have
records that the other has not, so they are paired by topic, partition and offset of their source.
What must stay true: memory is bounded, so what is far out of place counts as missing.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator

from labline.engine.core.record import Record
from labline.engine.rerun.line_outputs import LineOutputs
from labline.engine.rerun.output_records import Source, source_of

LOOKAHEAD_MAX = 1_000  # records kept in memory


class SourcePairs:
    """Finds the written record of a source, in a stream that is in about the same order.

    Parameters
    ----------
    outputs : LineOutputs
        What was written.
    kind : str
        The kind of output that is paired.
    drop : callable
        Called with each record that was passed and that nobody took.
    """

    def __init__(self, outputs: LineOutputs, kind: str, drop: Callable[[Record], None]) -> None:
        self._outputs, self._kind, self._drop = outputs, kind, drop
        self._passed: OrderedDict[Source, deque[Record]] = OrderedDict()
        self._count = 0

    def take(self, source: Source) -> Record | None:
        """Return the written record of this source; None: there is none nearby."""
        if source in self._passed:
            return self._pop(source)
        while self._has_room(source):
            record = self._outputs.next(self._kind)
            if record is None:
                return None
            other = source_of(self._kind, record)
            if other == source:
                return record
            self._passed.setdefault(other, deque()).append(record)
            self._count += 1
        return None

    def rest(self, read_on: bool) -> Iterator[Record]:
        """Yield and forget all that was passed, and with `read_on` all that was not read yet."""
        while self._passed:
            yield self._pop(next(iter(self._passed)))
        while read_on and (record := self._outputs.next(self._kind)) is not None:
            yield record

    def _has_room(self, source: Source) -> bool:
        if self._count >= LOOKAHEAD_MAX:
            self._drop_before(source)
        return self._count < LOOKAHEAD_MAX

    def _drop_before(self, source: Source) -> None:
        """Make room: what comes from before a source, or from elsewhere, is not asked for."""
        topic, partition, offset = source
        for other in list(self._passed):
            if other[:2] != (topic, partition) or other[2] < offset:
                while other in self._passed:
                    self._drop(self._pop(other))

    def _pop(self, source: Source) -> Record:
        queue = self._passed[source]
        record = queue.popleft()
        if not queue:
            del self._passed[source]
        self._count -= 1
        return record
