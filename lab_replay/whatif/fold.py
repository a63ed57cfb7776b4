"""One partition's past folded with something changed, beside what was written.

Called by `labline.lab_replay.whatif.whatif`, in a process for each partition. What comes in is a
partition's past and a `Change`; what goes out are pairs of answers and counts. What must stay true:
the order of the records that stay is the factory's, the journal's with those left out skipped; and
an event is paired with its own answer, never with its neighbour's.
"""

from array import array
from collections import Counter, deque
from dataclasses import replace
from typing import Any

import numpy as np

from labline.engine.core.answer_rules import answer_rules
from labline.engine.core.journal import Entry
from labline.engine.core.kinds import KINDS
from labline.engine.core.record import ANSWER, DEAD_LETTER, LABELS, RETRY, Record
from labline.engine.core.refold import Resumed
from labline.engine.core.run import Run
from labline.engine.core.scores import Answer, decode_answer
from labline.engine.core.spec import Spec
from labline.engine.core.task import Task
from labline.engine.errors import LablineError
from labline.engine.rerun.output_records import Source, emission_source
from labline.engine.rerun.partition_past import Beginning, PartitionPast
from labline.engine.rerun.source_pairs import SourcePairs
from labline.lab_replay.replay.row_recorder import RowRecorder
from labline.lab_replay.replay.trial import joined
from labline.lab_replay.whatif.answers import AnswerLog, AnswerPairs
from labline.lab_replay.whatif.change import Change, source_name
from labline.schemas.rejection import Rejection

SOURCES_MAX = 100  # names of producers that an error lists


class PartitionFold:
    """A partition's past with something changed.

    Parameters
    ----------
    past : PartitionPast
        The past.
    change : Change
        What is to be otherwise.
    with_ids : bool
        Whether to keep the ids of the events that were answered in both pasts.

    Attributes
    ----------
    ids : list of str
        Those ids, row by row.
    outcomes : Counter
        Of labels, and other counts of the runs.
    left_out : int
        Records that were left out.
    gone, added : int
        Answers that were written and would not have been; and the other way round.
    unwritten : int
        Answers that retention took: the factual past is not known.
    sources : set of str
        Names of producers that were seen.
    kind : str
        Of the line.
    """

    def __init__(self, past: PartitionPast, change: Change, with_ids: bool) -> None:
        self._past, self._change, self._with_ids = past, change, with_ids
        line = past.rerun.spec(next(iter(past.rerun.revisions))).line
        self.kind, self._answers = line.kind, AnswerLog(line)
        self._recorder = RowRecorder(line, self._answers)
        self.ids: list[str] = []
        self.outcomes = Counter[str]()
        self.left_out = self.gone = self.added = self.unwritten = 0
        self.sources: set[str] = set()
        self._kept = 0  # events and retries of the entry that is folded now
        #: Events that were left out of an entry, each behind how many of its events that stayed.
        self._gaps: deque[tuple[int, Source]] = deque()
        #: Of the pairs: the row of `_answers`, and what was written.
        self._rows, self._time_ms, self._offset = array("q"), array("q"), array("q")
        self._factual, self._counterfactual = array("d"), array("d")
        self._factual_yes, self._counterfactual_yes = array("b"), array("b")
        self._is_retry = array("b")

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
        past = self._past
        self._outputs = past.outputs(first.sequence)
        self._written = SourcePairs(self._outputs, ANSWER, lambda _: None)
        task = Task(self._spec(first.revision), past.partition, first.first_offsets)
        beginning = Beginning(Resumed(task, first.sequence), first.sequence)
        keep = self._keep if self._change.leaves_out else None
        row = 0
        for _, run, _ in past.fold(beginning, past.journal.end, self._spec, keep):
            self.outcomes.update(run.counts)
            row = self._pair(run, row)
            self._kept = 0

    def pairs(self) -> AnswerPairs:
        """Return the events that were answered in both pasts."""

        def scores(flat: "array[float]") -> Any:
            width, column = self._answers.width, np.array(flat, np.float64)
            return column if width == 1 else column.reshape(-1, width)

        return AnswerPairs(
            factual=scores(self._factual),
            counterfactual=scores(self._counterfactual),
            factual_yes=np.array(self._factual_yes, np.bool_),
            counterfactual_yes=np.array(self._counterfactual_yes, np.bool_),
            label=np.array([self._answers.labels[row] for row in self._rows], np.float64),
            time_ms=np.array(self._time_ms, np.int64),
            offset=np.array(self._offset, np.int64),
            is_retry=np.array(self._is_retry, np.bool_),
        )

    def _first(self) -> Entry | None:
        """Return the entry to begin at."""
        past, begin = self._past, self._past.journal.begin
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
        starts = past.input_starts()
        for entry in past.entries():
            if all(at >= start for at, start in zip(entry.first_offsets, starts, strict=True)):
                return entry
        return None

    def _spec(self, revision: int) -> Spec:
        """Return a configuration as it would have been, its champion recorded."""
        spec = self._past.rerun.spec(revision)
        self._threshold = answer_rules(spec.line).threshold
        if not self._change.keeps_scores:
            self._recorder = self._recorder.around(spec.line, spec.champion.learner)
        champion = spec.champion._replace(learner=self._recorder)
        return replace(spec, line=joined(spec.line), champion=champion, others=())

    def _keep(self, which: int, record: Record) -> bool:
        """Tell whether a record stays; note where one that does not would have been answered."""
        if not self._is_left_out(which, record):
            self._kept += which != LABELS
            return True
        self.left_out += 1
        if which != LABELS:
            source = str(self._past.inputs[which]), self._past.partition, record[0]
            self._gaps.append((self._kept, source))
        return False

    def _is_left_out(self, which: int, record: Record) -> bool:
        change, source = self._change, source_name(record[4]) if self._change.sources else ""
        if source and len(self.sources) < SOURCES_MAX:
            self.sources.add(source)
        topic, partition = self._past.inputs[which], self._past.partition
        return source in change.sources or any(
            (offsets.topic, offsets.partition) == (topic, partition)
            and offsets.first <= record[0] < offsets.until
            for offsets in change.ranges
        )

    def _pair(self, run: Run, row: int) -> int:
        """Put a run's answers beside what was written; return the next row of the answers.

        What was left out is asked for in its place: pairs are looked for nearby only.
        """
        events = 0
        for emission in run.emissions:
            source = emission_source(emission)
            if source[0] == self._past.inputs[LABELS]:
                continue
            self._pass_gaps(events)
            events += 1
            record = self._written.take(source)
            if emission[0] == DEAD_LETTER:
                self.gone += record is not None
                continue
            if record is not None:
                self._outputs.end_cut(ANSWER)
                self._add(source, decode_answer(record[3]), row)
            elif self._outputs.is_cut(ANSWER):
                self.unwritten += 1
            else:  # one that had no score then has none now, if only the threshold moves
                self.added += not self._change.keeps_scores
            row += 1
        self._pass_gaps(events)
        return row

    def _pass_gaps(self, events: int) -> None:
        """Count the answers to what was left out before an entry's next event that stayed."""
        while self._gaps and self._gaps[0][0] <= events:
            self.gone += self._written.take(self._gaps.popleft()[1]) is not None

    def _add(self, source: Source, answer: Answer | Rejection, row: int) -> None:
        assert isinstance(answer, Answer)  # else it would have no source to be paired by
        factual = answer.score(KINDS[self.kind])
        if len(factual) != self._answers.width:
            raise other_kind(self._past.rerun.line, f"the answer to {source[0]}@{source[2]}")
        counterfactual = factual if self._change.keeps_scores else self._answers.answer(row)
        self._rows.append(row)
        self._is_retry.append(source[0] == self._past.inputs[RETRY])
        self._offset.append(source[2])
        self._time_ms.append(answer.event_time_ms)
        self._factual.extend(factual)
        self._counterfactual.extend(counterfactual)
        self._factual_yes.append(answer.answer)
        self._counterfactual_yes.append(max(counterfactual) >= self._threshold)
        if self._with_ids:
            self.ids.append(answer.id)


def other_kind(line: str, what: str) -> LablineError:
    """Return the refusal of a past in which a line was of another kind than it is."""
    return LablineError(
        "LL-WHATIF-KIND",
        f"line {line}: {what} is of another kind, or of other classes, than the line is now",
        "answers of two kinds cannot be set beside each other: give the other kind a line of its"
        " own name",
    )
