"""The task: line × partition, the unit of order, state and parallelism.

Called by three hosts: a scorer process, the lab's replay, and `refold` with a journal. What comes
in are records and, as a second input, whether each log is at its end; what goes out is a `Run` of
emissions. What must stay true: it is a pure function of these, the line's declaration and the
environment: no clock, no chance, no I/O. Score first, learn second.

Theory of operation
-------------------
*One door.* `feed` takes records and folds what may be taken now; `refeed` takes exactly what a
journal says was taken. Both push into buffers, one for each input, and fold heads from there, so a
live fold and its re-run differ only in who chooses the order.

*Three kinds of state.* What later runs depend on is in `state()`: next offsets, running maxima of
event time, labels that are waited for, the past of keys, and the models. What is buffered is not:
it is in the log, and is fed again. What is derived from the declaration (extractors, codecs,
encoders) is built by `configure` and never kept.

*Where a run is cut never matters.* A limit, a poll's size or a crash cut the same sequence of heads
at other places, and must change no byte. Three rules see to it. Only a record that was taken moves
the state: a head that is decoded and waits moves nothing, not even its input's running maximum. A
new configuration reaches the state with the first record taken under it (`_seat`), because a
revision under which none was is not in the journal. And emissions are made head by head: nothing is
summed over a run but its counts, which are not part of what the journal vouches for.

*What one head does.* It advances its input's maximum and offset. If it advances the task's stream
time, labels that are due expire first, so expiry follows the events' own clock. Then a rejection
becomes a dead letter, a label is joined to the features that its event was scored with and learned
by every slot, and an event is scored by every slot, answered by the champion, and begins to wait
for its label.

*What can go wrong with a head is a value.* Decoding, extraction and joining return a `Rejection`
with stage and reason. The two broad excepts are around models' scores: whatever a model raises for
an event is that event's own trouble. A learn that failed was undone by its learner, and is counted.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from labline.engine.core.answer_rules import answer_rules
from labline.engine.core.dead_letter import Origin, dead_letter
from labline.engine.core.features import Features, extractor
from labline.engine.core.history import History
from labline.engine.core.journal import runs
from labline.engine.core.labels import EVICTED, EXPIRED, NEGATIVE, UNUSED, LabelJoin, waiting
from labline.engine.core.ordering import (
    NO_TIME,
    RECORD_OVERHEAD_BYTES,
    Buffer,
    Head,
    in_order,
    merge,
)
from labline.engine.core.record import (
    ANSWER,
    EVENTS,
    INPUTS,
    LABELS,
    RETRY,
    SHADOW,
    Record,
    trace,
)
from labline.engine.core.run import Run
from labline.engine.core.score_encoders import Encoders, Place, encoders, subject
from labline.engine.core.spec import Learner, LearnFailed, Slot, Spec
from labline.schemas.rejection import Rejection
from labline.schemas.values.formats import reader_of
from labline.schemas.varint import varint

LEARN_FAILED = "learn-failed"  # by a slot, restored to what it was
FORGOTTEN = "forgotten"  # keys whose past was dropped, for others
FUTURE = Rejection("time", "future", "event time is too far ahead")


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
        self._join = LabelJoin(**waiting(spec.line))
        self._history = History((), spec.line.limits.history_keys_max)
        self._slots: tuple[Slot, ...] = ()
        self.drop_buffers()
        self.configure(spec)

    def configure(self, spec: Spec) -> None:
        """Put a configuration in force, between two runs.

        A slot whose model did not change keeps its learner, and with it what it has learned.
        State changes only when a record is taken: a revision under which none was is not in the
        journal, so it must leave no trace in the state either.
        """
        line = spec.line
        self.spec, self._seated = spec, False
        self._extract = extractor(line)
        self._rules = answer_rules(line)
        self._id, self._time = line.id, spec.event_schema.event_time or ""
        self._refers_to, self._label = line.refers_to or "", line.label or ""
        # what never waits is never joined: a line without labels, or one that learns events
        self._waits = self._rules.learns_labels and spec.label_schema is not None
        names = [(slot.slot, slot.model) for slot in (spec.champion, *spec.others)]
        self._encoders: dict[int, Encoders] = {}
        for which in (EVENTS, RETRY):
            place = Place(spec.inputs[which] or "", self.partition, spec.revision)
            self._encoders[which] = encoders(line, names, place)
        events = reader_of(spec.event_schema, spec.writers)
        labels = reader_of(spec.label_schema, spec.writers) if spec.label_schema else None
        self._readers = (events, labels, events)
        # what is buffered is read again: with these schemas, as whoever folds this past will
        buffered = [[head[2] for head in buffer.heads] for buffer in self._buffers]
        self.drop_buffers()
        self._push(buffered)

    def _seat(self) -> None:
        """Let the configuration in force reach the state: the first record under it is here."""
        line = self.spec.line
        self._join.declare(**waiting(line))
        self._history.declare(line.features.history, line.limits.history_keys_max)
        before = {slot.identity: slot for slot in self._slots}
        slots = (self.spec.champion, *self.spec.others)
        self._slots, self._seated = tuple(before.get(slot.identity, slot) for slot in slots), True
        self._score_of = [slot.learner.score for slot in self._slots]
        self._learn_of = [slot.learner.learn for slot in self._slots]

    @property
    def stream_time_ms(self) -> int:
        """Return the highest event time taken so far."""
        return self._stream_time_ms

    def state(self) -> dict[str, Any]:
        """Return all that later runs depend on, beside the configuration: plain data and models.

        What is buffered is not in it: that is in the log.
        """
        return {
            "next_offsets": list(self.next_offsets),
            "high": list(self._high),
            "stream_time_ms": self._stream_time_ms,
            "join": self._join.state(),
            "history": self._history.state(),
            "slots": [(*slot.identity, slot.learner.river()) for slot in self._slots],
        }

    def restore(self, state: Mapping[str, Any], revive: Callable[[Any], Learner]) -> None:
        """Become what a task was when `state` was taken; `revive` makes a learner of a model."""
        self.next_offsets, self._high = list(state["next_offsets"]), list(state["high"])
        self._stream_time_ms = state["stream_time_ms"]
        self._join.restore(state["join"])
        self._history.restore(state["history"])
        self._slots = tuple(
            Slot(slot, name, revive(model), recipe) for slot, name, recipe, model in state["slots"]
        )
        self._seated = False
        self.drop_buffers()

    def move(self, offsets: Sequence[int]) -> None:
        """Go on at other offsets, as an operator accepted: the state stays."""
        self.next_offsets = list(offsets)
        self.drop_buffers()

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
        skew_ms = self.spec.line.limits.future_skew_ms
        for which in INPUTS:
            reader = self._readers[which]
            if reader is None:
                continue
            push, decode = self._buffers[which].push, reader.decode
            time_field = reader.schema.event_time
            for record in records[which]:
                datum = decode(record[3], record[4])
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
                if join.due_ms <= time_ms:
                    self._expire(run, time_ms)
            if isinstance(datum, Rejection):
                self._reject(run, which, record, datum)
            elif which == LABELS:
                self._learn(run, record, datum)
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
        if self._history and (forgotten := self._history.extend(datum, features)):
            run.counts[FORGOTTEN] += forgotten
        try:
            scores = [score(features) for score in self._score_of]
        except Exception:  # whatever a model raises for an event is the event's own trouble
            scores = [_guarded(score, features) for score in self._score_of]
        low, high, threshold, invalid, deciding_of, _, _ = rules = self._rules
        deciding = scores[0] if deciding_of is None else deciding_of(scores[0])
        if not low <= deciding <= high:  # NaN is neither
            self._reject(run, which, record, invalid)
            return
        offset, _, key, _, headers = record
        identity: str = datum[self._id]
        answer, shadow = self._encoders[which]
        about, place = subject(identity, time_ms), varint(offset)
        value = answer(about, place, scores[0], deciding >= threshold)
        run.emissions.append((ANSWER, key, value, trace(headers) if headers else None))
        if len(scores) > 1:
            if deciding_of is None:
                others = [s if low <= s <= high else None for s in scores[1:]]
            else:
                others = [s if rules.valid(s) else None for s in scores[1:]]
            run.emissions.append((SHADOW, key, shadow(about, place, others), None))
        run.counts["answers"] += 1
        if self._waits:
            if evicted := self._join.wait(identity, features, self._stream_time_ms):
                run.counts[EVICTED] += evicted
        elif not rules.learns_labels:
            self._teach(run, features, None)

    def _expire(self, run: Run, time_ms: int) -> None:
        negative = self.spec.line.on_expiry == "negative"
        for features in self._join.expire(time_ms):
            if negative:
                self._teach(run, features, False)
            run.counts[NEGATIVE if negative else EXPIRED] += 1

    def _learn(self, run: Run, record: Record, datum: dict[str, Any]) -> None:
        label: Any = datum[self._label]
        rules = self._rules
        if rules.truth is not None:
            label = rules.truth(label)
            if isinstance(label, Rejection):
                self._reject(run, LABELS, record, label)
                return
        if not rules.learns_labels:
            run.counts[UNUSED] += 1
            return
        outcome, features = self._join.match(datum[self._refers_to], label, self._stream_time_ms)
        if features is not None:
            self._teach(run, features, label)
        run.counts[outcome] += 1

    def _teach(self, run: Run, features: Features, label: Any) -> None:
        for learn in self._learn_of:
            try:
                learn(features, label)
            except LearnFailed:
                run.counts[LEARN_FAILED] += 1

    def _reject(self, run: Run, which: int, record: Record, why: Rejection) -> None:
        spec, topic = self.spec, self.spec.inputs[which] or ""
        schema = (spec.label_schema if which == LABELS else None) or spec.event_schema
        origin = Origin(topic, self.partition, spec.line.name, spec.champion.model, schema.name)
        run.emissions.append(dead_letter(record, why, origin))
        run.counts["dead_letters" if which != LABELS else "dead_labels"] += 1


def _guarded(score: Callable[[Features], Any], features: Features) -> Any:
    try:
        return score(features)
    except Exception:
        return math.nan
