"""The last days, published live at a steady rate, and how long until an answer is visible.

Called by `labline.engine.demo.run` while the factory's worker runs.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from confluent_kafka import Consumer, TopicPartition

from labline.engine.broker.clients import consumer_config
from labline.engine.broker.reader import partition_offsets
from labline.engine.core.scores import Answer, decode_answer
from labline.engine.demo.flights_source import DEPARTED, timeline
from labline.engine.demo.history import Days, publishers
from labline.engine.errors import LablineError
from labline.engine.workspace.workspace import Workspace

PATIENCE_S = 60.0
POLL_S = 0.01


@dataclass(frozen=True)
class Latency:
    """From the call of `send` until a ``read_committed`` reader had the answer, in ms."""

    answers: int
    p50_ms: float
    p99_ms: float
    events_per_s: float


class AnswerWatch:
    """A reader of answers that notes when each came into view.

    Parameters
    ----------
    topic
        The line's scores; read from where they end now.
    """

    def __init__(self, broker: str, topic: str) -> None:
        self._consumer = Consumer(consumer_config(broker, fetch_wait_max_ms=10))
        ends = partition_offsets(broker, [topic])[topic]
        self._consumer.assign([TopicPartition(topic, p, o.stable) for p, o in ends.items()])
        self.seen_s: dict[str, float] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "AnswerWatch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()
        self._consumer.close()

    def _watch(self) -> None:
        while not self._stopped.is_set():
            messages = self._consumer.consume(1, POLL_S)
            messages += self._consumer.consume(1_000, 0) if messages else []
            now_s = time.monotonic()
            for message in messages:
                answer = None if message.error() else decode_answer(message.value())
                if isinstance(answer, Answer):
                    self.seen_s.setdefault(answer.id, now_s)


def publish_live(
    space: Workspace,
    broker: str,
    scores: str,
    days: Days,
    rate: int,
    progress: Callable[[int], None],
) -> tuple[Counter[str], Latency]:
    """Publish departures at `rate` a second, landings between them as they come.

    Raises
    ------
    LablineError
        ``LL-DEMO-SILENCE`` when answers stay away for a minute.
    """
    sent: Counter[str] = Counter()
    sent_s: dict[str, float] = {}
    send = publishers(space, broker)
    with AnswerWatch(broker, scores) as watch:
        started_s = time.monotonic()
        for _, name, datum in timeline(days.first_live, days.last):
            if name == DEPARTED:
                due_s = started_s + sent[DEPARTED] / rate
                if (early_s := due_s - time.monotonic()) > 0:
                    time.sleep(early_s)
                if datum["dep_delay"] is not None:  # the others become dead letters
                    sent_s[datum["id"]] = time.monotonic()
                progress(1)
            send[name].send(datum)
            sent[name] += 1
        took_s = time.monotonic() - started_s
        for publisher in send.values():
            publisher.flush()
        _await_answers(watch, sent_s)
    latencies_ms = [(watch.seen_s[i] - at_s) * 1000 for i, at_s in sent_s.items()]
    p50_ms, p99_ms = np.percentile(latencies_ms, [50, 99]).tolist()
    return sent, Latency(len(latencies_ms), p50_ms, p99_ms, sent[DEPARTED] / took_s)


def _await_answers(watch: AnswerWatch, sent_s: dict[str, float]) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while missing := len(sent_s.keys() - watch.seen_s.keys()):
        if time.monotonic() > deadline_s:
            raise LablineError(
                "LL-DEMO-SILENCE",
                f"{missing} of {len(sent_s)} live events were not answered in {PATIENCE_S:.0f} s",
                "look at .labline/logs/ in the demo's folder",
            )
        time.sleep(POLL_S)
