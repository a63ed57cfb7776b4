"""Taking a task's snapshot, and making a task of one."""

import time
from functools import partial
from typing import NamedTuple

from labline.engine.core.snapshot import Header, Origin, Sealed
from labline.engine.core.spec import Spec
from labline.engine.core.state_digest import state_digest
from labline.engine.core.task import Task
from labline.engine.errors import LablineError
from labline.engine.models.learning.learner import Learner
from labline.engine.models.state.globals import FORMAT_1
from labline.engine.models.state.unpickle import dump, load


class JournalPlace(NamedTuple):
    """Where in the journal a task stands: the next sequence number, and the last entry."""

    sequence: int
    journal_offset: int
    entry_digest: bytes


#: Before a task's first journal entry.
NOWHERE = JournalPlace(0, -1, b"")
FOLDED: Origin = "folded"


def snapshot(
    task: Task, place: JournalPlace, environment: str, origin: Origin = FOLDED
) -> tuple[Header, bytes]:
    """Return a task's snapshot, to be sealed."""
    state = task.state()
    header = Header(
        line=task.spec.line.name,
        partition=task.partition,
        sequence=place.sequence,
        journal_offset=place.journal_offset,
        entry_digest=place.entry_digest.hex(),
        next_offsets=list(task.next_offsets),
        revision=task.spec.revision,
        environment=environment,
        state_digest=state_digest(state),
        origin=origin,
        written_ms=time.time_ns() // 1_000_000,
    )
    return header, dump(state)


def revived(sealed: Sealed, spec: Spec) -> Task | str:
    """Return the task of a snapshot whose MAC fits, or why there is none."""
    try:
        state = load(sealed.state)
        names = FORMAT_1 if sealed.format == 1 else {}
        if state_digest(state, names) != sealed.header.state_digest:
            return "its state is not the one that was written"
        task = Task(spec, sealed.header.partition, state["next_offsets"])
        line = spec.line
        task.restore(state, partial(Learner, kind=line.kind, classes=line.classes))
    except LablineError as error:
        return error.message
    except Exception as error:  # whatever another version's state provokes in this one's classes
        return f"its state does not fit this version: {type(error).__name__}"
    if task.next_offsets != sealed.header.next_offsets:
        return "its state stands at other offsets than its header says"
    return task
