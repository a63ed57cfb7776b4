"""The faults: each an exact replacement in the code, and the test that must notice it."""

from typing import NamedTuple


class Fault(NamedTuple):
    """A fault.

    Attributes
    ----------
    edits
        (file, text that is there exactly once, what comes in its place).
    caught_by
        What pytest is told to run; it must fail.
    """

    name: str
    edits: tuple[tuple[str, str, str], ...]
    caught_by: str


TASK, TRANSACTIONS = "engine/core/task.py", "engine/factory/transactions.py"
UNIT, SIMULATED = "tests/unit/", "tests/faults/simulated.py"
COMMITTED = "        self._producer.poll(0)  # reports of the journal's offsets\n"

FAULTS = (
    Fault(
        "commit before produce",
        (
            (TRANSACTIONS, "            self._write(work)\n", ""),
            (
                TRANSACTIONS,
                COMMITTED,
                "        producer.begin_transaction()\n"
                "        for work in works:\n            self._write(work)\n"
                f"        producer.commit_transaction(TIMEOUT_S)\n{COMMITTED}",
            ),
        ),
        SIMULATED,
    ),
    Fault(
        "snapshot before commit",
        (
            (
                "engine/factory/scorer.py",
                "            self._transactions.commit(works, self._consumer)\n",
                "            for work in works:\n"
                "                self._snapshotting.write(self._tasks[work.partition])\n"
                "            self._transactions.commit(works, self._consumer)\n",
            ),
        ),
        SIMULATED,
    ),
    Fault(
        "journal entry dropped",
        (
            (
                TRANSACTIONS,
                "            self._write_entry(encode_entry(entry), partition)\n",
                "            if entry.sequence % 7 != 6:\n"
                "                self._write_entry(encode_entry(entry), partition)\n",
            ),
        ),
        SIMULATED,
    ),
    Fault(
        "learn before score",
        (
            (
                TASK,
                "        for time_ms, which, record, datum in heads:\n",
                "        for time_ms, which, record, datum in sorted(\n"
                "            heads, key=lambda head: head[1] != LABELS\n        ):\n",
            ),
        ),
        f"{UNIT}core/test_task.py",
    ),
    Fault(
        "unordered set in the features",
        (
            (
                "engine/core/features.py",
                "fields = (*declared.categorical, *declared.numeric)",
                "fields = tuple({*declared.categorical, *declared.numeric})",
            ),
        ),
        f"{UNIT}core/test_features.py",
    ),
    Fault(
        "unordered set in a recipe",
        (
            (
                "engine/models/estimators.py",
                "for name in self.names if name in x",
                "for name in set(self.names) if name in x",
            ),
        ),
        f"{UNIT}core/test_features.py",
    ),
    Fault(
        "unordered set in a tree",
        (
            (
                "engine/models/chance.py",
                "self._att_values = InOrder()",
                "pass",
            ),
        ),
        f"{UNIT}core/test_state_digest.py",
    ),
    Fault(
        "digest over keys only",
        (
            (
                "engine/core/journal.py",
                '(_HEADER(_KINDS[kind], *lengths), key or b"", value or b"")',
                '(_HEADER(_KINDS[kind], lengths[0], 0), key or b"")',
            ),
        ),
        f"{UNIT}core/test_journal.py",
    ),
    Fault(
        "expiry by wall clock",
        (
            (
                TASK,
                "                if join.due_ms <= time_ms:\n"
                "                    self._expire(run, time_ms)\n",
                "                now_ms = __import__('time').time_ns() // 1_000_000\n"
                "                if join.due_ms <= now_ms:\n"
                "                    self._expire(run, now_ms)\n",
            ),
        ),
        f"{UNIT}core/test_task.py",
    ),
    Fault(
        "label joined by record key",
        (
            (
                TASK,
                "                self._learn(run, record, datum)\n",
                "                about = (record[2] or b'').decode()\n"
                "                self._learn(run, record, {**datum, self._refers_to: about})\n",
            ),
            (TASK, "self._join.wait(identity, ", "self._join.wait((key or b'').decode(), "),
        ),
        f"{UNIT}core/test_task.py",
    ),
    Fault(
        "label of no declared class learned",
        (("engine/core/answer_rules.py", "        if label in known:\n", "        if label:\n"),),
        f"{UNIT}core/test_kinds.py",
    ),
    Fault(
        "anomaly learned before it is scored",
        (
            (
                TASK,
                "            scores = [score(features) for score in self._score_of]\n",
                "            if not self._rules.learns_labels:\n"
                "                self._teach(run, features, None)\n"
                "            scores = [score(features) for score in self._score_of]\n",
            ),
        ),
        f"{UNIT}core/test_kinds.py",
    ),
    Fault(
        "aborted records read",
        (
            (
                "engine/broker/clients.py",
                '"isolation.level": "read_committed"',
                '"isolation.level": "read_uncommitted"',
            ),
        ),
        "tests/broker/test_factory_inputs.py::test_labels_of_aborted_transactions_never_were",
    ),
    Fault(
        "an empty buffer taken for the end of the input",
        (
            (
                "engine/factory/inputs.py",
                "return 0 <= high <= position.next_offset",
                "return not self.polled[0] or high >= 0",
            ),
        ),
        SIMULATED,
    ),
    Fault(
        "running maximum moved by a record that was not taken",
        ((TASK, "high[which] = time_ms", "high[which] = buffers[which].high"),),
        f"{UNIT}core/test_task.py",
    ),
    Fault(
        "MAC not checked",
        (
            (
                "engine/core/snapshot.py",
                "if not hmac.compare_digest(mac, _mac(body, key)):",
                "if len(mac) != MAC_BYTES:",
            ),
        ),
        f"{UNIT}core/test_snapshot.py",
    ),
    Fault(
        "a learn that raised kept",
        (("engine/models/learning/learner.py", "            self._restore()\n", ""),),
        f"{UNIT}models/test_learner.py",
    ),
    Fault(
        "any global let into a state",
        (
            (
                "engine/models/state/unpickle.py",
                "if (module, name) not in GLOBALS:",
                "if not module:",
            ),
        ),
        f"{UNIT}models/test_state.py",
    ),
)
