"""One partition's past folded with something changed, row by row beside what was written.

The order of the records that stay is the factory's: the journal's, with those left out skipped.
"""

import math
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

from engine.broker.reader import partition_offsets, read_range
from engine.core.features import Features
from engine.core.journal import MOVED, Entry
from engine.core.record import ANSWER, DEAD_LETTER, LABELS, RETRY, Record
from engine.core.refold import Feed
from engine.core.run import Run
from engine.core.spec import Learner, Spec
from engine.core.task import Task
from engine.errors import LablineError
from lab_replay.alignment import Pairs
from lab_replay.partition_past import PartitionPast
from lab_replay.whatif_change import Change, source_name
from lab_replay.written import Source, fields, source_of

NO_LABEL = -1
SOURCES_MAX = 100  # names of producers that are told back


@dataclass
class Rows:
    """The events of a partition that were answered then and would be answered now.

    About 45 bytes an event, and with `ids` their names.
    """

    retry: "array[int]" = field(default_factory=lambda: array("b"))
    offset: "array[int]" = field(default_factory=lambda: array("q"))
    time_ms: "array[int]" = field(default_factory=lambda: array("q"))
    was: "array[float]" = field(default_factory=lambda: array("d"))
    now: "array[float]" = field(default_factory=lambda: array("d"))
    was_yes: "array[int]" = field(default_factory=lambda: array("b"))
    now_yes: "array[int]" = field(default_factory=lambda: array("b"))
    propensity: "array[float]" = field(default_factory=lambda: array("d"))
    label: "array[int]" = field(default_factory=lambda: array("b"))
    ids: list[str] = field(default_factory=list)


class Watched:
    """The champion, and for each event which label it learned.

    A label is learned with the very features that were scored, so the object tells the row: its
    address stays its own for as long as it is waited for.
    """

    def __init__(self, inner: Learner | None) -> None:
        self._inner = inner  # None: what was written is the score
        self._row_of: dict[int, int] = {}
        self.labels: array[int] = array("b")

    def over(self, inner: Learner) -> "Watched":
        """Return the same watch over another learner, as a promotion puts it in place."""
        other = Watched(inner)
        other._row_of, other.labels = self._row_of, self.labels
        return other

    def score(self, features: Features) -> float:
        """Return the champion's probability; each answered event is a row."""
        probability = 0.5 if self._inner is None else self._inner.score(features)
        if 0.0 <= probability <= 1.0:  # else it is no answer, but a dead letter
            self._row_of[id(features)] = len(self.labels)
            self.labels.append(NO_LABEL)
        return probability

    def learn(self, features: Features, label: bool) -> None:
        """Learn a label, and note it."""
        row = self._row_of.get(id(features))
        if row is not None:
            self.labels[row] = int(label)
        if self._inner is not None:
            self._inner.learn(features, label)

    def river(self) -> Any:
        """Return the champion's model."""
        return None if self._inner is None else self._inner.river()


class PartitionFold:
    """A partition's past with something changed.

    Attributes
    ----------
    rows
        Events with an answer on both sides.
    left_out
        Records that were left out.
    gone, added
        Answers that were written and would not have been; and the other way round.
    unwritten
        Answers that retention took: nothing is known of what was.
    """

    def __init__(self, past: PartitionPast, change: Change, with_ids: bool) -> None:
        self._past, self._change, self._with_ids = past, change, with_ids
        self.rows, self.outcomes = Rows(), Counter[str]()
        self.left_out = self.gone = self.added = self.unwritten = self.entries = 0
        self.sources: set[str] = set()
        self._watch = Watched(None)
        self._passed: list[tuple[int, Record]] = []
        self._row_at: array[int] = array("q")  # of the watch, by row of `rows`

    def run(self) -> None:
        """Fold all that can be folded.

        Raises
        ------
        LablineError
            ``LL-WHATIF-TRUNCATED`` when what was learned began before what is left of the log.
        """
        first = self._first()
        if first is None:
            return
        self._written = self._past.written(first.sequence)
        self._pairs = Pairs(self._written, ANSWER, lambda _: None)
        row = 0
        for run in self._fold(first):
            self.entries += 1
            self.outcomes.update(run.counts)
            for which, record in self._passed:
                if which != LABELS:
                    self.gone += self._pairs.take(self._source(which, record)) is not None
            row = self._pair(run, row)
        self.rows.label.extend(self._watch.labels[at] for at in self._row_at)

    def _first(self) -> Entry | None:
        """Return the entry to begin at."""
        past, begin = self._past, self._past.told.begin
        if begin is None or past.reaches_back():
            return begin
        if not self._change.keeps_scores:
            raise LablineError(
                "LL-WHATIF-TRUNCATED",
                f"partition {past.partition}: the log does not reach back to where the line began,"
                " and what would have been learned depends on all of it",
                "keep inputs and journal longer (labline topics plan tells how far back they"
                " reach); --threshold alone can be tried on what is left",
            )
        topics = [topic for topic in past.inputs if topic is not None]
        offsets = partition_offsets(past.origin.bootstrap, topics)
        starts = [offsets[t][past.partition].start if t else -1 for t in past.inputs]
        for entry in past.entries():
            if all(at >= start for at, start in zip(entry.first_offsets, starts, strict=True)):
                return entry
        return None

    def _fold(self, first: Entry) -> Iterator[Run]:
        past, task, feeds = self._past, None, list[Feed]()
        with ExitStack() as readers:
            for entry in past.entries(first.offset):
                if task is None:
                    task = Task(self._spec(entry), past.partition, entry.first_offsets)
                elif entry.revision != task.spec.revision:
                    task.configure(self._spec(entry))
                if entry.first_offsets != tuple(task.next_offsets):
                    raise _gap(past.partition, entry)
                if entry.kind == MOVED:
                    task.move(entry.next_offsets)
                    feeds = []
                feeds = feeds or self._open(task.next_offsets, readers)
                records, order = self._kept(feeds, entry)
                yield task.refeed(records, order)
                task.move(entry.next_offsets)  # over what was left out

    def _spec(self, entry: Entry) -> Spec:
        spec = self._past.origin.spec(entry.revision)
        self._threshold = spec.line.decision.threshold
        if not self._change.keeps_scores:
            self._watch = self._watch.over(spec.champion.learner)
        return replace(spec, champion=spec.champion._replace(learner=self._watch), others=())

    def _open(self, starts: list[int], readers: ExitStack) -> list[Feed]:
        past = self._past
        topics = [topic for topic in past.inputs if topic is not None]
        offsets, feeds = partition_offsets(past.origin.bootstrap, topics), []
        for topic, start in zip(past.inputs, starts, strict=True):
            if topic is None:
                feeds.append(Feed(iter(())))
                continue
            end = offsets[topic][past.partition].stable
            source = read_range(past.origin.bootstrap, topic, past.partition, start, end)
            readers.callback(source.close)
            feeds.append(Feed(source))
        return feeds

    def _kept(self, feeds: list[Feed], entry: Entry) -> tuple[list[list[Record]], Any]:
        """Return what an entry took and is not left out, and its order."""
        records: list[list[Record]] = [[], [], []]
        order, self._passed = [], []
        leaves_out = self._leaves_out if self._change.leaves_out else None
        for which, count in entry.order:
            taken = feeds[which].take(count, f"input {which} of partition {self._past.partition}")
            kept = taken
            if leaves_out is not None:
                kept = [record for record in taken if not leaves_out(which, record)]
            records[which] += kept
            if kept:
                order.append((which, len(kept)))
        return records, order

    def _leaves_out(self, which: int, record: Record) -> bool:
        change, source = self._change, source_name(record[4]) if self._change.sources else ""
        if source and len(self.sources) < SOURCES_MAX:
            self.sources.add(source)
        topic, partition = self._past.inputs[which], self._past.partition
        out = source in change.sources or any(
            (told.topic, told.partition) == (topic, partition)
            and told.first <= record[0] < told.until
            for told in change.ranges
        )
        if out:
            self.left_out += 1
            self._passed.append((which, record))
        return out

    def _source(self, which: int, record: Record) -> Source:
        return str(self._past.inputs[which]), self._past.partition, record[0]

    def _pair(self, run: Run, row: int) -> int:
        """Put a run's answers beside what was written; return the next row of the watch."""
        for kind, key, value, headers in run.emissions:
            source = source_of(kind, (-1, -1, key, value, headers))
            if kind == DEAD_LETTER and source[0] != self._past.inputs[LABELS]:
                self.gone += self._pairs.take(source) is not None
            if kind != ANSWER:
                continue
            record = self._pairs.take(source)
            if record is not None:
                self._written.begins(ANSWER)
                self._row_at.append(row)
                self._add(source, fields(kind, None, record[3]), fields(kind, None, value))
            elif self._written.is_cut(ANSWER):
                self.unwritten += 1
            else:  # one that had no probability then has none now, if only the threshold moves
                self.added += not self._change.keeps_scores
            row += 1
        return row

    def _add(self, source: Source, was: Mapping[str, Any], now: Mapping[str, Any]) -> None:
        rows, probability = self.rows, was.get("probability")
        if probability is None:
            raise LablineError(
                "LL-WHATIF-KIND",
                f"line {self._past.origin.line} does not answer yes or no",
                "whatif compares decisions: lab compare is for values and classes",
            )
        propensity, again = was.get("propensity"), now["probability"]
        if self._change.keeps_scores:
            again = probability
        rows.retry.append(source[0] == self._past.inputs[RETRY])
        rows.offset.append(source[2])
        rows.time_ms.append(was["event_time_ms"])
        rows.was.append(probability)
        rows.now.append(again)
        rows.was_yes.append(was["answer"])
        rows.now_yes.append(again >= self._threshold)
        rows.propensity.append(math.nan if propensity is None else propensity)
        if self._with_ids:
            rows.ids.append(was["id"])


def _gap(partition: int, entry: Entry) -> LablineError:
    return LablineError(
        "LL-JOURNAL-GAP",
        f"partition {partition}: journal entry {entry.sequence} does not begin where the one"
        " before it ends",
        "the journal topic lost records or was written by another tool: re-learn the line",
    )
