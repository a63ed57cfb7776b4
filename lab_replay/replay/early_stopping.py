"""Giving up hopeless candidates: those that are certainly worse than a baseline."""

from array import array
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from labline.engine.stats.early_stopping import ALPHA, Hopeless
from labline.lab_replay.evaluation.bounded import loss_of, losses_of_both, widest_difference
from labline.lab_replay.replay.candidates import Candidate
from labline.lab_replay.replay.steps import Step


class GivingUp:
    """Stops candidates of a pass at the first label at which it is certain that they lose.

    Parameters
    ----------
    kind, classes
        Of the line.
    candidates
        By name; the reference is among them and is never stopped.
    tests
        How many passes ask the same of a candidate: they share the probability of an error.
    streams
        How many partitions the pass merges: steps' rows tell them apart, as `units` numbers them.
    """

    def __init__(
        self,
        kind: str,
        classes: Sequence[str],
        candidates: Mapping[str, Candidate],
        reference: str,
        tests: int,
        streams: int = 1,
    ) -> None:
        self._loss = loss_of(kind)
        self._classes = {name: index for index, name in enumerate(classes)}
        self._reference = candidates[reference]
        bound = widest_difference(kind, self._loss)
        self._tested = [
            (candidate, Hopeless(bound, ALPHA / tests))
            for name, candidate in candidates.items()
            if name != reference
        ]
        self._streams, self._scored = streams, 0
        self._places = [array("q") for _ in range(streams)]

    def after(self, steps: Sequence[Step]) -> None:
        """Look at the labels of a block that all candidates have walked over."""
        places = self._placed(steps)
        learned = [(row, label) for _, row, _, label in steps if label is not None]
        if not learned:
            return
        rows = [places(row) for row, _ in learned]
        labels = [self._classes[label] if self._classes else label for _, label in learned]
        truth = np.array(labels, np.float64)
        reference = self._reference.scores_of(rows)
        for candidate, hopeless in self._tested:
            if candidate.stopped_at is not None:
                continue
            score = candidate.scores_of(rows)
            losses, references, _ = losses_of_both(score, reference, truth, self._loss)
            if hopeless.add(losses, references):
                candidate.stop(hopeless.stopped_at or 0)

    def _placed(self, steps: Sequence[Step]) -> Callable[[int], int]:
        """Return what says where a row's score is among the scores of the pass."""
        if self._streams == 1:
            return int
        for _, row, _, label in steps:
            if label is None:
                self._places[row % self._streams].append(self._scored)
                self._scored += 1
        return lambda row: self._places[row % self._streams][row // self._streams]
