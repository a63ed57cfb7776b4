"""When a scorer writes snapshots: after a commit, now and then, and once more when it stops.

Called by the scorer. What comes in are tasks at their committed offsets; what goes out are files in
the snapshot store. What must stay true: a snapshot is of a task between two transactions, never in
one; and one that cannot be written stops nothing.
"""

import time

import structlog

from labline.engine.core.task import Task
from labline.engine.factory.recovery import CommittedTask
from labline.engine.models.learning.snapshot_store import SnapshotStore
from labline.engine.models.learning.snapshots import FOLDED, snapshot
from labline.engine.models.state.environment import environment_digest

log = structlog.get_logger()

EVERY_RECORDS = 100_000
EVERY_S = 60.0


class Snapshotting:
    """Keeps a scorer's tasks able to come back without their whole past.

    A snapshot that cannot be written costs a slower return, never an answer: it is said, and the
    next one is tried.

    Parameters
    ----------
    store
        None: no snapshots; a task comes back by folding its past from the start.
    """

    def __init__(self, store: SnapshotStore | None) -> None:
        self._store = store
        self._environment = environment_digest()
        self._records: dict[int, int] = {}  # since a task's last snapshot
        self._since: dict[int, float] = {}
        self._newest: dict[int, int] = {}  # sequence number of a task's last snapshot
        self.failures = 0

    def begin(self, at: CommittedTask) -> None:
        """Note that a task came back, perhaps from a snapshot."""
        partition = at.task.partition
        self._records[partition], self._since[partition] = 0, time.monotonic()
        self._newest[partition] = at.snapshot_sequence

    def advance(self, at: CommittedTask, records: int) -> None:
        """Note that records of a task were committed; write a snapshot when it is time."""
        partition = at.task.partition
        self._records[partition] = self._records.get(partition, 0) + records
        since_s = time.monotonic() - self._since[partition]
        if self._records[partition] >= EVERY_RECORDS or since_s >= EVERY_S:
            self.write(at)

    def write(self, at: CommittedTask) -> None:
        """Write a snapshot of a task that stands at its committed offsets."""
        task: Task = at.task
        if self._store is None or at.place.sequence == 0:
            return
        self._records[task.partition] = 0
        self._since[task.partition] = started = time.monotonic()
        try:
            self._store.write(*snapshot(task, at.place, self._environment, FOLDED))
        except Exception as error:  # fsspec's stores have errors of their own
            self.failures += 1
            log.warning(
                "LL-SNAPSHOT-UNWRITTEN: coming back will take longer",
                line=task.spec.line.name,
                partition=task.partition,
                error=f"{type(error).__name__}: {error}",
                failures=self.failures,
            )
            return
        self._newest[task.partition] = at.place.sequence
        log.info(
            "snapshot",
            line=task.spec.line.name,
            partition=task.partition,
            sequence=at.place.sequence,
            seconds=round(time.monotonic() - started, 3),
        )

    def stop(self, tasks: list[CommittedTask]) -> None:
        """Write one where a task stands, unless there is: a graceful stop is cheap to undo.

        Without input since it came back, too: other versions can go on from nowhere else.
        """
        for at in tasks:
            if self._newest[at.task.partition] != at.place.sequence:
                self.write(at)
