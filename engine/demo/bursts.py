"""What the example's Faust agents made of the live days.

Called by `labline.engine.demo.run`, which runs the agents beside the factory's worker.
Their group's lag is no evidence that they are done: Faust's committed offsets were seen to stall
at transaction markers. So the records that they must have written are counted.
"""

import json
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from labline.engine.broker.reader import partition_offsets, read_range
from labline.engine.core.scores import Answer, decode_answer
from labline.engine.demo.processes import check_alive, is_stable
from labline.engine.errors import LablineError
from labline.engine.ops.lag import GroupLag

LATE, BURSTS = "flights-bursts.late", "flights.bursts"  # topics of examples/flights/agents.py
PATIENCE_S = 60.0
POLL_S = 0.2


def is_watching(lag: GroupLag) -> bool:
    """Tell whether the agents read their own topic too: made at their start, joined a bit later."""
    return is_stable(lag) and any(p.topic == LATE and p.member for p in lag.partitions)


def has_counted(lag: GroupLag) -> bool:
    """Tell whether all that was sent on was counted: that topic has no transactions in it."""
    return all(p.verdict == "caught up" for p in lag.partitions if p.topic == LATE)


def await_agents(
    broker: str,
    scores: str,
    since: Mapping[int, int],
    process: "subprocess.Popen[bytes]",
    log: Path,
) -> None:
    """Wait until the agents sent on every answer since these offsets that says late.

    Raises
    ------
    LablineError
        ``LL-DEMO-SILENCE`` when they do not within a minute.
    """
    expected = _expected_late(broker, scores, since)
    deadline_s = time.monotonic() + PATIENCE_S
    while (sent := _records(broker, LATE)) < expected:
        check_alive(process, log)
        if time.monotonic() > deadline_s:
            raise LablineError(
                "LL-DEMO-SILENCE",
                f"the agents sent on {sent} of {expected} predicted delays"
                f" within {PATIENCE_S:.0f} s",
                f"read {log}",
            )
        time.sleep(POLL_S)


def read_bursts(broker: str) -> list[dict[str, Any]]:
    """Return the airports and hours in which the agents saw a burst."""
    return [
        json.loads(record[3] or b"null")
        for partition, offsets in partition_offsets(broker, [BURSTS])[BURSTS].items()
        for batch in read_range(broker, BURSTS, partition, offsets.start, offsets.stable)
        for record in batch
    ]


def _expected_late(broker: str, scores: str, since: Mapping[int, int]) -> int:
    ends = partition_offsets(broker, [scores])[scores]
    answers = [
        decode_answer(record[3])
        for partition, start in since.items()
        for batch in read_range(broker, scores, partition, start, ends[partition].stable)
        for record in batch
    ]
    return sum(isinstance(one, Answer) and one.answer for one in answers)


def _records(broker: str, topic: str) -> int:
    return sum(o.stable - o.start for o in partition_offsets(broker, [topic])[topic].values())
