"""What is to be otherwise in a line's past: model, threshold, producers, offset ranges.

Called by `labline lab whatif` and the fold. What comes in is what a person typed; what goes out is
a `Change` that was checked against the line, and the revisions as it would have had them.
"""

import math
import re
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

from labline.engine.core.kinds import KINDS
from labline.engine.core.line import Line
from labline.engine.core.record import Headers
from labline.engine.errors import LablineError
from labline.engine.models.control.configuration import CHAMPION
from labline.engine.models.control.control import ModelRef, Revision

SOURCE_HEADER = "ce_source"
UNKNOWN = "unknown"  # who sent a record that does not say so
_RANGE = re.compile(r"(?P<topic>[A-Za-z0-9._-]+)/(?P<partition>\d+)=(?P<first>\d+):(?P<until>\d+)")


class OffsetRange(NamedTuple):
    """Offsets of a partition, from the first to before `until`."""

    topic: str
    partition: int
    first: int
    until: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``TOPIC/PARTITION=FIRST:UNTIL``.

        Raises
        ------
        LablineError
            ``LL-WHATIF-RANGE`` when it is not of that form, or holds no offset.

        Examples
        --------
        >>> OffsetRange.parse("flights.arrived/0=120:150")
        OffsetRange(topic='flights.arrived', partition=0, first=120, until=150)
        """
        match = _RANGE.fullmatch(text)
        if match is None or int(match["first"]) >= int(match["until"]):
            raise LablineError(
                "LL-WHATIF-RANGE",
                f"--without {text} is no range of offsets",
                "write TOPIC/PARTITION=FIRST:UNTIL, UNTIL after FIRST and itself not in it:"
                " --without flights.arrived/0=120:150",
            )
        return cls(match["topic"], *(int(match[n]) for n in ("partition", "first", "until")))

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}={self.first}:{self.until}"


@dataclass(frozen=True)
class Change:
    """What is to be otherwise; it goes to other processes.

    Attributes
    ----------
    recipe
        The champion's, from the first record on, through all promotions.
    threshold
        From which the answer is yes.
    sources
        Producers without whose records: what the header ``ce_source`` says.
    ranges
        Offsets of events or labels without which.
    """

    recipe: str | None = None
    threshold: float | None = None
    sources: tuple[str, ...] = ()
    ranges: tuple[OffsetRange, ...] = ()

    @property
    def keeps_scores(self) -> bool:
        """Tell whether all probabilities stay as they were written: only the threshold moves."""
        return self.recipe is None and not self.leaves_out

    @property
    def leaves_out(self) -> bool:
        """Tell whether records are left out."""
        return bool(self.sources or self.ranges)

    def check(self, line: Line, inputs: tuple[str | None, ...], partitions: list[int]) -> None:
        """Refuse what changes nothing, or names what the line has not or does not read.

        Raises
        ------
        LablineError
            ``LL-WHATIF-NOTHING``, ``LL-WHATIF-THRESHOLD``, ``LL-WHATIF-RANGE``.
        """
        if self.keeps_scores and self.threshold is None:
            raise LablineError(
                "LL-WHATIF-NOTHING",
                "nothing is to be otherwise",
                "say what: --recipe, --threshold, --without-source or --without",
            )
        if self.threshold is not None:
            _check_threshold(line, self.threshold)
        for offsets in self.ranges:
            if offsets.topic not in inputs or offsets.partition not in partitions:
                names = ", ".join(name for name in inputs if name)
                raise LablineError(
                    "LL-WHATIF-RANGE",
                    f"--without {offsets}: the line does not read that partition",
                    f"it reads {names}, partitions {partitions[0]} to {partitions[-1]}",
                )

    def revised(self, revision: Revision) -> Revision:
        """Return a revision as it would have been."""
        declaration: dict[str, Any] = revision.declaration
        if self.threshold is not None:
            line = declaration["line"]
            decision = {**line.get("decision", {}), "threshold": self.threshold}
            declaration = {**declaration, "line": {**line, "decision": decision}}
        slots = {CHAMPION: revision.slots[CHAMPION]}
        if self.recipe is not None:  # one name throughout: a promotion does not begin it anew
            slots = {CHAMPION: ModelRef("whatif", 1, self.recipe, "")}
        return replace(revision, declaration=declaration, slots=slots)

    def sentence(self) -> str:
        """Return it in words.

        Examples
        --------
        >>> Change(threshold=0.4, sources=("desk",)).sentence()
        'with the threshold 0.4, without source desk'
        """
        parts = []
        if self.recipe is not None:
            parts.append(f"with {self.recipe}")
        if self.threshold is not None:
            parts.append(f"with the threshold {self.threshold}")
        parts += [f"without source {name}" for name in self.sources]
        parts += [f"without {offsets}" for offsets in self.ranges]
        return ", ".join(parts)


def _check_threshold(line: Line, threshold: float) -> None:
    if line.decision.threshold is None:
        raise LablineError(
            "LL-WHATIF-THRESHOLD",
            f"line {line.name} has no threshold: it is {line.kind}, and its answer is never yes",
            "ask for another model (--recipe), or without a producer (--without-source) or offsets"
            " (--without); a threshold is declared in the line: decision = { threshold = 1.5 }",
        )
    if KINDS[line.kind].probable and not 0 <= threshold <= 1:
        raise LablineError(
            "LL-WHATIF-THRESHOLD",
            f"--threshold {threshold} is no probability",
            "a number from 0 to 1, such as --threshold 0.4",
        )
    if not math.isfinite(threshold):
        raise LablineError(
            "LL-WHATIF-THRESHOLD",
            f"--threshold {threshold} is no finite number",
            f"a score of the line, as {line.decision.threshold:g} is that it has now",
        )


def source_name(headers: Headers) -> str:
    """Return who sent a record, as it claims.

    Examples
    --------
    >>> source_name([("ce_source", b"desk")]), source_name(None)
    ('desk', 'unknown')
    """
    for name, value in headers or ():
        if name == SOURCE_HEADER and value:
            return value.decode(errors="replace")
    return UNKNOWN
