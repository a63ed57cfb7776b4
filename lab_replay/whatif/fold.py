"""One partition's past folded with something changed, row by row beside what was written.

The order of the records that stay is the factory's: the journal's, with those left out skipped.
"""

import math
from array import array
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

from labline.engine.broker.reader import partition_offsets, read_range
from labline.engine.core.journal import MOVED, Entry
from labline.engine.core.kinds import kind_of
from labline.engine.core.record import ANSWER, DEAD_LETTER, LABELS, RETRY, Record
from labline.engine.core.refold import Feed
from labline.engine.core.run import Run
from labline.engine.core.spec import Spec
from labline.engine.core.task import Task
from labline.engine.errors import LablineError
from labline.engine.rerun.line_outputs import Source, fields, source_of
from labline.engine.rerun.partition_past import PartitionPast
from labline.lab_replay.parity.alignment import Pairs
from labline.lab_replay.replay.trial import joined
from labline.lab_replay.whatif.change import Change, source_name
from labline.lab_replay.whatif.watch import Watch

#: Where a score has what a line of this kind answers.
FIELDS = {
    "binary": "probability",
    "multiclass": "probabilities",
    "regression": "value",
    "anomaly": "value",
}
SOURCES_MAX = 100  # names of producers that are told back


@dataclass
class Rows:
    """The events of a partition that were answered then and would be answered now.

    About 50 bytes an event, more of several classes, and with `ids` their names.

    Attributes
    ----------
    width
        Numbers in `was` and `now` for an event: of several classes one each.
    """

    width: int = 1

    retry: "array[int]" = field(default_factory=lambda: array("b"))
    offset: "array[int]" = field(default_factory=lambda: array("q"))
    time_ms: "array[int]" = field(default_factory=lambda: array("q"))
    was: "array[float]" = field(default_factory=lambda: array("d"))
    now: "array[float]" = field(default_factory=lambda: array("d"))
    was_yes: "array[int]" = field(default_factory=lambda: array("b"))
    now_yes: "array[int]" = field(default_factory=lambda: array("b"))
    propensity: "array[float]" = field(default_factory=lambda: array("d"))
    label: "array[float]" = field(default_factory=lambda: array("d"))
    ids: list[str] = field(default_factory=list)


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
    kind
        Of the line.
    """

    def __init__(self, past: PartitionPast, change: Change, with_ids: bool) -> None:
        self._past, self._change, self._with_ids = past, change, with_ids
        line = past.origin.spec(next(iter(past.origin.revisions))).line
        self.kind, self._watch = line.kind, Watch(line, None)
        self.rows, self.outcomes = Rows(self._watch.width), Counter[str]()
        self.left_out = self.gone = self.added = self.unwritten = self.entries = 0
        self.sources: set[str] = set()
        #: what was left out of an entry, each behind how many of its events that stayed
        self._passed: deque[tuple[int, Source]] = deque()
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
        self._threshold = kind_of(spec.line).threshold
        if not self._change.keeps_scores:
            self._watch = self._watch.over(spec.line, spec.champion.learner)
        champion = spec.champion._replace(learner=self._watch)
        return replace(spec, line=joined(spec.line), champion=champion, others=())

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
        order, events = [], 0
        for which, count in entry.order:
            taken = feeds[which].take(count, f"input {which} of partition {self._past.partition}")
            kept = self._staying(which, taken, events) if self._change.leaves_out else taken
            records[which] += kept
            events += 0 if which == LABELS else len(kept)
            if kept:
                order.append((which, len(kept)))
        return records, order

    def _staying(self, which: int, taken: list[Record], events: int) -> list[Record]:
        kept = []
        for record in taken:
            if not self._leaves_out(which, record):
                kept.append(record)
                continue
            self.left_out += 1
            if which != LABELS:
                source = str(self._past.inputs[which]), self._past.partition, record[0]
                self._passed.append((events + len(kept), source))
        return kept

    def _leaves_out(self, which: int, record: Record) -> bool:
        change, source = self._change, source_name(record[4]) if self._change.sources else ""
        if source and len(self.sources) < SOURCES_MAX:
            self.sources.add(source)
        topic, partition = self._past.inputs[which], self._past.partition
        return source in change.sources or any(
            (told.topic, told.partition) == (topic, partition)
            and told.first <= record[0] < told.until
            for told in change.ranges
        )

    def _pair(self, run: Run, row: int) -> int:
        """Put a run's answers beside what was written; return the next row of the watch.

        What was left out is asked for in its place: pairs are looked for nearby only.
        """
        events = 0
        for kind, key, value, headers in run.emissions:
            source = source_of(kind, (-1, -1, key, value, headers))
            if source[0] == self._past.inputs[LABELS]:
                continue
            self._pass_over(events)
            events += 1
            if kind == DEAD_LETTER:
                self.gone += self._pairs.take(source) is not None
                continue
            record = self._pairs.take(source)
            if record is not None:
                self._written.begins(ANSWER)
                self._row_at.append(row)
                self._add(source, fields(kind, None, record[3]), row)
            elif self._written.is_cut(ANSWER):
                self.unwritten += 1
            else:  # one that had no score then has none now, if only the threshold moves
                self.added += not self._change.keeps_scores
            row += 1
        self._pass_over(events)
        return row

    def _pass_over(self, events: int) -> None:
        """Count the answers to what was left out before an entry's next event that stayed."""
        while self._passed and self._passed[0][0] <= events:
            self.gone += self._pairs.take(self._passed.popleft()[1]) is not None

    def _add(self, source: Source, told: Mapping[str, Any], row: int) -> None:
        rows, width, propensity = self.rows, self.rows.width, told.get("propensity")
        was = told.get(FIELDS[self.kind])
        was = was if isinstance(was, list) else [was]
        if None in was or len(was) != width:
            raise other_kind(self._past.origin.line, f"the answer to {source[0]}@{source[2]}")
        now = was
        if not self._change.keeps_scores:
            now = self._watch.scores[row * width : (row + 1) * width].tolist()
        rows.retry.append(source[0] == self._past.inputs[RETRY])
        rows.offset.append(source[2])
        rows.time_ms.append(told["event_time_ms"])
        rows.was.extend(was)
        rows.now.extend(now)
        rows.was_yes.append(told["answer"])
        rows.now_yes.append(max(now) >= self._threshold)
        rows.propensity.append(math.nan if propensity is None else propensity)
        if self._with_ids:
            rows.ids.append(told["id"])


def other_kind(line: str, what: str) -> LablineError:
    """Return the refusal of a past in which a line was of another kind than it is."""
    return LablineError(
        "LL-WHATIF-KIND",
        f"line {line}: {what} is of another kind, or of other classes, than the line is now",
        "answers of two kinds cannot be set beside each other: give the other kind a line of its"
        " own name",
    )


def _gap(partition: int, entry: Entry) -> LablineError:
    return LablineError(
        "LL-JOURNAL-GAP",
        f"partition {partition}: journal entry {entry.sequence} does not begin where the one"
        " before it ends",
        "the journal topic lost records or was written by another tool: re-learn the line",
    )
