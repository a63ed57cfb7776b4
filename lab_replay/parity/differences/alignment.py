"""Fills the table of fields and hours from the first difference of a partition on.

Called by `labline.lab_replay.parity.partition`. Up to the first difference both sides are read in
step; from there on they are paired by source. What comes in are a fold's emissions, entry by entry;
what goes out are pairs of field values, added to the table. What must stay true: each record of
either side is counted once, as what it is: equal, unequal, or missing on the other side.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from labline.engine.core.record import ANSWER, DEAD_LETTER, Emission, Record
from labline.engine.rerun.line_outputs import LineOutputs
from labline.engine.rerun.output_records import OUTPUTS, emission_source, fields, is_same, source_of
from labline.engine.rerun.source_pairs import SourcePairs
from labline.lab_replay.parity.differences.table import DifferenceTable
from labline.schemas.framing import Headers

IN_COMMON = ("topic", "partition", "offset", "event_time_ms")  # of both records of a pair
REST = "other fields"
NO_END: Mapping[str, int] = {}


class Alignment:
    """Pairs what was written with what folding gives, for a table.

    Parameters
    ----------
    outputs : LineOutputs
        What was written, read up to the first difference.
    table : DifferenceTable
        The table to fill.
    floor : mapping of str to int
        By topic, from which source offset on something may be missing: what was written for
        earlier ones is another alignment's.
    """

    def __init__(
        self, outputs: LineOutputs, table: DifferenceTable, floor: Mapping[str, int]
    ) -> None:
        self._outputs, self._table, self._floor = outputs, table, floor
        self._pairs = {
            kind: SourcePairs(outputs, kind, partial(self._add_extra, kind)) for kind in OUTPUTS
        }
        self._time_ms = 0

    def add(self, emissions: Sequence[Emission]) -> None:
        """Compare what an entry's folding gave with what was written for its records."""
        for emission in emissions:
            kind, key, value, headers = emission
            record = self._pairs[kind].take(emission_source(emission))
            if self._outputs.is_cut(kind):
                if record is None:
                    self._outputs.deleted += 1
                    continue
                self._outputs.end_cut(kind)
            refolded = comparable_fields(kind, key, value, headers)
            written = None
            if record is not None:
                same = is_same(record, emission)
                written = refolded if same else comparable_fields(kind, *record[2:])
            if kind == ANSWER:
                self._time_ms = fields(kind, key, value)["event_time_ms"]
            self._table.add(OUTPUTS[kind], self._time_ms, written, refolded)

    def finish(self, ends: Mapping[str, int], read_on: bool) -> None:
        """Count what was written for sources below `ends` and does not come from folding."""
        for kind, pairs in self._pairs.items():
            for record in pairs.rest(read_on):
                self._add_extra(kind, record, ends)

    def _add_extra(self, kind: str, record: Record, ends: Mapping[str, int] = NO_END) -> None:
        topic, _, offset = source_of(kind, record)
        if self._floor.get(topic, offset) <= offset < ends.get(topic, offset + 1):
            time_ms = fields(kind, record[2], record[3]).get("event_time_ms", self._time_ms)
            self._table.add(OUTPUTS[kind], time_ms, comparable_fields(kind, *record[2:]), None)


def comparable_fields(
    kind: str, key: bytes | None, value: bytes | None, headers: Headers = None
) -> dict[str, Any]:
    """Return a record field by field; rarely differing fields together, as "other fields".

    A dead letter holds the original bytes and the reason: they are the same or not. It has no event
    time of its own (it could not be read), and counts in the hour of the answer before it.
    """
    rest = dict(fields(kind, key, value, headers))
    if kind == DEAD_LETTER:
        return {"record": tuple(rest.items())}
    for name in IN_COMMON:
        rest.pop(name, None)
    scores: dict[str, Any] = {}
    for name in list(rest):
        if name in ("answer", "probability", "value") or name.endswith((" probability", " value")):
            scores |= _flat(name, rest.pop(name))
    return {**scores, REST: repr(rest)}


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
