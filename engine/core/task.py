"""The task: line × partition, the unit of order, state and parallelism.

One door: runs of records go in, a run of emissions comes out. Where a run is cut never matters.
Score first, learn second.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.core.dead_letter import Origin, dead_letter
from engine.core.features import extractor
from engine.core.journal import digest, runs
from engine.core.labels import EVICTED, EXPIRED, LabelJoin
from engine.core.ordering import (
    NO_TIME,
    RECORD_OVERHEAD_BYTES,
    Buffer,
    Head,
    in_order,
    merge,
)
from engine.core.record import (
    ANSWER,
    EVENTS,
    INPUTS,
    LABELS,
    RETRY,
    SHADOW,
    Emission,
    Headers,
    Record,
)
from engine.core.score import (
    EncodeAnswer,
    EncodeShadow,
    Place,
    answer_encoder,
    shadow_encoder,
    subject,
    varint,
)
from engine.core.spec import Slot, Spec
from schemas.avro import Rejection

FUTURE = Rejection("time", "future", "event time is too far ahead")
TRACE_HEADER = "traceparent"  # W3C trace context: an answer belongs to its event's trace


@dataclass
class Run:
    """What one feeding gave: the content of one transaction of this task.

    Attributes
    ----------
    first_offsets, next_offsets
        Per input, -1 for one that the line does not have.
    order
        (input, count) runs, in the order taken.
    counts
        What happened, by name: answers, dead_letters, dead_labels, and the label join's outcomes.
    """

    emissions: list[Emission] = field(default_factory=list)
    first_offsets: tuple[int, ...] = ()
    next_offsets: tuple[int, ...] = ()
    order: tuple[tuple[int, int], ...] = ()
    counts: Counter[str] = field(default_factory=Counter)

    def digest(self) -> bytes:
        """Return sha256 over the emissions."""
        return digest(self.emissions)

    @property
    def taken(self) -> int:
        """Return how many records were taken."""
        return sum(count for _, count in self.order)

    def __bool__(self) -> bool:
        return bool(self.order)


class Task:
    """The fold of one partition of a line.

    Parameters
    ----------
    spec
        Line, schemas and slots in force.
    partition
        Partition of the line's topics.
    offsets
        Per input (events, labels, retry) the next offset to take; -1: the line has no such input.
    """

    def __init__(self, spec: Spec, partition: int, offsets: Sequence[int]) -> None:
        self.partition = partition
        self.next_offsets = list(offsets)
        self._high = [NO_TIME, NO_TIME, NO_TIME]
        self._stream_time_ms = NO_TIME
        limits = spec.line.limits
        self._join = LabelJoin(
            horizon_ms=spec.line.label_horizon_ms,
            pending_max=limits.pending_max,
            remembered_max=limits.remembered_max,
        )
        self._slots: tuple[Slot, ...] = ()
        self.drop_buffers()
        self.configure(spec)

    def configure(self, spec: Spec) -> None:
        """Put a configuration in force, between two runs.

        A slot whose model did not change keeps its learner, and with it what it has learned.
        Learners change places only when a record is taken: a revision under which none was is
        not in the journal, so it must leave no trace in the state either.
        """
        line = spec.line
        self.spec, self._seated = spec, False
        self._extract = extractor(line)
        self._threshold = line.decision.threshold
        self._id, self._time = line.id, spec.event_schema.event_time or ""
        self._refers_to, self._label = line.refers_to or "", line.label or ""
        names = [(slot.slot, slot.model) for slot in (spec.champion, *spec.others)]
        self._encoders: dict[int, tuple[EncodeAnswer, EncodeShadow]] = {}
        for which in (EVENTS, RETRY):
            place = Place(spec.inputs[which] or "", self.partition, spec.revision)
            self._encoders[which] = (
                answer_encoder(*names[0], place),
                shadow_encoder(names[1:], place),
            )
        # what is buffered is read again: with these schemas, as whoever folds this past will
        buffered = [[head[2] for head in buffer.heads] for buffer in self._buffers]
        self.drop_buffers()
        self._push(buffered)

    def _seat(self) -> None:
        kept = {slot[:2]: slot for slot in self._slots}
        told = (self.spec.champion, *self.spec.others)
        self._slots, self._seated = tuple(kept.get(slot[:2], slot) for slot in told), True
        self._score_of = [slot.learner.score for slot in self._slots]
        self._learn_of = [slot.learner.learn for slot in self._slots]

    def drop_buffers(self) -> None:
        """Forget what was fed and not taken: the host will feed it again."""
        self._buffers = tuple(Buffer(high) for high in self._high)

    def buffered_bytes(self, which: int) -> int:
        """Return about how much memory an input's records take that were not taken yet."""
        return self._buffers[which].bytes

    def is_empty(self, which: int) -> bool:
        """Tell whether an input has no record waiting to be taken."""
        return not self._buffers[which].heads

    def feed(self, records: Sequence[Iterable[Record]], at_end: Sequence[bool], limit: int) -> Run:
        """Take records in the order of the design and fold them.

        Parameters
        ----------
        records
            Per input, what was read since the last call; may be empty.
        at_end
            Per input, whether its host knows that nothing more is there to be waited for.
        limit
            How many records to take at the most: it bounds a transaction.
        """
        self._push(records)
        return self._fold(merge(self._buffers, at_end, limit))

    def refeed(self, records: Sequence[Iterable[Record]], order: Iterable[tuple[int, int]]) -> Run:
        """Take exactly these records in an order that a journal wrote down, and fold them."""
        self._push(records)
        return self._fold(in_order(self._buffers, order))

    def _push(self, records: Sequence[Iterable[Record]]) -> None:
        spec = self.spec
        schemas = (spec.event_schema, spec.label_schema, spec.event_schema)
        skew_ms = spec.line.limits.future_skew_ms
        for which in INPUTS:
            schema = schemas[which]
            if schema is None:
                continue
            push, decode, time_field = self._buffers[which].push, schema.decode, schema.event_time
            for record in records[which]:
                datum = decode(record[3])
                time_ms: int | None = None
                if isinstance(datum, dict):
                    time_ms = datum[time_field]  # type: ignore[index]  # a line's schemas have one
                    if time_ms > record[1] + skew_ms:
                        time_ms, datum = None, FUTURE
                push(time_ms, which, record, datum)

    def _fold(self, heads: list[Head]) -> Run:
        run = Run(first_offsets=tuple(self.next_offsets))
        if heads and not self._seated:
            self._seat()
        buffers, high, next_offsets, join = self._buffers, self._high, self.next_offsets, self._join
        for time_ms, which, record, datum in heads:
            buffers[which].bytes -= RECORD_OVERHEAD_BYTES + len(record[3] or b"")
            high[which] = time_ms
            next_offsets[which] = record[0] + 1
            if time_ms > self._stream_time_ms:
                self._stream_time_ms = time_ms
                if join.due_ms <= time_ms and (expired := join.expire(time_ms)):
                    run.counts[EXPIRED] += expired
            if isinstance(datum, Rejection):
                self._reject(run, which, record, datum)
            elif which == LABELS:
                self._learn(run, datum)
            else:
                self._score(run, which, record, datum)
        run.next_offsets = tuple(self.next_offsets)
        run.order = runs(head[1] for head in heads)
        return run

    def _score(self, run: Run, which: int, record: Record, datum: dict[str, Any]) -> None:
        time_ms: int = datum[self._time]
        features = self._extract(datum, time_ms)
        if isinstance(features, Rejection):
            self._reject(run, which, record, features)
            return
        probabilities = [score(features) for score in self._score_of]
        probability = probabilities[0]
        if not 0.0 <= probability <= 1.0:  # NaN is neither
            why = Rejection("score", "no-probability", "the champion's score is no probability")
            self._reject(run, which, record, why)
            return
        offset, _, key, _, headers = record
        identity: str = datum[self._id]
        answer, shadow = self._encoders[which]
        about, place = subject(identity, time_ms), varint(offset)
        value = answer(about, place, probability, probability >= self._threshold)
        run.emissions.append((ANSWER, key, value, _trace(headers) if headers else None))
        if len(probabilities) > 1:
            others = [p if 0.0 <= p <= 1.0 else None for p in probabilities[1:]]
            run.emissions.append((SHADOW, key, shadow(about, place, others), None))
        run.counts["answers"] += 1
        if evicted := self._join.wait(identity, features, self._stream_time_ms):
            run.counts[EVICTED] += evicted

    def _learn(self, run: Run, datum: dict[str, Any]) -> None:
        label: bool = datum[self._label]
        outcome, features = self._join.match(datum[self._refers_to], label, self._stream_time_ms)
        if features is not None:
            for learn in self._learn_of:
                learn(features, label)
        run.counts[outcome] += 1

    def _reject(self, run: Run, which: int, record: Record, why: Rejection) -> None:
        spec, topic = self.spec, self.spec.inputs[which] or ""
        schema = (spec.label_schema if which == LABELS else None) or spec.event_schema
        origin = Origin(topic, self.partition, spec.line.name, spec.champion.model, schema.name)
        run.emissions.append(dead_letter(record, why, origin))
        run.counts["dead_letters" if which != LABELS else "dead_labels"] += 1


def _trace(headers: list[tuple[str, bytes | None]]) -> Headers:
    """Return the trace context among an event's headers, for its answer."""
    return [header for header in headers if header[0] == TRACE_HEADER] or None
