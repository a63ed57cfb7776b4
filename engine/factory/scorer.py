"""The scorer: one thread that polls, folds and commits. Straight lines around `engine.core`.

Called by `process`, a scorer for each session with the broker. What comes in are the records of the
partitions that the group assigns; what goes out are transactions. One thread owns consumer and
producer and commits before it polls again, so a rebalance needs no special code: the old
generation's transaction ends before the revocation comes.
"""

import gc
import time
from collections.abc import Callable

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from labline.engine.broker.clients import consumer_config
from labline.engine.errors import LablineError
from labline.engine.factory.follower import ControlFollower
from labline.engine.factory.inputs import TaskInputs, out_of_log
from labline.engine.factory.journal_end import InputOffsets
from labline.engine.factory.recovery import CommittedTask, committed_offsets, recover
from labline.engine.factory.snapshotting import Snapshotting
from labline.engine.factory.transactions import Transactions, Work
from labline.engine.models.control import configuration
from labline.engine.models.control.configuration import SpecOf
from labline.engine.models.control.control import Revision
from labline.engine.models.learning.snapshot_store import SnapshotStore
from labline.engine.models.learning.snapshots import JournalPlace
from labline.engine.models.state.environment import environment_digest
from labline.topics.naming import line_topics

log = structlog.get_logger()

SESSION_TIMEOUT_MS = 6_000
POLL_RECORDS = 5_000
IDLE_POLL_S = 0.1
# Between two transactions while idle: each costs the broker as much as 300 events.
SPACING_S = 0.005
# Between two collections: more containers than a few batches are. Records make no cycles; by
# Python's default of 700 their buffers would be walked over again and again, for nothing.
GC_CONTAINERS = 200_000


class Scorer:
    """A member of a line's consumer group, from assignment to assignment.

    Parameters
    ----------
    revision
        The line's configuration to begin with.
    instance
        Stable name of this worker slot; a restart in the same slot takes over at once.
    batch_max
        Records taken per transaction; the line's own limit unless given.
    store
        Where snapshots are kept; None: nowhere.
    spec_of
        From a revision to its configuration.
    """

    def __init__(
        self,
        bootstrap: str,
        follower: ControlFollower,
        revision: Revision,
        instance: str,
        batch_max: int | None = None,
        store: SnapshotStore | None = None,
        spec_of: SpecOf = configuration.spec_of,
    ) -> None:
        self._spec_of = spec_of
        spec = spec_of(revision)
        line = spec.line
        self._bootstrap = bootstrap
        self._follower = follower
        self._line = line
        self._topics = spec.inputs
        self._which = {topic: which for which, topic in enumerate(spec.inputs) if topic}
        self._revision = revision
        self._batch_max = batch_max or line.limits.batch_max
        self._inputs: dict[int, TaskInputs] = {}
        self._tasks: dict[int, CommittedTask] = {}
        self._parked: dict[int, CommittedTask] = {}
        self._store = store
        self._snapshotting = Snapshotting(store)
        self._failure: BaseException | None = None
        self._turn = 0
        member = f"labline.{line.name}.{instance}"
        # first of all: it ends whatever a dead predecessor in this slot left open
        self._transactions = Transactions(
            bootstrap,
            f"{member}.0",
            line_topics(line.name),
            spec.inputs,
            environment_digest(),
        )
        self._consumer = Consumer(
            consumer_config(
                bootstrap,
                group_id=f"labline.{line.name}",
                group_instance_id=member,
                partition_assignment_strategy="range",  # events[p], labels[p], retry[p] together
                session_timeout_ms=SESSION_TIMEOUT_MS,
                heartbeat_interval_ms=SESSION_TIMEOUT_MS // 4,
            )
        )
        self._consumer.subscribe(
            list(self._which), on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost
        )

    def run(self, stopped: Callable[[], bool]) -> None:
        """Score until it is time to stop; a transaction that was begun is finished.

        Raises
        ------
        KafkaException
            When a transaction or a poll failed: drop this scorer and make a new one.
        LablineError
            When the line must not go on as it is.
        """
        gc.set_threshold(GC_CONTAINERS)
        timeout_s = 0.0
        while not stopped():
            self._poll(timeout_s)
            self._apply_control()
            taken, behind = self._step()
            timeout_s = 0.0 if behind else IDLE_POLL_S
            if taken and not behind:
                time.sleep(SPACING_S)
        self._snapshotting.stop(list(self._tasks.values()))

    def close(self) -> None:
        """Leave; a static member keeps its partitions until its session ends or it comes back."""
        self._consumer.close()
        self._transactions.close()

    def _poll(self, timeout_s: float) -> None:
        if self._accept(self._consumer.consume(1, timeout_s)):
            # only then: it would wait the whole timeout for the rest. And only now: a rebalance
            # inside this call must find the first record already with its old task.
            self._accept(self._consumer.consume(POLL_RECORDS - 1, 0))

    def _accept(self, messages: list[Message]) -> bool:
        if self._failure is not None:
            raise self._failure
        for message in messages:
            if message.error() is None:
                which = self._which[message.topic()]  # type: ignore[index]
                self._inputs[message.partition()].add(which, message)  # type: ignore[index]
            else:
                self._note(message)
        return bool(messages)

    def _note(self, message: Message) -> None:
        error = message.error()
        assert error is not None
        if error.code() == KafkaError._PARTITION_EOF:
            inputs = self._inputs.get(message.partition())  # type: ignore[arg-type]
            position = inputs and inputs.positions[self._which[message.topic()]]  # type: ignore[index]
            if position:
                position.saw_eof(message.offset())  # type: ignore[arg-type]
        elif error.code() == KafkaError._AUTO_OFFSET_RESET:
            raise out_of_log(self._line.name, message)
        elif error.fatal() or error.code() == KafkaError._FATAL:
            raise KafkaException(error)  # this client is of no more use
        else:  # the broker is away: librdkafka tries again by itself
            log.warning("broker", line=self._line.name, error=error.str())

    def _apply_control(self) -> None:
        """Put a new revision in force, at this border between two transactions."""
        self._follower.poll()
        revision = self._follower.revision(self._line.name)
        if revision is None or revision.offset == self._revision.offset:
            return
        self._revision = revision
        for at in self._tasks.values():
            at.task.configure(self._spec_of(revision))
        log.info("revision in force", line=self._line.name, revision=revision.offset)

    def _step(self) -> tuple[int, bool]:
        """Fold what is there and commit it.

        Returns
        -------
        taken, behind
            How many records, and whether a task took all that it was allowed to: there may be
            more in its buffers, of which no poll would tell.
        """
        works: list[Work] = []
        room = self._batch_max
        share = max(1, room // max(1, len(self._inputs)))
        behind = False
        for partition, inputs in self._in_turn():
            limit = min(share, room)
            run = inputs.task.feed(inputs.take_polled(), inputs.at_end(), limit)
            if inputs.waited_too_long(progress=bool(run) or not limit):
                run = inputs.task.feed(inputs.take_polled(), (True, True, True), limit)
            inputs.throttle(self._line.limits.buffer_max_bytes)
            behind = behind or run.taken >= limit
            if run:
                room -= run.taken
                at, revision = self._tasks[partition], self._revision.offset
                works.append(Work(partition, at.place.sequence, revision, run, at.switch))
        if works:
            self._transactions.commit(works, self._consumer)
            for work in works:
                self._advance(work)
        return self._batch_max - room, behind and bool(works)

    def _advance(self, work: Work) -> None:
        """Note that a task's work is committed."""
        entry = self._transactions.last_entry(work.partition)
        place = JournalPlace(entry.sequence + 1, entry.offset, entry.digest)
        at = CommittedTask(self._tasks[work.partition].task, place)
        self._tasks[work.partition] = at
        if work.switch is not None:  # whoever comes back here needs one of this environment
            self._snapshotting.write(at)
        self._snapshotting.advance(at, work.run.taken)

    def _in_turn(self) -> list[tuple[int, TaskInputs]]:
        """Return the tasks, another one first each time: a small batch must not starve the last."""
        tasks = list(self._inputs.items())
        self._turn = (self._turn + 1) % max(1, len(tasks))
        return tasks[self._turn :] + tasks[: self._turn]

    def _assigned(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        try:
            self._take_over(consumer, sorted({place.partition for place in places}))
        except BaseException as error:  # it would come out of consume() only once
            self._failure = error

    def _take_over(self, consumer: Consumer, partitions: list[int]) -> None:
        line, limits = self._line, self._line.limits
        self._inputs, self._tasks = {}, {}
        assigned: list[TopicPartition] = []
        for partition in partitions:
            committed = committed_offsets(consumer, self._topics, partition)
            self._follower.catch_up()  # its last owner may have known a newer revision
            at = self._parked.get(partition)
            if at is None or tuple(at.task.next_offsets) != committed:
                at = self._recover(consumer, partition, committed)
            if at.task.spec.revision != self._revision.offset:
                at.task.configure(self._spec_of(self._revision))
            inputs = TaskInputs(consumer, at.task, self._topics, limits.input_wait_ms)
            self._inputs[partition], self._tasks[partition] = inputs, at
            assigned += [
                TopicPartition(p.place.topic, partition, p.next_offset)
                for p in inputs.positions
                if p is not None
            ]
        self._parked = {}
        consumer.assign(assigned)
        if assigned:
            consumer.resume(assigned)  # a pause survives unassign and assign
        log.info("assigned", line=line.name, partitions=partitions)

    def _recover(self, consumer: Consumer, partition: int, offsets: InputOffsets) -> CommittedTask:
        spec, control = self._spec_of(self._revision), self._follower.control
        try:
            at = recover(
                self._bootstrap, control, spec, partition, offsets, self._store, self._spec_of
            )
        except LablineError as error:
            if committed_offsets(consumer, self._topics, partition) == offsets:
                raise
            # held up meanwhile, and another member went on from here: nobody moved the offsets
            raise KafkaException(KafkaError(KafkaError.ILLEGAL_GENERATION)) from error
        self._snapshotting.begin(at)
        return at

    def _revoked(self, consumer: Consumer, _: list[TopicPartition]) -> None:
        """Park the tasks: an eager rebalance hands most of them back where they were."""
        self._parked = dict(self._tasks)
        for at in self._parked.values():
            at.task.drop_buffers()
        self._forget(consumer)

    def _lost(self, consumer: Consumer, _: list[TopicPartition]) -> None:
        """Drop everything: another member may have gone on from here."""
        self._parked = {}
        self._forget(consumer)

    def _forget(self, consumer: Consumer) -> None:
        places = [p.place for inputs in self._inputs.values() for p in inputs.positions if p]
        if places:
            consumer.resume(places)
        self._inputs, self._tasks = {}, {}
        consumer.unassign()
